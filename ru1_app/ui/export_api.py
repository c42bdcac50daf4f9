"""The export page's calls. They are the page's own, so private; a program exports with `ru1 export`.

Whoever calls is told apart by the token alone: `Releases` decides what may be had.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from ru1_app.errors import Forbidden
from ru1_app.export import hub
from ru1_app.export.cases.selection import Selection
from ru1_app.export.jobs.background import ENDED, Job, State
from ru1_app.export.jobs.past import past_of
from ru1_app.export.jobs.releases import Looked, Made, allowed, leads
from ru1_app.items import Person
from ru1_app.store.release_sql import Released
from ru1_app.ui import export_form, export_plan, export_view, rating_api
from ru1_app.ui.export_query import asked_of, cases_of
from ru1_app.ui.release_route import address
from ru1_app.ui.thumbs import Thumbs
from ru1_app.wiring import App


def build(app: App) -> None:
    """Register every call. Inside a `gr.Blocks`."""
    for name, call in calls(app).items():
        gr.api(rating_api.said(call), api_name=name, queue=False, api_visibility="private")


def calls(app: App) -> dict[str, Callable[..., dict[str, Any]]]:
    """Every call by name."""
    thumbs = Thumbs(lambda sha: app.store.image(sha))

    def person_of(token: str) -> Person | None:
        return app.accounts.person_of(token) if token else None

    def asked(query: str) -> tuple[Selection, tuple[str, ...]]:
        return asked_of(query, app.gallery.view)

    def export_page(token: str, query: str) -> dict:
        person, wanted = person_of(token), cases_of(query, app.gallery.view)
        whole = leads(person)
        return {
            "whole": whole,
            "name": person.name if person else None,
            "refused": _refusal(person),
            "cases": export_form.cases(wanted, app.gallery.views(), whole=whole),
            "licenses": export_form.licenses(wanted, Released(app.store.database).licenses()),
            "past": export_view.past(app.releases.past(person), token=hub.has_token()) if whole else "",
        }

    def export_look(token: str, query: str) -> dict:
        return {"job": app.releases.look(person_of(token), asked(query)[0])}

    def export_make(token: str, query: str, looked: str = "") -> dict:
        selection, formats = asked(query)
        return {"job": app.releases.start(person_of(token), selection, formats, looked)}

    def export_pack(token: str, name: str) -> dict:
        return {"job": app.releases.pack(person_of(token), name)}

    def export_verify(token: str, name: str) -> dict:
        return {"job": app.releases.verify(person_of(token), name)}

    def export_push(token: str, name: str, repo: str, private: bool, dry_run: bool) -> dict:
        return {"job": app.releases.push(person_of(token), name, repo, private=private, dry_run=dry_run)}

    def export_cancel(token: str, job: str) -> dict:
        app.releases.cancel(person_of(token), job)
        return {}

    def export_job(token: str, job: str) -> dict:
        person = person_of(token)
        found = app.releases.job(person, job)
        told = {"state": found.state.value, "what": found.what, "share": found.share, "ahead": found.ahead}
        if found.state in ENDED:
            told |= {"message": found.error, "kind": found.kind}
        return told | (_result(found, person) if found.state is State.DONE else {})

    def _result(job: Job, person: Person | None) -> dict[str, Any]:
        result = job.result
        if isinstance(result, Looked):
            return {"html": export_plan.looked(result, thumbs)}
        if isinstance(result, Made):
            one = past_of(app.releases.where(person, result.name))
            token = hub.has_token() if leads(person) else None
            html = export_view.release(one, token=token, manifest=result.manifest) if one else ""
            return {"html": html, "name": result.name}
        if isinstance(result, Path):
            return {"url": address(app.releases.tickets.give(result), result)}
        if isinstance(result, hub.Pushed):
            return {"html": export_view.pushed(result)}
        return {"html": export_view.verified(result)}

    return {
        each.__name__: each
        for each in (
            export_page, export_look, export_make, export_pack, export_verify, export_push, export_cancel, export_job,
        )
    }  # fmt: skip


def _refusal(person: Person | None) -> str:
    """Why the person may export nothing; "" where something may be had."""
    try:
        allowed(person, Selection())
    except Forbidden as error:
        return str(error)
    return ""
