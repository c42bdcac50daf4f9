"""Commands on what is stored: export, and the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ru1_app.commands.base import Json, show
from ru1_app.config import Settings


def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that does not exist yet.")],
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="May be given several times; `ru1 formats` lists them.")
    ] = None,
    view: Annotated[str, typer.Option(help="Slug of a saved view, whose filters choose the cases.")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As in --set least_raters=2; JSON values.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write a release: labelled cases as training data, with manifest, card and Croissant description."""
    from ru1_app.export import write_release
    from ru1_app.export.asked import selection_of
    from ru1_app.export.jobs.releases import tell
    from ru1_app.store.audit_sql import SYSTEM
    from ru1_app.wiring import wire

    app = wire()
    selection = selection_of(app.store, view, set_ or [])
    out = out.resolve()
    where, manifest = write_release(app.store, out.parent, selection, format_ or ["tables"], name=out.name)
    tell(app.store, manifest, where, SYSTEM, datetime.now(UTC))
    rows = {name: dict(each.rows) for name, each in manifest.formats.items()}
    show({"folder": str(where), **manifest.as_dict()}, json_, [f"{where}: {json.dumps(rows)}"])


def db_upgrade(json_: Json = False) -> None:
    """Bring the database to the newest revision."""
    from ru1_app.store.migrate import current_revision, upgrade

    settings = Settings.from_env()
    upgrade(settings.url)
    revision = current_revision(settings.url)
    show({"revision": revision}, json_, [f"The database is at revision {revision}."])
