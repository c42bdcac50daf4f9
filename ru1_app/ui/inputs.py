"""The left column of the loop: image, corruption, question, model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ru1_app.config import Settings
from ru1_app.corruptions import CORRUPTIONS, LEVELS, MAX_SEED, CorruptionSpec, CorruptionStep
from ru1_app.domain import Question
from ru1_app.intake import Intake
from ru1_app.models import RECOVERERS
from ru1_app.scenes.examples import Example
from ru1_app.ui import view

AS_IS = "as_is"
FIRST = CorruptionStep("gaussian_noise", LEVELS["mid"])  # what the page starts with


@dataclass(frozen=True, slots=True)
class Source:
    """The image in hand, with what is known of it."""

    intake: Intake
    source: str = "upload"
    license: str | None = None
    question: Question | None = None


def menu() -> list[tuple[str, str]]:
    """The corruptions: as it is, then the registry by step of the imaging chain."""
    named = [(f"{entry.step.capitalize()}: {entry.label}", name) for name, entry in CORRUPTIONS.items()]
    return [("None: already corrupted, use as it is", AS_IS), *named]


def build(settings: Settings, examples: list[Example]) -> dict[str, Any]:
    """All controls by name; `run` and `stop` stay in view while the column scrolls."""
    parts = {**_image(examples), **_corruption(), **_question(), **_model(settings)}
    with gr.Row(elem_id="actions"):
        parts["run"] = gr.Button("Recover", variant="primary", size="lg", elem_id="run")
        parts["stop"] = gr.Button("Stop", size="lg", elem_id="stop", visible=False, min_width=90, scale=0)
    return parts


def _image(examples: list[Example]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    gr.Markdown("### 1 · Image")
    parts["file"] = gr.File(label="Upload: drop, paste or choose a picture", elem_id="upload", height=130)
    parts["note"] = gr.HTML("", elem_id="upload-note", padding=False)
    if examples:
        parts["gallery"] = gr.Gallery(
            [(str(example.path), example.label) for example in examples],
            label="Or pick an example", columns=4, height="auto", allow_preview=False, format="png",
            interactive=False, buttons=[], elem_id="examples",
        )  # fmt: skip
    parts["preview"] = gr.HTML("", elem_id="preview", padding=False)
    return parts


def _corruption() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    gr.Markdown("### 2 · Corruption")
    parts["corruption"] = gr.Dropdown(menu(), value=FIRST.name, label="What damages it", elem_id="corruption")
    with gr.Column(elem_id="strength") as parts["strength"]:
        with gr.Row():
            parts["level"] = gr.Radio(
                list(LEVELS), value=FIRST.level, label="Level", elem_id="level", min_width=250, scale=3
            )
            parts["severity"] = gr.Slider(
                0, 1, value=round(FIRST.severity, 4), step=0.01, label="Severity", elem_id="severity",
                min_width=150, scale=2, buttons=[],
            )  # fmt: skip
        with gr.Row(elem_id="seed-row"):
            parts["noise_seed"] = gr.Number(
                0, label="Corruption seed", precision=0, minimum=0, maximum=MAX_SEED,
                elem_id="noise-seed", min_width=120,
            )  # fmt: skip
            parts["dice"] = gr.Button("New seed", elem_id="dice", min_width=110, scale=0)
        parts["spec"] = gr.Textbox(
            str(CorruptionSpec((FIRST,))), label="As text: copy it, or paste one and press Enter", elem_id="spec",
            max_length=400, buttons=["copy"],
        )  # fmt: skip
    return parts


def _question() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    gr.Markdown("### 3 · Question (optional)")
    parts["question"] = gr.Textbox(
        label="Question", placeholder="What colour is the traffic light?", max_length=500, elem_id="question"
    )
    with gr.Row(elem_id="options"):
        for letter in "ABCD":
            parts[letter] = gr.Textbox(
                label=f"Option {letter}", max_length=200, min_width=110, elem_id=f"option-{letter.lower()}"
            )
    return parts


def _model(settings: Settings) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    names = [(entry.label, name) for name, entry in RECOVERERS.items()]
    with gr.Accordion("Model and sampling", open=False, elem_id="sampling"):
        parts["model"] = gr.Dropdown(names, value=settings.recoverer, label="Model", elem_id="model")
        parts["steps"] = gr.Slider(1, 20, value=settings.steps, step=1, label="Steps", elem_id="steps", buttons=[])
        parts["samples"] = gr.Slider(
            1, 8, value=settings.samples, step=1, label="Samples", elem_id="samples", buttons=[]
        )
        parts["seed"] = gr.Number(
            settings.seed, label="Recovery seed", precision=0, minimum=0, maximum=MAX_SEED, elem_id="seed"
        )
    return parts


def show_source(source: Source, image: Any, text: str) -> str:
    """The preview of what the model will get; large images are shown smaller, and are used whole."""
    height, width = image.shape[:2]
    notes = "; ".join((source.intake.name, f"{width}x{height}", *source.intake.notes))
    small = view.image_uri(view.reduced(image, view.PREVIEW_SIDE))
    return view.picture(small, "The image that the model gets", f"What the model gets ({text}) · {notes}")
