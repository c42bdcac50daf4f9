"""The `ru1` command: the same services as the page.

`--json` prints one JSON document on standard output. Exit codes: 0 done, 2 input refused (one sentence on
standard error), 1 anything else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from ru1_app import __version__
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, Ru1Error
from ru1_app.files import write_whole
from ru1_app.jobs import Job, Names, check_targets, make_folders, plan

cli = typer.Typer(
    name="ru1",
    help="See, judge and improve image recovery.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
db = typer.Typer(help="The run-time store.", no_args_is_help=True)
cli.add_typer(db, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
MAX_SEED = 2**32 - 1


def main() -> None:
    """Run the command line; the only place that turns errors into exit codes."""
    try:
        cli(standalone_mode=False)
    except InvalidInput as error:
        _fail(str(error), 2)
    except Ru1Error as error:
        _fail(str(error), 1)
    except TyperException as error:  # wrong options; with no arguments at all, help was shown
        _fail(getattr(error, "format_message", error.__str__)(), 2)
    except OSError as error:
        where = f" {str(error.filename)!r}" if error.filename else ""
        _fail(f"The system refused{where}: {error.strerror or error}.", 1)
    except KeyboardInterrupt:
        _fail("Stopped.", 130)


def _fail(message: str, code: int) -> None:
    if message:
        print(f"ru1: {message}", file=sys.stderr)
    raise SystemExit(code)


def _show(document: Any, as_json: bool, lines: list[str]) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2) if as_json else "\n".join(lines))


@cli.command()
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
        row: dict[str, Any] = {"file": _printable(path), "accepted": True}
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
    _finish(rows, json_, [_check_line(row) for row in rows])


def _printable(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode()


def _finish(rows: list[dict[str, Any]], json_: bool, lines: list[str]) -> None:
    """Show what became of each file; refused ones make the exit code 2."""
    _show(rows, json_, lines)
    if refused := [row for row in rows if not row["accepted"]]:
        raise InvalidInput(f"{len(refused)} of {len(rows)} files refused: {refused[0]['reason']}")


def _check_line(row: dict[str, Any]) -> str:
    file = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in row["file"])
    if not row["accepted"]:
        return f"refused   {file}: {row['reason']}"
    notes = f" ({'; '.join(row['notes'])})" if row["notes"] else ""
    return f"accepted  {file}: {row['width']}x{row['height']}{notes}"


@cli.command()
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

    rows = _run(plan(source, out), settings, one)
    _finish(rows, json_, [row["reason"] if "reason" in row else f"{row['out']}  {row['spec']}" for row in rows])


@cli.command()
def recover(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Image file or folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="PNG file or folder.")],
    model: Annotated[str | None, typer.Option(help="A name from `ru1 models`.")] = None,
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

    rows = _run(jobs, app.settings, one)
    _finish(rows, json_, [r["reason"] if "reason" in r else f"{r['out'][0]}  {r['seconds']:.2f} s" for r in rows])


def _run(jobs: list[Job], settings: Settings, one: Callable[[Job, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """Do every job, with a progress bar on a terminal; a file that is refused does not keep the others back."""
    from tqdm import tqdm

    from ru1_app.intake import read_file

    make_folders(path for job in jobs for path in (*job.targets, job.map) if path)
    rows = []
    for job in tqdm(jobs, unit="image", file=sys.stderr, disable=len(jobs) < 2 or None):
        row: dict[str, Any] = {"in": _printable(job.source), "accepted": True}
        try:
            intake = read_file(job.source, settings)
            row |= {"notes": list(intake.notes), **one(job, intake.image)}
        except InvalidInput as error:
            if len(jobs) == 1:
                raise
            row |= {"accepted": False, "reason": str(error)}
        rows.append(row)
    return rows


@cli.command()
def score(
    recovery: Annotated[Path, typer.Argument(help="The image to judge.")],
    reference: Annotated[Path, typer.Argument(help="The clean image.")],
    json_: Json = False,
) -> None:
    """Every score of a recovery against its reference; those of one image alone are of the recovery."""
    from ru1_app.intake import read_file
    from ru1_app.scoring.base import Pair, mismatch
    from ru1_app.wiring import wire

    app = wire()
    found = [read_file(path, app.settings) for path in (recovery, reference)]
    if scaled := [f"{each.name!r} was {note}" for each in found for note in each.notes if note.startswith("scaled")]:
        raise InvalidInput(f"{scaled[0]}: scores never resample; give images of at most RU1_MAX_SIDE pixels a side.")
    pair = Pair(found[0].image, found[1].image)
    if reason := mismatch(pair):
        raise InvalidInput(f"They cannot be scored: {reason}. Give two images of one size.")
    document: dict[str, Any] = {}
    for name, scorer in app.scorers().items():
        value = scorer.score([pair])[0]
        document[name] = {"value": value.value, "reason": value.reason, "model": scorer.spec.model}
    lines = [f"{n:10} {v['reason'] if v['value'] is None else format(v['value'], '.4f')}" for n, v in document.items()]
    _show(document, json_, lines)


@cli.command()
def answer(
    corrupted: Annotated[Path, typer.Argument(help="The corrupted image.")],
    question: Annotated[str, typer.Option(help="The question.")],
    recovery: Annotated[Path | None, typer.Option(help="The recovered image.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option; give two to four.")] = None,
    model: Annotated[str | None, typer.Option(help="A name from `ru1 models`.")] = None,
    json_: Json = False,
) -> None:
    """Answer a question from the corrupted image and, with --recovery, from it and from both."""
    from ru1_app.asking import ask, make_question
    from ru1_app.intake import read_file
    from ru1_app.wiring import wire

    asked = make_question(question, tuple(option or ()))
    if asked is None:
        raise InvalidInput("The question is empty. Type what you want to know of the image.")
    app = wire()
    images = [None if path is None else read_file(path, app.settings).image for path in (corrupted, recovery)]
    assert images[0] is not None
    records = ask(app.answerer(model or ""), asked, images[0], images[1])
    document = {record.condition.value: asdict(record.answered) for record in records}
    _show(document, json_, [_answer_line(name, row) for name, row in document.items()])


def _answer_line(name: str, row: dict[str, Any]) -> str:
    sure = "" if row["confidence"] is None else f"  ({row['confidence']:.0%})"
    return f"{name:10} {row['text']}{sure}{'  - ' + row['note'] if row['note'] else ''}"


@cli.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that does not exist yet.")],
    format_: Annotated[str, typer.Option("--format", help="records, flow_grpo or all.")] = "records",
    json_: Json = False,
) -> None:
    """Write the flagged cases as training data."""
    from ru1_app.export import export as write
    from ru1_app.wiring import wire

    manifest = write(wire().store, out, format_)
    _show(manifest.as_dict(), json_, [f"{out}: {json.dumps(dict(manifest.counts))}"])


@cli.command()
def corruptions(json_: Json = False) -> None:
    """List the corruptions: name, step of the imaging chain, what happens, and whether it is local or moves things."""
    from ru1_app.corruptions import CORRUPTIONS

    rows = [
        {"name": name, "label": e.label, "step": e.step, "physics": e.physics,
         "local": e.local is not None, "geometry": e.geometry.value}
        for name, e in CORRUPTIONS.items()
    ]  # fmt: skip
    _show(rows, json_, [f"{row['name']:20} {row['step']:12} {row['physics']}" for row in rows])


@cli.command()
def models(json_: Json = False) -> None:
    """List the models: what each can do, and whether it can be used here."""
    from ru1_app.wiring import wire

    rows = [
        {
            "name": state.entry.name, "label": state.entry.label, "roles": [role.value for role in state.entry.roles],
            "adapter": state.entry.adapter, "source": state.entry.source, "steps": state.entry.steps,
            "summary": state.entry.summary, "needs": state.entry.needs, "license": state.entry.license,
            "available": state.available, "reason": state.reason, "remedy": state.remedy,
        }
        for state in wire().states()
    ]  # fmt: skip
    _show(rows, json_, [line for row in rows for line in _model_lines(row)])


def _model_lines(row: dict[str, Any]) -> list[str]:
    head = f"{row['name']:18} {', '.join(row['roles']):24} {row['source']}"
    return [
        head,
        f"{'':18} not here: {row['reason']}; {row['remedy']}" if row["reason"] else f"{'':18} {row['summary']}",
    ]


@db.command("upgrade")
def db_upgrade(json_: Json = False) -> None:
    """Bring the database to the newest revision."""
    from ru1_app.store.migrate import current_revision, upgrade

    settings = Settings.from_env()
    upgrade(settings.url)
    revision = current_revision(settings.url)
    _show({"revision": revision}, json_, [f"The database is at revision {revision}."])


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port to listen on.")] = None,
) -> None:
    """Start the page."""
    from dataclasses import replace

    from ru1_app.ui.launch import serve as start

    settings = Settings.from_env()
    start(replace(settings, host=host or settings.host, port=port or settings.port))


@cli.command()
def version() -> None:
    """Print the version."""
    print(__version__)
