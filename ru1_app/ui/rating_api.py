"""The rating desk as an API: what the rating page and the Gradio client call. Shapes values into JSON, nothing else.

Every call is `POST /gradio_api/run/<name>`, or `Client.predict(..., api_name="/<name>")`. A result is a dict; a refusal
is `{"error": {"kind", "message"}}`. docs/rating_api.md lists all of them with their fields.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable
from typing import Any

import gradio as gr

from ru1_app.domain import Case, Rating, Stage
from ru1_app.errors import Conflict, Forbidden, InvalidInput, NotFound, Ru1Error, SignedOut, Unavailable
from ru1_app.flagging import MAX_COMMENT, MAX_REGIONS
from ru1_app.items import ItemKind, PairVote, Person, Purpose
from ru1_app.protocol import FOLDER, load_protocol, taxonomy
from ru1_app.rating.desk import Progress, Served, Submitted, TurnView
from ru1_app.rating.forms import impact_of
from ru1_app.rating.gate import Gate
from ru1_app.ui import gallery_api
from ru1_app.ui.markdown import to_html
from ru1_app.wiring import App

log = logging.getLogger(__name__)
KINDS: dict[type[Ru1Error], str] = {
    SignedOut: "signed_out", Forbidden: "forbidden", Conflict: "conflict", NotFound: "not_found",
    InvalidInput: "invalid_input", Unavailable: "unavailable",
}  # fmt: skip
SKIP_REASONS = ("The images do not load", "I know this image or made it", "It shows what I do not want to see")
Json = dict[str, Any]


def build(app: App) -> None:
    """Register every call. Inside a `gr.Blocks`."""
    for name, call in (calls(app) | gallery_api.calls(app)).items():
        gr.api(said(call), api_name=name, queue=False)
    if os.environ.get("OAUTH_CLIENT_ID"):  # set by a Space; elsewhere Gradio would sign in whoever runs the server
        gr.api(said(sign_in_hf_call(app)), api_name="sign_in_hf", queue=False)


def sign_in_hf_call(app: App) -> Callable[..., Json]:
    """The sign-in of a Space: Gradio gives the profile that Hugging Face vouched for in this browser's session."""

    def sign_in_hf(profile: gr.OAuthProfile | None) -> dict:
        if profile is None:
            raise SignedOut("Hugging Face has not said who you are. Sign in with the button, then come back.")
        token, person = app.accounts.hugging_face(profile.username)
        return {"token": token, "person": _person(app, person)}

    return sign_in_hf


def said(call: Callable[..., Json]) -> Callable[..., Json]:
    """The same call; an error is told as a value, so that what was typed is never lost to a failed request."""

    @functools.wraps(call)
    def told(*values: Any) -> Json:
        try:
            return call(*values)
        except Ru1Error as error:
            kind = next((name for type_, name in KINDS.items() if isinstance(error, type_)), "unavailable")
            return refusal(kind, str(error))
        except Exception:
            log.exception("%s failed", call.__name__)
            return refusal("unavailable", "Something failed on the server; nothing was stored. Try again.")

    told.__signature__ = inspect.signature(call, eval_str=True)  # type: ignore[attr-defined]
    told.__annotations__ = inspect.get_annotations(call, eval_str=True)
    return told


def refusal(kind: str, message: str) -> Json:
    """An error as a value."""
    return {"error": {"kind": kind, "message": message}}


def calls(app: App) -> dict[str, Callable[..., Json]]:
    """Every call by name."""

    def sign_in(name: str, password: str) -> dict:
        token, person = app.accounts.sign_in(name, password)
        return {"token": token, "person": _person(app, person)}

    def sign_out(token: str) -> dict:
        app.accounts.sign_out(token)
        return {}

    def me(token: str) -> dict:
        return {"person": _person(app, app.accounts.person_of(token))}

    def next_item(token: str, tab: str, hint: str = "") -> dict:
        return _turn(app.desk.next_item(app.accounts.person_of(token), tab, hint))

    def heartbeat(token: str, tab: str, item: str) -> dict:
        return {"lease_seconds": app.desk.heartbeat(app.accounts.person_of(token), tab, item)}

    def save_draft(token: str, tab: str, item: str, stage: str, body: dict | None) -> dict:
        saved = app.desk.save_draft(app.accounts.person_of(token), tab, item, stage, body)
        return {"saved_at": saved.isoformat()}

    def submit_rating(token: str, tab: str, item: str, stage: str, judgement: dict) -> dict:
        return _submitted(app.desk.submit(app.accounts.person_of(token), tab, item, stage, judgement))

    def pair(token: str, tab: str, item: str, choice: str, comment: str, duration_ms: float, request_id: str) -> dict:
        form = {"choice": choice, "comment": comment, "duration_ms": duration_ms, "request_id": request_id}
        return _submitted(app.desk.vote(app.accounts.person_of(token), tab, item, form))

    def finish(token: str, tab: str, item: str) -> dict:
        return _turn(app.desk.finish(app.accounts.person_of(token), tab, item))

    def skip(token: str, tab: str, item: str, reason: str) -> dict:
        return _turn(app.desk.skip(app.accounts.person_of(token), tab, item, reason))

    def undo(token: str, tab: str) -> dict:
        return _turn(app.desk.undo(app.accounts.person_of(token), tab))

    def stats(token: str) -> dict:
        return app.reports.stats(app.accounts.person_of(token))

    def adjudicate(token: str, item: str, judgement: dict) -> dict:
        return {"state": app.desk.adjudicate(app.accounts.person_of(token), item, judgement).state.value}

    def words() -> dict:
        return protocol_words()

    return {
        each.__name__: each
        for each in (
            sign_in, sign_out, me, next_item, heartbeat, save_draft, submit_rating, pair, finish, skip,
            undo, stats, adjudicate, words,
        )
    }  # fmt: skip


