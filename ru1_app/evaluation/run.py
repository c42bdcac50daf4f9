"""A whole run: models, journal, cells, figures, one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ru1_app import __version__
from ru1_app.domain import ModelRef
from ru1_app.errors import InvalidInput
from ru1_app.evaluation.inputs import Photos, scenes_digest
from ru1_app.evaluation.journal import Journal, Row
from ru1_app.evaluation.measure import Bench, Models
from ru1_app.evaluation.plan import FIRST_SCENE, Plan
from ru1_app.evaluation.summary import summary
from ru1_app.files import write_whole

FORMAT = 4  # since things are painted over too
LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the weights are."""

    recoverer: Path
    answerer: Path
    clip: Path


@dataclass(frozen=True)
class Job:
    """What a run is made of. `latency` measures time and memory, in a process of its own; None leaves them out."""

    name: str
    plan: Plan
    photos: Photos
    latency: Callable[[], Row] | None = None


def load(folders: Folders, threads: int = 0) -> Models:
    """The three models, ready.

    Raises:
        Unavailable: files or packages are missing; the message names them.
    """
    from ru1_app.models.embedded.adapter import load as recoverer
    from ru1_app.models.vlm import load as answerer
    from ru1_app.scoring.clip import load_embedded

    return Models(
        recoverer(folders.recoverer, show_uncertainty=True),
        answerer(folders.answerer, name="embedded", threads=threads),
        load_embedded(folders.clip),
    )


def header(job: Job, models: Models) -> Row:
    """What must be the same for a journal to be gone on with; two runs with the same `inputs` can be compared."""
    plan = job.plan.as_dict()
    shown = {"drawing": scenes_digest(), "first_scene": FIRST_SCENE, "photos": job.photos.digest()}
    return {
        "format": FORMAT,
        "name": job.name,
        "app": __version__,
        "recoverer": _named(models.recoverer.ref),
        "answerer": _named(models.answerer.ref),
        "clip": models.clip.spec.model,
        "inputs": {**shown, "count": len(job.photos), **plan},
    }


def _named(ref: ModelRef) -> dict[str, str]:
    return {key: value for key, value in asdict(ref).items() if key != "id"}


def measure(job: Job, models: Models, out: Path) -> dict[str, Any]:
    """Measure what the journal beside `out` lacks, and write `out`; a run that was cut goes on.

    Raises:
        InvalidInput: the journal is of another run.
        ModelFailed: a model gave nothing.
    """
    from tqdm import tqdm

    if out.suffix != ".json":
        raise InvalidInput(f"{str(out)!r} is no .json file. Give --out a name that ends in .json.")
    kept = header(job, models)
    journal, bench = Journal(out.with_suffix(".jsonl"), kept), Bench(job.plan, models, job.photos)
    cells = list(job.plan.cells())
    done = sum(str(cell) in journal for cell in cells)
    bar = tqdm(total=len(cells), initial=done, unit="cell", file=sys.stderr, disable=None)
    with bar:
        for cell in cells:
            if str(cell) not in journal:
                bar.set_postfix_str(str(cell), refresh=False)
                journal.add(str(cell), bench.measure(cell))
                bar.update()
    if job.latency is not None and LATENCY not in journal:
        journal.add(LATENCY, [job.latency()])
    rows = {str(cell): journal.cells[str(cell)] for cell in cells}
    if LATENCY in journal:
        rows[LATENCY] = journal.cells[LATENCY]
    document = {"header": kept, "summary": summary(rows), "cells": rows}
    write_whole(out, (json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n").encode())
    return document


def read(path: Path) -> dict[str, Any]:
    """A run that was written.

    Raises:
        InvalidInput: the file is none, or of another version.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        known = document["header"]["format"] == FORMAT and bool(document["summary"]) and bool(document["cells"])
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise InvalidInput(f"{str(path)!r} is no run of this version. Make one with `ru1 eval embedded --out {path}`.")
    return document
