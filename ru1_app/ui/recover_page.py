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
from ru1_app.errors import Ru1Error
from ru1_app.intake import read_file
from ru1_app.scenes.examples import load_examples
from ru1_app.ui import flag_panel, inputs, models_view, run_panel, view
from ru1_app.ui.chain_editor import from_spec, to_spec
from ru1_app.ui.errors import shown
from ru1_app.ui.inputs import Source
from ru1_app.ui.thumbnails import sprite_style
from ru1_app.wiring import App, Loading

EXAMPLES = ROOT / "assets" / "examples"
NOTICE = {Loading.READY: "good", Loading.FAILED: "bad", Loading.LOADING: "busy", Loading.IDLE: "info"}
KEPT = 3600  # seconds for which an image and its result are held in memory for the person who made it


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
            left = inputs.build(app, examples)
        with gr.Column(scale=3, min_width=320, elem_id="result"):
            right = run_panel.build()
            panel = flag_panel.build()
    timer = gr.Timer(1.0)

    def show_loading() -> tuple[str, str, gr.Timer]:
        done = app.loading in (Loading.READY, Loading.FAILED)
        told = view.notice(app.loading_text, NOTICE[app.loading])
        return told, models_view.models(app.states()), gr.Timer(active=not done)

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

    preview_inputs = [source_state, left["chain"]]
    preview_outputs = [left["spec"], left["preview"]]
    taken = [source_state, left["note"], left["sprite"], *preview_outputs]
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    quick: dict[str, Any] = {**private, "trigger_mode": "always_last"}
    timer.tick(show_loading, None, [right["loading"], left["models"], timer], **private)
    left["file"].upload(shown(on_upload), {left["file"], *preview_inputs}, [left["file"], *taken], **private)
    if examples:
        fields = [left["question"], *(left[letter] for letter in "ABCD")]
        left["gallery"].select(shown(on_example), preview_inputs, [*taken, *fields], **quick)
    given = set(preview_inputs)
    left["chain"].changed(shown(show_preview), given, preview_outputs, **quick)
    left["spec"].submit(shown(on_spec), {left["spec"], *given}, [left["chain"], *preview_outputs], **quick)
    demo.load(shown(on_address), None, [left["chain"], *preview_outputs], **private)
    flag_panel.connect(app, panel, result_state)
    run_panel.connect(app, left, right, panel, run_panel.States(source_state, result_state))
