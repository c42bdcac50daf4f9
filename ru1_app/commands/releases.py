"""Commands on releases that were made: list, check, push to the Hub."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ru1_app.commands.base import Json, printable, show
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput

Release = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a release.")]


def list_(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where the releases are; the app's own without it.")
    ] = None,
    json_: Json = False,
) -> None:
    """List the releases in a folder, newest first."""
    from ru1_app.export.jobs.past import past_in

    where = folder or Settings.from_env().releases_dir
    found = past_in(where)
    lines = [
        f"{each.made_at:%Y-%m-%d %H:%M}  {each.digest[:12]}  {each.kept:>8,} recoveries  {each.size / 1e6:>9,.1f} MB  "
        f"{', '.join(each.formats)}  {printable(where / each.name)}"
        for each in found
    ]
    rows = [{**asdict(each), "made_at": each.made_at.isoformat(), "folder": printable(where / each.name)}
            for each in found]  # fmt: skip
    show(rows, json_, lines or [f"No release in {printable(where)}: `ru1 export OUT` makes one."])


def verify(folder: Release, json_: Json = False) -> None:
    """Check that a release is what its manifest says; exit code 2 where it is not."""
    from ru1_app.export import differences, read_manifest

    manifest, wrong = read_manifest(folder), differences(folder)
    lines = wrong or [f"All {len(manifest.files):,} files are those of the release {manifest.digest}."]
    show({"digest": manifest.digest, "files": len(manifest.files), "wrong": wrong}, json_, lines)
    if wrong:
        raise InvalidInput(f"The release is not what it was: {wrong[0]} Make it again.")


def push(
    folder: Release,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="Dataset repository, as in owner/name.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody may read it; private without this.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what would be sent.")] = False,
    json_: Json = False,
) -> None:
    """Push a release to the Hugging Face Hub in one commit, with the token in HF_TOKEN."""
    from ru1_app.export import hub
    from ru1_app.store import audit_sql
    from ru1_app.wiring import wire

    store = None if dry_run else wire().store  # before anything is sent: the log must be there to tell of it
    done = hub.push(folder, repo, private=not public, dry_run=dry_run, step=_said())
    if store is not None:
        told = {"repository": done.repo, "private": done.private, "commit": done.commit}
        audit_sql.tell(store.database, audit_sql.SYSTEM, "release_pushed", done.digest, told, datetime.now(UTC))
    reach = "private" if done.private else "public"
    head = f"{'Would push' if dry_run else 'Pushed'} {len(done.operations):,} files, {done.size / 1e6:,.1f} MB, to the "
    lines = [f"{head}{reach} dataset {done.repo} in one commit: {done.message}"]
    lines += [f"{each.size:>14,}  {each.path}" for each in done.operations] if dry_run else [done.url]
    show(asdict(done), json_, lines)


def _said() -> Callable[[str, float], None]:
    """Says what is being done, on a terminal."""

    def step(what: str, share: float) -> None:
        if sys.stderr.isatty():
            print(f"{share:4.0%} {what}", file=sys.stderr)

    return step
