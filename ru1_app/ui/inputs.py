"""The left column of the loop: image, corruption, question, model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ru1_app.config import Settings
from ru1_app.corruptions import LEVELS, MAX_SEED, CorruptionSpec
from ru1_app.domain import Question
from ru1_app.intake import Intake
from ru1_app.models.catalogue import Catalogue, Role
from ru1_app.models.states import ModelState
from ru1_app.scenes.examples import Example
from ru1_app.ui import view
from ru1_app.ui.chain_editor import ChainEditor, from_spec
from ru1_app.ui.preview import Preview, PreviewData
from ru1_app.wiring import App

CAMERA = """
<button type="button" class="ru1-look">Use the camera</button>
<div class="ru1-viewer" hidden><video autoplay playsinline muted aria-label="What the camera sees"></video>
<span class="ru1-row"><button type="button" class="ru1-take">Take the picture</button>
<button type="button" class="ru1-close">Close the camera</button></span></div>
"""  # upload.js does the rest
AS_IS = "used as it is"
FIRST = CorruptionSpec.of("gaussian_noise", LEVELS["mid"])  # what the page starts with


@dataclass(frozen=True, slots=True)
class Source:
    """The image in hand, with what is known of it."""

    intake: Intake
    source: str = "upload"
    license: str | None = None
    question: Question | None = None


def build(app: App, examples: list[Example]) -> dict[str, Any]:
    """All controls by name; `run` and `stop` stay in view while the column scrolls."""
    parts = {**_image(examples), **_corruption(), **_question(), **_model(app.catalogue, app.states(), app.settings)}
    with gr.Row(elem_id="actions"):
        parts["run"] = gr.Button("Recover", variant="primary", size="lg", elem_id="run")
        parts["stop"] = gr.Button("Stop", size="lg", elem_id="stop", visible=False, min_width=90, scale=0)
    return parts


def _image(examples: list[Example]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    gr.Markdown("### 1 · Image")
    parts["file"] = gr.File(label="Upload: drop, paste or choose a picture", elem_id="upload", height=130)
    gr.HTML(CAMERA, elem_id="camera", padding=False)
    parts["note"] = gr.HTML("", elem_id="upload-note", padding=False)
    if examples:
        parts["gallery"] = gr.Gallery(
            [(str(example.path), example.label) for example in examples],
            label="Or pick an example", columns=4, height="auto", allow_preview=False, format="png",
            interactive=False, buttons=[], elem_id="examples",
        )  # fmt: skip
    parts["preview"] = Preview(elem_id="preview", padding=False)
    parts["sprite"] = gr.HTML("", elem_id="sprite", padding=False)
    return parts


def _corruption() -> dict[str, Any]:
    gr.Markdown("### 2 · Corruption")
    return {
        "chain": ChainEditor(from_spec(FIRST), elem_id="chain", padding=False),
        "spec": gr.Textbox(
            str(FIRST), label="As text: copy it, or paste one and press Enter", elem_id="spec", max_length=600,
            buttons=["copy"],
        ),
    }  # fmt: skip


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


def _model(catalogue: Catalogue, states: list[ModelState], settings: Settings) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    here = {state.entry.name for state in states if state.available}
    recoverers, answerers = (
        [(e.label if e.name in here else f"{e.label} · not here", e.name) for e in catalogue.having(role)]
        for role in (Role.RECOVER, Role.ANSWER)
    )
    first = catalogue.entry("", Role.RECOVER)
    with gr.Accordion("Model and sampling", open=False, elem_id="sampling"):
        parts["model"] = gr.Dropdown(recoverers, value=first.name, label="Recovers", elem_id="model")
        parts["reason"] = gr.Checkbox(
            label="Recover and reason in one pass (needs a question)", value=False, elem_id="reason",
            visible=Role.REASON in first.roles,
        )  # fmt: skip
        parts["answerer"] = gr.Dropdown(
            answerers, value=catalogue.entry("", Role.ANSWER).name, label="Answers", elem_id="answerer"
        )
        parts["other"] = gr.Dropdown(
            [("no other model", ""), *recoverers], value="", label="Compare with, on the same input and seed",
            elem_id="other",
        )  # fmt: skip
        parts["steps"] = gr.Slider(
            1, 100, value=settings.steps or first.steps, step=1, label="Steps", elem_id="steps", buttons=[]
        )
        parts["samples"] = gr.Slider(
            1, 8, value=settings.samples, step=1, label="Samples", elem_id="samples", buttons=[]
        )
        parts["seed"] = gr.Number(
            settings.seed, label="Recovery seed", precision=0, minimum=0, maximum=MAX_SEED, elem_id="seed"
        )
        with gr.Accordion("About the models", open=False, elem_id="about-models"):
            parts["models"] = gr.HTML("", elem_id="models", padding=False)
    return parts


def show_source(source: Source, image: Any, text: str) -> PreviewData:
    """The preview of what the model will get; large images are shown smaller, and are used whole."""
    height, width = image.shape[:2]
    notes = "; ".join((source.intake.name, f"{width}x{height}", *source.intake.notes))
    small = view.preview_uri(view.reduced(image, view.PREVIEW_SIDE))
    return PreviewData(
        image=small, alt="The image that the model gets", caption=f"What the model gets ({text}) · {notes}"
    )
