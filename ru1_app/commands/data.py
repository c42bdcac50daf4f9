"""Commands on what is stored: export, and the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ru1_app.commands.base import Json, show
from ru1_app.config import Settings


def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that does not exist yet.")],
    format_: Annotated[str, typer.Option("--format", help="records, flow_grpo or all.")] = "records",
    json_: Json = False,
) -> None:
    """Write the flagged cases as training data."""
    from ru1_app.export import export as write
    from ru1_app.wiring import wire

    manifest = write(wire().store, out, format_)
    show(manifest.as_dict(), json_, [f"{out}: {json.dumps(dict(manifest.counts))}"])


def db_upgrade(json_: Json = False) -> None:
    """Bring the database to the newest revision."""
    from ru1_app.store.migrate import current_revision, upgrade

    settings = Settings.from_env()
    upgrade(settings.url)
    revision = current_revision(settings.url)
    show({"revision": revision}, json_, [f"The database is at revision {revision}."])
