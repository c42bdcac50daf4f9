"""Commands on images: check, corrupt, recover, score."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ru1_app.commands.base import MAX_SEED, Json, Model, finish, printable, run_jobs, show
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.files import write_whole
from ru1_app.jobs import Job, Names, check_targets, make_folders, plan


def check(
    files: Annotated[list[Path], typer.Argument(help="Image files.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the normalised PNGs.")] = None,
    json_: Json = False,
) -> None:
    """Say of each file whether it is accepted, and why not."""
    from ru1_app.images import write_png
    from ru1_app.intake import read_file

    settings, names = Settings.from_env(), Names()
    rows: list[dict[str, Any]] = []
    for path in files:
        row: dict[str, Any] = {"file": printable(path), "accepted": True}
        try:
            intake = read_file(path, settings)
        except InvalidInput as error:
            row |= {"accepted": False, "reason": str(error)}
        else:
            height, width = intake.image.shape[:2]
            row |= {"width": width, "height": height, "sha256": intake.source_sha, "notes": list(intake.notes)}
            if out is not None:
                target = names.free(out, Path(intake.name).stem)
                check_targets(files, [target])
                make_folders([target])
                write_png(target, intake.image)
                row["png"] = str(target)
        rows.append(row)
    finish(rows, json_, [_check_line(row) for row in rows])


def _check_line(row: dict[str, Any]) -> str:
    file = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in row["file"])
    if not row["accepted"]:
        return f"refused   {file}: {row['reason']}"
    notes = f" ({'; '.join(row['notes'])})" if row["notes"] else ""
    return f"accepted  {file}: {row['width']}x{row['height']}{notes}"


def corrupt(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Image file or folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="PNG file or folder.")],
    spec: Annotated[str, typer.Option(help="name@severity, as in gaussian_noise@mid.")],
    seed: Annotated[int | None, typer.Option(help="Seed of the corruption.")] = None,
    json_: Json = False,
) -> None:
    """Damage images, seeded and repeatable."""
    from ru1_app.corruptions import CorruptionSpec, entry_of
    from ru1_app.corruptions import corrupt as apply
    from ru1_app.images import write_png

    parsed, settings = CorruptionSpec.parse(spec, seed=seed), Settings.from_env()
    for name in parsed.names:
        entry_of(name)

    def one(job: Job, image: Any) -> dict[str, Any]:
        write_png(job.targets[0], apply(image, parsed))
        return {"out": str(job.targets[0]), "spec": str(parsed)}

    rows = run_jobs(plan(source, out), settings, one)
    finish(rows, json_, [row["reason"] if "reason" in row else f"{row['out']}  {row['spec']}" for row in rows])


def recover(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Image file or folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="PNG file or folder.")],
    model: Model = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED)] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=100)] = None,
    samples: Annotated[int | None, typer.Option(min=1, max=16, help="Draws from as many seeds.")] = None,
    uncertainty: Annotated[Path | None, typer.Option(metavar="MAP.png", help="Write the uncertainty map.")] = None,
    json_: Json = False,
) -> None:
    """Recover images; with --samples K the further draws are written as NAME-2.png and so on.

    What is not given comes from the settings (RU1_RECOVERER, RU1_SEED, RU1_STEPS, RU1_SAMPLES).
    """
    from ru1_app.images import write_png
    from ru1_app.models.base import Recovered, RecoverRequest
    from ru1_app.models.catalogue import Role
    from ru1_app.pipeline import shown_uncertainty, uncertainty_png
    from ru1_app.wiring import wire

    app = wire()
    first = app.settings.seed if seed is None else seed
    entry = app.catalogue.entry(model or "", Role.RECOVER)
    count, draws = steps or app.settings.steps or entry.steps, samples or app.settings.samples
    jobs = plan(source, out, draws=draws, map_to=uncertainty)
    recoverer = app.recoverer(entry.name)

    def one(job: Job, image: Any) -> dict[str, Any]:
        events = recoverer.recover(RecoverRequest(image, first, count, draws))
        done = next(event for event in events if isinstance(event, Recovered))
        row: dict[str, Any] = {
            "out": [str(name) for name in job.targets], "model": asdict(recoverer.ref), "seed": first,
            "settings": dict(done.settings), "seconds": round(done.seconds, 3), "uncertainty": None,
        }  # fmt: skip
        if job.map is not None:
            values, kind = shown_uncertainty(done)
            if values is None:
                raise InvalidInput(done.uncertainty_note or "This model has no uncertainty map.")
            write_whole(job.map, uncertainty_png(values))
            row |= {"uncertainty": str(job.map), "uncertainty_kind": kind.value}
        for name, draw in zip(job.targets, done.images, strict=True):
            write_png(name, draw)
        return row

    rows = run_jobs(jobs, app.settings, one)
    finish(rows, json_, [r["reason"] if "reason" in r else f"{r['out'][0]}  {r['seconds']:.2f} s" for r in rows])


def score(
    recovery: Annotated[Path, typer.Argument(help="The image to judge.")],
    reference: Annotated[Path, typer.Argument(help="The clean image.")],
    corrupted: Annotated[
        Path | None, typer.Option(help="The corrupted image, which the hallucination risk needs beside the recovery.")
    ] = None,
    json_: Json = False,
) -> None:
    """Every score of a recovery against its reference; those of one image alone are of the recovery."""
    from ru1_app.intake import read_file
    from ru1_app.scoring.base import Pair, mismatch
    from ru1_app.wiring import wire

    app = wire()
    paths = [recovery, reference, *([corrupted] if corrupted else [])]
    found = [read_file(path, app.settings) for path in paths]
    if scaled := [f"{each.name!r} was {note}" for each in found for note in each.notes if note.startswith("scaled")]:
        raise InvalidInput(f"{scaled[0]}: scores never resample; give images of at most RU1_MAX_SIDE pixels a side.")
    pairs = [Pair(found[0].image, other.image) for other in found[1:]]
    for reason in filter(None, map(mismatch, pairs)):
        raise InvalidInput(f"They cannot be scored: {reason}. Give images of one size.")
    document: dict[str, Any] = {}
    for name, scorer in app.scorers().items():
        if scorer.spec.of_input and corrupted is None:
            continue  # it compares with the corrupted image, never with the clean one
        value = scorer.score([pairs[-1] if scorer.spec.of_input else pairs[0]])[0]
        document[name] = {"value": value.value, "reason": value.reason, "model": scorer.spec.model}
    lines = [f"{n:10} {v['reason'] if v['value'] is None else format(v['value'], '.4f')}" for n, v in document.items()]
    show(document, json_, lines)
