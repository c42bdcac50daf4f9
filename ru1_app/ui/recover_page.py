"""The page of the loop: image, corruption and question left; recovery, scores and answers right; flag below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ru1_app.config import ROOT
from ru1_app.corruptions import CORRUPTIONS, LEVELS, MAX_SEED, CorruptionSpec, corrupt
from ru1_app.domain import Question
from ru1_app.errors import InvalidInput
from ru1_app.intake import Intake, read_file
from ru1_app.models import RECOVERERS
from ru1_app.pipeline import RunProgress, RunRequest, RunResult, make_question
from ru1_app.scenes.examples import Example, load_examples
from ru1_app.ui import flag_panel, view
from ru1_app.ui.errors import shown
from ru1_app.wiring import App, Loading

AS_IS = "as_is"
NO_PICTURE = "Give an image first: drop a file, paste one, or pick an example."


@dataclass(frozen=True, slots=True)
class Source:
    """The image in hand, with what is known of it."""

    intake: Intake
    source: str = "upload"
    license: str | None = None
    question: Question | None = None


def choices() -> list[tuple[str, str]]:
    """The corruption menu: as it is, then the registry by step of the imaging chain."""
    named = [(f"{entry.step.capitalize()}: {entry.label}", name) for name, entry in CORRUPTIONS.items()]
    return [("None: already corrupted, use as it is", AS_IS), *named]


def build_inputs(settings: Any, examples: list[Example]) -> dict[str, Any]:
    """The left column."""
    parts: dict[str, Any] = {}
    gr.Markdown("### 1 · Image")
    parts["file"] = gr.File(label="Drop a picture here, or click to choose one", elem_id="upload", height=110)
    if examples:
        parts["gallery"] = gr.Gallery(
            [(str(example.path), example.label) for example in examples],
            label="Or pick an example", columns=4, height=190, allow_preview=False, format="png",
            interactive=False, buttons=[], elem_id="examples",
        )  # fmt: skip
    parts["preview"] = gr.HTML(view.notice("No image yet."), elem_id="preview")
    gr.Markdown("### 2 · Corruption")
    parts["corruption"] = gr.Dropdown(
        choices(), value="gaussian_noise", label="What damages it", elem_id="corruption", filterable=True
    )
    parts["level"] = gr.Radio(list(LEVELS), value="mid", label="Level", elem_id="level")
    with gr.Row():
        parts["severity"] = gr.Slider(
            0, 1, value=round(LEVELS["mid"], 4), step=0.01, label="Severity", elem_id="severity"
        )
        parts["noise_seed"] = gr.Number(
            0, label="Corruption seed", precision=0, minimum=0, maximum=MAX_SEED, elem_id="noise-seed", min_width=120
        )
    parts["spec"] = gr.Textbox(
        "gaussian_noise@mid#0", label="This corruption as text", buttons=["copy"], interactive=False, elem_id="spec"
    )
    gr.Markdown("### 3 · Question (optional)")
    parts["question"] = gr.Textbox(
        label="Question", placeholder="What colour is the traffic light?", max_length=500, elem_id="question"
    )
    with gr.Row():
        for letter in "ABCD":
            parts[letter] = gr.Textbox(
                label=f"Option {letter}", max_length=200, min_width=80, elem_id=f"option-{letter.lower()}"
            )
    with gr.Accordion("Model and sampling", open=False):
        names = [(entry.label, name) for name, entry in RECOVERERS.items()]
        parts["model"] = gr.Dropdown(names, value=settings.recoverer, label="Model", elem_id="model")
        parts["steps"] = gr.Slider(1, 20, value=settings.steps, step=1, label="Steps", elem_id="steps")
        parts["samples"] = gr.Slider(1, 8, value=settings.samples, step=1, label="Samples", elem_id="samples")
        parts["seed"] = gr.Number(settings.seed, label="Recovery seed", precision=0, minimum=0, elem_id="seed")
    parts["run"] = gr.Button("Recover", variant="primary", size="lg", elem_id="run")
    return parts


def build_results() -> dict[str, Any]:
    """The right column."""
    parts: dict[str, Any] = {"loading": gr.HTML(view.notice("Starting…", "busy"), elem_id="loading")}
    parts["progress"] = gr.HTML("", elem_id="progress")
    parts["compare"] = gr.HTML(view.empty_result(), elem_id="compare")
    gr.Markdown("### Scores")
    parts["scores"] = gr.HTML('<p class="ru1-small">Scores come with the recovery.</p>', elem_id="scores")
    gr.Markdown("### Answers")
    parts["answers"] = gr.HTML('<p class="ru1-small">Answers come with the recovery.</p>', elem_id="answers")
    parts["provenance"] = gr.HTML("", elem_id="provenance")
    return parts


def build(app: App) -> None:
    """Components, handlers, events."""
    settings = app.settings
    examples = load_examples(ROOT / "assets" / "examples")
    source_state, result_state = gr.State(None, time_to_live=3600), gr.State(None, time_to_live=3600)
    gr.HTML(
        '<header class="ru1-head"><h1>RU1</h1><p>Damage a picture, watch a model recover it, see whether to believe it. '
        '<a href="cases">Flagged cases</a></p></header>'
    )
    with gr.Row(elem_classes="ru1-columns"):
        with gr.Column(scale=2, min_width=320):
            left = build_inputs(settings, examples)
        with gr.Column(scale=3, min_width=320):
            right = build_results()
            panel = flag_panel.build()
    timer = gr.Timer(1.0)

    def show_loading() -> tuple[str, gr.Timer]:
        kinds = {Loading.READY: "good", Loading.FAILED: "bad", Loading.LOADING: "busy", Loading.IDLE: "info"}
        done = app.loading in (Loading.READY, Loading.FAILED)
        return view.notice(app.loading_text, kinds[app.loading]), gr.Timer(active=not done)

    def spec_of(values: dict[Any, Any]) -> CorruptionSpec | None:
        if values[left["corruption"]] == AS_IS:
            return None
        level, seed = values[left["level"]], values[left["noise_seed"]]
        severity = LEVELS[level] if level else float(values[left["severity"]])
        return CorruptionSpec(values[left["corruption"]], severity, int(seed or 0))

    def show_preview(values: dict[Any, Any]) -> dict[Any, Any]:
        spec, source = spec_of(values), values[source_state]
        text = "used as it is" if spec is None else str(spec)
        changed: dict[Any, Any] = {left["spec"]: text}
        if source is not None:
            image = source.intake.image if spec is None else corrupt(source.intake.image, spec)
            notes = "; ".join((source.intake.name, *source.intake.notes))
            caption = f"What the model gets ({text}) · {notes}"
            changed[left["preview"]] = view.picture(view.image_uri(image), "The image that the model gets", caption)
        return changed

    def take(source: Source, values: dict[Any, Any]) -> dict[Any, Any]:
        return {source_state: source, **show_preview({**values, source_state: source})}

    def on_upload(values: dict[Any, Any]) -> dict[Any, Any]:
        if values[left["file"]] is None:
            return {source_state: values[source_state]}
        return take(Source(read_file(Path(values[left["file"]]), settings)), values)

    def on_example(event: gr.SelectData, *inputs: Any) -> dict[Any, Any]:
        values = dict(zip(preview_inputs, inputs, strict=True))
        example = examples[int(event.index)]
        intake = replace(read_file(example.path, settings), name=example.label)
        asked = example.question
        options = [*(asked.options if asked else ()), *[""] * 4][:4]
        return {
            **take(Source(intake, example.source, example.license, asked), values),
            left["question"]: asked.text if asked else "",
            **dict(zip((left[letter] for letter in "ABCD"), options, strict=True)),
        }

    def on_level(values: dict[Any, Any]) -> dict[Any, Any]:
        return {left["severity"]: round(LEVELS[values[left["level"]]], 4), **show_preview(values)}

    def on_severity(values: dict[Any, Any]) -> dict[Any, Any]:
        return {left["level"]: None, **show_preview({**values, left["level"]: None})}

    def request_of(values: dict[Any, Any]) -> RunRequest:
        source = values[source_state]
        if source is None:
            raise InvalidInput(NO_PICTURE)
        question = make_question(values[left["question"]] or "", tuple(values[left[letter]] or "" for letter in "ABCD"))
        known = source.question
        if known and question and (known.text, known.options) == (question.text, question.options):
            question = known
        return RunRequest(
            source.intake, spec_of(values), question, values[left["model"]], settings.answerer,
            int(values[left["seed"]] or 0), int(values[left["steps"]]), int(values[left["samples"]]),
            source.source, source.license,
        )  # fmt: skip

    def on_run(values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
        request = request_of(values)
        yield {
            right["progress"]: view.notice("Waiting for the model…", "busy"),
            left["run"]: gr.Button(interactive=False),
        }
        try:
            for event in app.pipeline.run(request):
                if isinstance(event, RunProgress):
                    changed = {right["progress"]: view.notice(f"{event.text}…", "busy")}
                    if event.preview is not None:
                        uri = view.image_uri(event.preview)
                        changed[right["compare"]] = view.picture(uri, "The recovery as it stands", "as it stands")
                    yield changed
                else:
                    yield finished(event)
        except Exception:
            yield {right["progress"]: "", left["run"]: gr.Button(interactive=True)}
            raise

    def finished(result: RunResult) -> dict[Any, Any]:
        specs = {name: scorer.spec for name, scorer in app.scorers().items()}
        return {
            result_state: result,
            right["progress"]: "",
            left["run"]: gr.Button(interactive=True),
            right["compare"]: view.compare(result) + view.draws(result.draws),
            right["scores"]: view.scores(result.case, specs),
            right["answers"]: view.answers(result.case),
            right["provenance"]: view.provenance(result.case, result.seconds),
            **flag_panel.fresh(panel, result),
        }

    preview_inputs = [source_state, *(left[k] for k in ("corruption", "level", "severity", "noise_seed"))]
    preview_outputs = [left["spec"], left["preview"]]
    quick: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private"}
    private: dict[str, Any] = {"api_visibility": "private"}
    timer.tick(show_loading, None, [right["loading"], timer], show_progress="hidden", **private)
    left["file"].change(shown(on_upload), {left["file"], *preview_inputs}, [source_state, *preview_outputs], **private)
    if examples:
        left["gallery"].select(
            shown(on_example), preview_inputs,
            [source_state, *preview_outputs, left["question"], *(left[letter] for letter in "ABCD")], **private,
        )  # fmt: skip
    left["level"].input(shown(on_level), set(preview_inputs), [left["severity"], *preview_outputs], **quick)
    left["severity"].input(shown(on_severity), set(preview_inputs), [left["level"], *preview_outputs], **quick)
    for name in ("corruption", "noise_seed"):
        left[name].change(shown(show_preview), set(preview_inputs), preview_outputs, **quick)
    asked = {left[k] for k in ("question", "A", "B", "C", "D", "model", "steps", "samples", "seed")}
    left["run"].click(
        shown(on_run), {*preview_inputs, *asked},
        [result_state, left["run"], *(right[k] for k in ("progress", "compare", "scores", "answers", "provenance")),
         *panel.values()],
        concurrency_id="model", concurrency_limit=1, show_progress="hidden", **private,
    )  # fmt: skip
    flag_panel.connect(app, panel, result_state)