def protocol_words() -> Json:
    """What the page judges with: the taxonomy, the guidelines, the limits."""
    protocol = load_protocol()
    return {
        "taxonomy": taxonomy(),
        "guidelines": {"version": protocol.guideline_version, "html": to_html(protocol.guidelines, FOLDER)},
        "skip_reasons": list(SKIP_REASONS),
        "max_comment": MAX_COMMENT,
        "max_regions": MAX_REGIONS,
    }


def image_url(sha: str) -> str:
    """Where the page finds a stored image, below the app's root."""
    return f"ru1/images/{sha}.png"


def _person(app: App, person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "role": person.role.value,
        "gate": _gate(app.gates.gate(person)),
    }


def _gate(gate: Gate) -> Json:
    return {
        "passed": gate.passed, "failed": gate.failed, "done": gate.done, "of": gate.of, "right": gate.right,
        "needed": gate.needed, "attempt": gate.attempt + 1,
    }  # fmt: skip


def _turn(view: TurnView) -> Json:
    draft = view.draft
    return {
        "item": _item(view.served) if view.served else None,
        "upcoming": [{"id": id_, "images": _loaded_ahead(cases)} for id_, cases in view.upcoming],
        "draft": {"stage": draft.stage, "body": dict(draft.body), "saved_at": draft.saved_at.isoformat()}
        if draft
        else None,
        "progress": _progress(view.progress),
        "undo": view.progress.undo,
    }


def _progress(progress: Progress) -> Json:
    counts = {"today": progress.today, "total": progress.total, "open": progress.open}
    return {**counts, "gate": _gate(progress.gate)}


def _submitted(done: Submitted) -> Json:
    grade = done.grade
    return {
        "rating": done.judgement_id,
        "feedback": {
            "passed": grade.passed,
            "text": grade.feedback,
            "regions": [_region(region) for region in grade.regions],
        }
        if grade
        else None,
        "stage": done.stage or None,
        "view": _stage_view(done.served) if done.served else None,
        "turn": _turn(done.turn) if done.turn else None,
    }


def _item(served: Served) -> Json:
    """What a rater may see; never a model's name, a score, or anybody else's judgement."""
    item, case = served.item, served.case
    pair = item.kind is ItemKind.PAIR
    return {
        "id": item.id,
        "kind": item.kind.value,
        "purpose": "training" if item.purpose is Purpose.TRAINING else "work",
        "stage": served.stage,
        "images": _pair_images(served) if pair else _images(case),
        "lease_seconds": max(0, round((served.turn.expires_at - served.asked_at).total_seconds())),
        "view": _stage_view(served),
        "previous": _judgement(served.previous) if served.previous else None,
    }


def _loaded_ahead(cases: tuple[Case, ...]) -> Json:
    """Of a pair: both recoveries in an order that says nothing of their sides."""
    if len(cases) == 1:
        return _images(cases[0])
    one, other = sorted(case.recovery.image_sha for case in cases)
    shas = {"corrupted": cases[0].sample.corrupted_sha, "one": one, "other": other}
    return {name: image_url(sha) for name, sha in shas.items()}


def _images(case: Case) -> Json:
    return {"corrupted": image_url(case.sample.corrupted_sha), "recovered": image_url(case.recovery.image_sha)}


def _pair_images(served: Served) -> Json:
    shas = {each.id: each.recovery.image_sha for each in (served.case, served.other) if each}
    left, right = (shas[id_] for id_ in served.sides or ())
    images = {"corrupted": served.case.sample.corrupted_sha, "left": left, "right": right}
    if served.beside and (reference := served.case.sample.reference_sha):
        images["reference"] = reference
    return {side: image_url(sha) for side, sha in images.items()}


def _stage_view(served: Served) -> Json | None:
    sample = served.case.sample
    if served.stage == Stage.ANSWER.value and sample.question:
        return {
            "question": sample.question.text,
            "options": list(sample.question.options),
            "answers": [
                {"condition": a.condition.value, "text": a.answered.text, "choice": a.answered.choice}
                for a in served.case.answers
            ],
            "derived_impact": impact_of(served.case).value,
        }
    if served.stage == Stage.REVEAL.value and sample.reference_sha and served.blind:
        return {"reference": image_url(sample.reference_sha), "blind": _judgement(served.blind)}
    return None


def _judgement(judgement: Rating | PairVote) -> Json:
    if isinstance(judgement, PairVote):
        return {"choice": judgement.choice.value, "comment": judgement.comment}
    return {
        "verdict": judgement.verdict.value,
        "severity": judgement.severity,
        "categories": dict(judgement.categories),
        "regions": [_region(region) for region in judgement.regions],
        "confidence": judgement.confidence,
        "comment": judgement.comment,
        "answer_impact": judgement.answer_impact.value,
        "supported_by_input": judgement.supported_by_input,
        "global_rating": judgement.global_rating,
    }


def _region(region: Any) -> Json:
    return {"x0": region.x0, "y0": region.y0, "x1": region.x1, "y1": region.y1, "category": region.category}
