"""The right column: running one or two models, their progress and results; and which models there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from ru1_app.asking import make_question
from ru1_app.errors import InvalidInput, Ru1Error
from ru1_app.models.catalogue import Role
from ru1_app.pipeline import RunProgress, RunRequest, RunResult
from ru1_app.ui import answers_view, flag_panel, models_view, scores_view, view
from ru1_app.ui.chain_editor import to_spec
from ru1_app.ui.compare import compare
from ru1_app.ui.errors import shown
from ru1_app.ui.versus import versus
from ru1_app.wiring import App

NO_PICTURE = "Give an image first: drop a file, or pick an example."
WAITING = "Waiting for its turn: another run is at work, or the models load"
STOPPED = "Stopped. Your entries are as they were."
KEPT = 3600  # seconds for which results are held in memory for the person who made them
TO_RESULT = """() => {
  const place = document.querySelector('#result');
  const top = place.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2) place.scrollIntoView({behavior: 'smooth'});
}"""
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class States(NamedTuple):
    """What is held for a person: the image in hand, and the result in view."""

    source: gr.State
    result: gr.State


def build() -> dict[str, Any]:
    """The places of the results."""
    parts: dict[str, Any] = {"loading": gr.HTML(view.notice("Starting…", "busy"), elem_id="loading", padding=False)}
    parts["progress"] = gr.HTML("", elem_id="progress", padding=False)
    parts["which"] = gr.Radio([], label="Recovery in view", visible=False, elem_id="which")
    parts["compare"] = gr.HTML(view.empty_result(), elem_id="compare", padding=False)
    gr.Markdown("### Scores")
    parts["scores"] = gr.HTML(view.small("Scores come with the recovery."), elem_id="scores", padding=False)
    gr.Markdown("### Answers")
    parts["answers"] = gr.HTML(view.small("Answers come with the recovery."), elem_id="answers", padding=False)
    parts["provenance"] = gr.HTML("", elem_id="provenance", padding=False)
    parts["versus"] = gr.HTML("", elem_id="versus", padding=False)
    return parts


def connect(app: App, left: dict[str, Any], right: dict[str, Any], panel: dict[str, Any], states: States) -> None:
    """Events of a run and of the choice of models."""
    both = gr.State(None, time_to_live=KEPT)  # the results of two models, in order
    stopping: set[str | None] = set()  # sessions whose run is to end at its next step

    def on_press(values: dict[Any, Any], person: gr.Request) -> dict[Any, Any]:
        """Before the run waits for its turn: refuse what cannot run, and say that it waits."""
        stopping.discard(person.session_hash)
        _requests(app, left, values, states)
        return {
            right["progress"]: view.progress(WAITING, 0.0),
            left["run"]: gr.Button(interactive=False),
            left["stop"]: gr.Button("Stop", visible=True, interactive=True),
        }

    def on_run(values: dict[Any, Any], person: gr.Request) -> Iterator[dict[Any, Any]]:
        requests = _requests(app, left, values, states)
        results: list[RunResult] = []
        note = ""
        for request in requests:
            name = f"{_label(app, request.model)}: " if len(requests) > 1 else ""
            try:
                for event in app.run(request):
                    if person.session_hash in stopping:
                        note = STOPPED
                        break
                    if isinstance(event, RunProgress):
                        text = view.progress(name + event.text, event.fraction, event.preview, event.words)
                        yield {right["progress"]: text}
                    else:
                        results.append(event)
            except Ru1Error as error:
                if not results:
                    raise
                note = f"{name}{error}"
            if note:
                break
        if not results:
            yield ready(view.notice(note))
            return
        labels = [_label(app, request.model) for request in requests[: len(results)]]
        yield {**finished(results, labels), **({right["progress"]: view.notice(note)} if note else {})}

    def ready(note: str = "") -> dict[Any, Any]:
        return {
            right["progress"]: note,
            left["run"]: gr.Button(interactive=True),
            left["stop"]: gr.Button(visible=False),
        }

    def finished(results: list[RunResult], labels: list[str]) -> dict[Any, Any]:
        specs = {name: scorer.spec for name, scorer in app.pipeline.scorers().items()}
        two = len(results) == 2
        names = [(label, number) for number, label in enumerate(labels)]
        table = versus((labels[0], labels[1]), (results[0], results[1]), specs) if two else ""
        return {
            **ready(),
            **in_view(results[0]),
            both: results if two else None,
            right["which"]: gr.Radio(names, value=0, visible=two),
            right["versus"]: table,
            left["models"]: models_view.models(app.states()),
        }

    def in_view(result: RunResult) -> dict[Any, Any]:
        specs = {name: scorer.spec for name, scorer in app.pipeline.scorers().items()}
        return {
            states.result: result,
            right["compare"]: compare(result) + view.draws(result.draws),
            right["scores"]: scores_view.scores(result.case, specs),
            right["answers"]: answers_view.answers(result.case),
            right["provenance"]: view.provenance(result.case, result.seconds),
            **flag_panel.fresh(panel, result),
        }

    def on_which(results: list[RunResult] | None, number: int) -> dict[Any, Any]:
        if not results:
            raise InvalidInput("These recoveries are no longer held. Press Recover again; your entries stay.")
        return in_view(results[number])

    def on_stop(person: gr.Request) -> dict[Any, Any]:
        # Gradio's own `cancels` leaves the queue's slot taken when the generator is inside a step. Only the button says
        # that it was pressed: a text in the run's place could arrive after its own "Stopped", and cover it.
        stopping.add(person.session_hash)
        return {left["stop"]: gr.Button("Stopping …", interactive=False)}

    def on_model(name: str) -> dict[Any, Any]:
        """The steps that this model is used with, and whether it can reason."""
        entry = app.catalogue.entry(name, Role.RECOVER)
        reasons = Role.REASON in entry.roles
        return {
            left["steps"]: app.settings.steps or entry.steps,
            left["reason"]: gr.Checkbox(visible=reasons, value=False),
        }

    given = {states.source, left["chain"]}
    asked = {left[k] for k in ("question", "A", "B", "C", "D", *MODEL_FIELDS)}
    acting = [right["progress"], left["run"], left["stop"]]
    shows = [right[k] for k in ("compare", "scores", "answers", "provenance")]
    viewed = [states.result, *shows, *panel.values()]
    pressed = left["run"].click(shown(on_press), {*given, *asked}, acting, **PRIVATE)
    running = pressed.success(
        shown(on_run), {*given, *asked}, [*viewed, *acting, both, right["which"], right["versus"], left["models"]],
        concurrency_id="model", concurrency_limit=1, **PRIVATE,
    )  # fmt: skip
    running.failure(ready, None, acting, **PRIVATE)
    left["run"].click(None, js=TO_RESULT, **PRIVATE)
    left["stop"].click(on_stop, None, [left["stop"]], **PRIVATE)
    left["model"].change(shown(on_model), left["model"], [left["steps"], left["reason"]], **PRIVATE)
    right["which"].input(shown(on_which), [both, right["which"]], viewed, **PRIVATE)


MODEL_FIELDS = ("model", "answerer", "other", "reason", "steps", "samples", "seed")


def _requests(app: App, left: dict[str, Any], values: dict[Any, Any], states: States) -> list[RunRequest]:
    """What is to be run: one request, or one for each of two models."""
    source = values[states.source]
    if source is None:
        raise InvalidInput(NO_PICTURE)
    question = make_question(values[left["question"]] or "", tuple(values[left[letter]] or "" for letter in "ABCD"))
    known = source.question
    if known and question and (known.text, known.options) == (question.text, question.options):
        question = known
    model, answerer, other, reason, steps, samples, seed = (values[left[name]] for name in MODEL_FIELDS)
    first = RunRequest(
        source.intake, to_spec(values[left["chain"]]), question, model, answerer, int(seed or 0), int(steps),
        int(samples), source.source, source.license, reason=bool(reason),
    )  # fmt: skip
    app.check(model, Role.RECOVER)
    if question is not None:
        app.check(answerer, Role.ANSWER)
    if first.reason and question is None:
        raise InvalidInput("Recovering and reasoning in one pass needs a question. Type one under 3, or untick it.")
    if not other:
        return [first]
    if other == model:
        raise InvalidInput("The model to compare with is the model itself. Choose another one, or none.")
    entry = app.check(other, Role.RECOVER)
    return [first, replace(first, model=other, steps=entry.steps, reason=False)]


def _label(app: App, name: str) -> str:
    return app.catalogue.entry(name, Role.RECOVER).label
