"""What the commands share: output, and running over files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.jobs import Job, make_folders

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Model = Annotated[str | None, typer.Option(help="A name from `ru1 models`.")]
MAX_SEED = 2**32 - 1


def show(document: Any, as_json: bool, lines: list[str]) -> None:
    """Print the document as JSON, or the lines."""
    print(json.dumps(document, ensure_ascii=False, indent=2) if as_json else "\n".join(lines))


def printable(path: Path) -> str:
    """The name of a file, also where it is no text."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def finish(rows: list[dict[str, Any]], json_: bool, lines: list[str]) -> None:
    """Show what became of each file; refused ones make the exit code 2."""
    show(rows, json_, lines)
    if refused := [row for row in rows if not row["accepted"]]:
        raise InvalidInput(f"{len(refused)} of {len(rows)} files refused: {refused[0]['reason']}")


def run_jobs(jobs: list[Job], settings: Settings, one: Callable[[Job, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """Do every job, with a progress bar on a terminal; a file that is refused does not keep the others back."""
    from tqdm import tqdm

    from ru1_app.intake import read_file

    make_folders(path for job in jobs for path in (*job.targets, job.map) if path)
    rows = []
    for job in tqdm(jobs, unit="image", file=sys.stderr, disable=len(jobs) < 2 or None):
        row: dict[str, Any] = {"in": printable(job.source), "accepted": True}
        try:
            intake = read_file(job.source, settings)
            row |= {"notes": list(intake.notes), **one(job, intake.image)}
        except InvalidInput as error:
            if len(jobs) == 1:
                raise
            row |= {"accepted": False, "reason": str(error)}
        rows.append(row)
    return rows
