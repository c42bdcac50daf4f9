"""The `ru1` command: the same services as the page.

`--json` prints one JSON document on standard output. Exit codes: 0 done, 2 input refused (one sentence on
standard error), 1 anything else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ru1_app import __version__
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, Ru1Error

cli = typer.Typer(name="ru1", help="See, judge and improve image recovery.", no_args_is_help=True, add_completion=False)
db = typer.Typer(help="The run-time store.", no_args_is_help=True)
cli.add_typer(db, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DEFAULTS = Settings()
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2"}


def main() -> None:
    """Run the command line; the only place that turns errors into exit codes."""
    try:
        cli(standalone_mode=True)
    except InvalidInput as error:
        _fail(str(error), 2)
    except Ru1Error as error:
        _fail(str(error), 1)


def _fail(message: str, code: int) -> None:
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

    settings = Settings.from_env()
    if out is not None:
        _make_folder(out)
    rows: list[dict[str, Any]] = []
    for path in files:
        row: dict[str, Any] = {"file": str(path).encode("utf-8", "backslashreplace").decode(), "accepted": True}
        try:
            intake = read_file(path, settings)
        except InvalidInput as error:
            row |= {"accepted": False, "reason": str(error)}
        else:
            height, width = intake.image.shape[:2]
            row |= {
                "width": width,
                "height": height,
                "sha256": intake.source_sha,
                "notes": list(intake.notes),
            }
            if out is not None:
                target = _free_name(out, _short_stem(intake.name), {r.get("png") for r in rows})
                write_png(target, intake.image)
                row["png"] = str(target)
        rows.append(row)
    _show(rows, json_, [_check_line(row) for row in rows])
    if refused := [row for row in rows if not row["accepted"]]:
        raise InvalidInput(f"{len(refused)} of {len(rows)} files refused: {refused[0]['reason']}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{str(folder)!r} cannot be a folder to write to ({error.strerror}).") from error


def _short_stem(name: str) -> str:
    """The stem of a cleaned name, in at most 200 bytes: file systems allow 255, and a number and `.png` follow."""
    return Path(name).stem.encode()[:200].decode("utf-8", "ignore")


def _free_name(folder: Path, stem: str, taken: set[str | None]) -> Path:
    names = (folder / f"{stem}{tail}.png" for tail in ("", *(f"-{k}" for k in range(2, 10_000))))
    return next(name for name in names if str(name) not in taken)


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
    from ru1_app.corruptions import CorruptionSpec
    from ru1_app.corruptions import corrupt as apply
    from ru1_app.images import write_png
    from ru1_app.intake import read_file

    parsed, settings, rows = CorruptionSpec.parse(spec, seed=seed), Settings.from_env(), []
    for path, target in _jobs(source, out):
        write_png(target, apply(read_file(path, settings).image, parsed))
        rows.append({"in": str(path), "out": str(target), "spec": str(parsed)})
    _show(rows, json_, [f"{row['out']}  {row['spec']}" for row in rows])


@cli.command()
def recover(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Image file or folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="PNG file or folder.")],
    model: Annotated[str, typer.Option(help="A name from `ru1 models`.")] = DEFAULTS.recoverer,
    seed: Annotated[int, typer.Option(min=0)] = DEFAULTS.seed,
    steps: Annotated[int, typer.Option(min=1, max=100)] = DEFAULTS.steps,
    samples: Annotated[int, typer.Option(min=1, max=16, help="Draws from as many seeds.")] = DEFAULTS.samples,
    uncertainty: Annotated[Path | None, typer.Option(metavar="MAP.png", help="Write the uncertainty map.")] = None,
    json_: Json = False,
) -> None:
    """Recover images; with --samples K the further draws are written as NAME-2.png and so on."""
    from ru1_app.images import write_png
    from ru1_app.intake import read_file
    from ru1_app.models.base import Recovered, RecoverRequest
    from ru1_app.wiring import wire

    app = wire()
    rows: list[dict[str, Any]] = []
    recoverer = app.recoverer(model)
    for path, target in _jobs(source, out):
        image = read_file(path, app.settings).image
        events = recoverer.recover(RecoverRequest(image, seed, steps, samples))
        done = next(event for event in events if isinstance(event, Recovered))
        targets = [target, *(target.with_stem(f"{target.stem}-{k}") for k in range(2, samples + 1))]
        for name, draw in zip(targets, done.images, strict=True):
            write_png(name, draw)
        row: dict[str, Any] = {
            "in": str(path), "out": [str(name) for name in targets], "model": asdict(recoverer.ref),
            "seed": seed, "settings": dict(done.settings), "seconds": round(done.seconds, 3), "uncertainty": None,
        }  # fmt: skip
        if uncertainty is not None:
            row["uncertainty"] = _write_map(done, uncertainty, source.is_dir(), target)
        rows.append(row)
    _show(rows, json_, [f"{row['out'][0]}  {row['seconds']:.2f} s" for row in rows])


def _write_map(done: Any, path: Path, many: bool, target: Path) -> str:
    from ru1_app.pipeline import uncertainty_png

    if done.uncertainty is None:
        raise InvalidInput(done.uncertainty_note or "This model has no uncertainty map.")
    name = path / target.name if many else path
    name.parent.mkdir(parents=True, exist_ok=True)
    name.write_bytes(uncertainty_png(done.uncertainty))
    return str(name)


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
    pair = Pair(read_file(recovery, app.settings).image, read_file(reference, app.settings).image)
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
    json_: Json = False,
) -> None:
    """Answer a question from the corrupted image and, with --recovery, from it and from both."""
    from ru1_app.intake import read_file
    from ru1_app.pipeline import ask, make_question
    from ru1_app.wiring import wire

    asked = make_question(question, tuple(option or ()))
    if asked is None:
        raise InvalidInput("The question is empty. Type what you want to know of the image.")
    app = wire()
    images = [None if path is None else read_file(path, app.settings).image for path in (corrupted, recovery)]
    assert images[0] is not None
    records = ask(app.answerer(app.settings.answerer), asked, images[0], images[1])
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
    """List the models by name."""
    from ru1_app.models import ANSWERERS, RECOVERERS

    folder = Settings.from_env().models_dir
    rows = [
        {
            "kind": kind,
            "name": name,
            "label": m.label,
            "summary": m.summary,
            "here": (folder / m.folder).is_dir(),
        }
        for kind, registry in (("recoverer", RECOVERERS), ("answerer", ANSWERERS))
        for name, m in registry.items()
    ]
    _show(rows, json_, [f"{r['kind']:10} {r['name']:10} {r['summary']}" for r in rows])


@db.command("upgrade")
def db_upgrade(json_: Json = False) -> None:
    """Bring the database to the newest revision."""
    from ru1_app.store.migrate import current_revision, upgrade

    settings = Settings.from_env()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    upgrade(settings.url)
    revision = current_revision(settings.url)
    _show({"revision": revision}, json_, [f"The database is at revision {revision}."])


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
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


def _jobs(source: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    """Pairs of input file and output PNG, for a file or (with a progress bar) a folder."""
    if not source.is_dir():
        yield source, _target(source, out)
        return
    if out.is_file():
        raise InvalidInput(f"{str(source)!r} is a folder, so OUT must be one too; {str(out)!r} is a file.")
    from tqdm import tqdm

    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InvalidInput(f"{str(source)!r} holds no image ({', '.join(sorted(SUFFIXES))}).")
    names: set[str | None] = set()
    for path in tqdm(paths, unit="image", file=sys.stderr):
        target = _free_name(out, path.stem, names)
        names.add(str(target))
        yield path, target


def _target(source: Path, out: Path) -> Path:
    if out.is_dir():
        return out / f"{source.stem}.png"
    if out.suffix.lower() != ".png":
        raise InvalidInput(f"OUT is {str(out)!r}; give a .png file or a folder: other formats would lose pixels.")
    return out
