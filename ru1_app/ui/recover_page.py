"""The page of the loop: image, corruption and question left; recovery, scores and answers right; flag below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ru1_app.config import ROOT
from ru1_app.corruptions import CorruptionSpec, corrupt, entry_of
from ru1_app.errors import InvalidInput, Ru1Error
from ru1_app.intake import read_file
from ru1_app.pipeline import RunProgress, RunRequest, RunResult, make_question
from ru1_app.scenes.examples import load_examples
from ru1_app.ui import answers_view, flag_panel, inputs, scores_view, view
from ru1_app.ui.chain_editor import from_spec, to_spec
from ru1_app.ui.compare import compare
from ru1_app.ui.errors import shown
from ru1_app.ui.inputs import Source
from ru1_app.ui.thumbnails import sprite_style
from ru1_app.wiring import App, Loading

EXAMPLES = ROOT / "assets" / "examples"
NO_PICTURE = "Give an image first: drop a file, or pick an example."
NOTICE = {Loading.READY: "good", Loading.FAILED: "bad", Loading.LOADING: "busy", Loading.IDLE: "info"}
KEPT = 3600  # seconds for which an image and its result are held in memory for the person who made it
TO_RESULT = """() => {
  const place = document.querySelector('#result');
  const top = place.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2) place.scrollIntoView({behavior: 'smooth'});
}"""


def build_results() -> dict[str, Any]:
    """The right column."""
    parts: dict[str, Any] = {"loading": gr.HTML(view.notice("Starting…", "busy"), elem_id="loading", padding=False)}
    parts["progress"] = gr.HTML("", elem_id="progress", padding=False)
    parts["compare"] = gr.HTML(view.empty_result(), elem_id="compare", padding=False)
    gr.Markdown("### Scores")
    parts["scores"] = gr.HTML(view.small("Scores come with the recovery."), elem_id="scores", padding=False)
    gr.Markdown("### Answers")
    parts["answers"] = gr.HTML(view.small("Answers come with the recovery."), elem_id="answers", padding=False)
    parts["provenance"] = gr.HTML("", elem_id="provenance", padding=False)
    return parts


def build(app: App, demo: gr.Blocks) -> None:
    """Components, handlers, events."""
    settings = app.settings
    examples = load_examples(EXAMPLES)
    gr.set_static_paths([EXAMPLES])
    source_state, result_state = gr.State(None, time_to_live=KEPT), gr.State(None, time_to_live=KEPT)
    gr.HTML(
        view.header("RU1", "Damage a picture, watch a model recover it, see whether to believe it."), elem_id="head"
    )
    with gr.Row(elem_classes="ru1-columns"):
        with gr.Column(scale=2, min_width=320):
            left = inputs.build(settings, examples)
        with gr.Column(scale=3, min_width=320, elem_id="result"):
            right = build_results()
            panel = flag_panel.build()
    timer = gr.Timer(1.0)
    stopping: set[str | None] = set()  # sessions whose run is to end at its next step

    def show_loading() -> tuple[str, gr.Timer]:
        done = app.loading in (Loading.READY, Loading.FAILED)
        return view.notice(app.loading_text, NOTICE[app.loading]), gr.Timer(active=not done)

    def show_preview(values: dict[Any, Any]) -> dict[Any, Any]:
        spec, source = to_spec(values[left["chain"]]), values[source_state]
        text = inputs.AS_IS if spec is None else str(spec)
        changed: dict[Any, Any] = {left["spec"]: text}
        if source is not None:
            image = source.intake.image if spec is None else corrupt(source.intake.image, spec)
            if spec is not None and np.array_equal(image, source.intake.image):
                text += ": changes nothing on this image"
            changed[left["preview"]] = inputs.show_source(source, image, text)
        return changed

    def take(source: Source, values: dict[Any, Any]) -> dict[Any, Any]:
        return {
            source_state: source,
            left["note"]: "",
            left["sprite"]: sprite_style(source.intake.image),
            **show_preview({**values, source_state: source}),
        }

    def on_upload(values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
        path = Path(values[left["file"]])
        try:
            source = Source(read_file(path, settings))
        except Ru1Error as error:
            yield {left["file"]: None, left["note"]: view.notice(str(error), "bad")}
            raise
        finally:
            path.unlink(missing_ok=True)  # nothing of an upload stays on disk
        yield {left["file"]: None, **take(source, values)}

    def on_example(event: gr.SelectData, *given: Any) -> dict[Any, Any]:
        values = dict(zip(preview_inputs, given, strict=True))
        example = examples[int(event.index)]
        intake = replace(read_file(example.path, settings), name=example.label)
        asked = example.question
        options = [*(asked.options if asked else ()), *[""] * 4][:4]
        return {
            **take(Source(intake, example.source, example.license, asked), values),
            left["question"]: asked.text if asked else "",
            **dict(zip((left[letter] for letter in "ABCD"), options, strict=True)),
        }

    def on_address(person: gr.Request) -> dict[Any, Any]:
        """A chain in the address, `?spec=gaussian_noise@mid%237`; what is none is left aside, with a message."""
        text = (person.query_params.get("spec") if person else None) or ""
        if not text:
            return {left["spec"]: gr.skip()}
        return on_spec({left["spec"]: text, source_state: None})

    def on_spec(values: dict[Any, Any]) -> dict[Any, Any]:
        text = values[left["spec"]].strip()
        spec = None if text in ("", inputs.AS_IS) else CorruptionSpec.parse(text)
        for name in spec.names if spec else ():
            entry_of(name)
        chain = from_spec(spec)
        return {left["chain"]: chain, **show_preview({**values, left["chain"]: chain})}

    def request_of(values: dict[Any, Any]) -> RunRequest:
        source = values[source_state]
        if source is None:
            raise InvalidInput(NO_PICTURE)
        question = make_question(values[left["question"]] or "", tuple(values[left[letter]] or "" for letter in "ABCD"))
        known = source.question
        if known and question and (known.text, known.options) == (question.text, question.options):
            question = known
        return RunRequest(
            source.intake, to_spec(values[left["chain"]]), question, values[left["model"]], settings.answerer,
            int(values[left["seed"]] or 0), int(values[left["steps"]]), int(values[left["samples"]]),
            source.source, source.license,
        )  # fmt: skip

    def ready(note: str = "") -> dict[Any, Any]:
        return {
            right["progress"]: note,
            left["run"]: gr.Button(interactive=True),
            left["stop"]: gr.Button(visible=False),
        }

    def on_press(values: dict[Any, Any], person: gr.Request) -> dict[Any, Any]:
        """Before the run waits for its turn: refuse what cannot run, and say that it waits."""
        stopping.discard(person.session_hash)
        request_of(values)
        return {
            right["progress"]: view.progress("Waiting for its turn: another run is at work, or the models load", 0.0),
            left["run"]: gr.Button(interactive=False),
            left["stop"]: gr.Button(visible=True),
        }

    def on_run(values: dict[Any, Any], person: gr.Request) -> Iterator[dict[Any, Any]]:
        for event in app.pipeline.run(request_of(values)):
            if person.session_hash in stopping:
                yield ready(view.notice("Stopped. Your entries are as they were."))
                return
            if isinstance(event, RunProgress):
                yield {right["progress"]: view.progress(event.text, event.fraction, event.preview)}
            else:
                yield finished(event)

    def finished(result: RunResult) -> dict[Any, Any]:
        specs = {name: scorer.spec for name, scorer in app.pipeline.scorers().items()}
        return {
            **ready(),
            result_state: result,
            right["compare"]: compare(result) + view.draws(result.draws),
            right["scores"]: scores_view.scores(result.case, specs),
            right["answers"]: answers_view.answers(result.case),
            right["provenance"]: view.provenance(result.case, result.seconds),
            **flag_panel.fresh(panel, result),
        }

    def on_stop(person: gr.Request) -> dict[Any, Any]:
        # Gradio's own `cancels` leaves the queue's slot taken when the generator is inside a step.
        stopping.add(person.session_hash)
        return {left["stop"]: gr.Button(visible=False), right["progress"]: view.progress("Stopping", 0.0)}

    preview_inputs = [source_state, left["chain"]]
    preview_outputs = [left["spec"], left["preview"]]
    taken = [source_state, left["note"], left["sprite"], *preview_outputs]
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    quick: dict[str, Any] = {**private, "trigger_mode": "always_last"}
    timer.tick(show_loading, None, [right["loading"], timer], **private)
    left["file"].upload(shown(on_upload), {left["file"], *preview_inputs}, [left["file"], *taken], **private)
    if examples:
        fields = [left["question"], *(left[letter] for letter in "ABCD")]
        left["gallery"].select(shown(on_example), preview_inputs, [*taken, *fields], **quick)
    given = set(preview_inputs)
    left["chain"].changed(shown(show_preview), given, preview_outputs, **quick)
    left["spec"].submit(shown(on_spec), {left["spec"], *given}, [left["chain"], *preview_outputs], **quick)
    asked = {left[k] for k in ("question", "A", "B", "C", "D", "model", "steps", "samples", "seed")}
    acting = [right["progress"], left["run"], left["stop"]]
    results = [right[k] for k in ("compare", "scores", "answers", "provenance")]
    pressed = left["run"].click(shown(on_press), {*given, *asked}, acting, **private)
    running = pressed.success(
        shown(on_run), {*given, *asked}, [result_state, *acting, *results, *panel.values()],
        concurrency_id="model", concurrency_limit=1, **private,
    )  # fmt: skip
    running.failure(ready, None, acting, **private)
    left["run"].click(None, js=TO_RESULT, **private)
    left["stop"].click(on_stop, None, [left["stop"], right["progress"]], **private)
    demo.load(shown(on_address), None, [left["chain"], *preview_outputs], **private)
    flag_panel.connect(app, panel, result_state)
