"""Commands on the rating queue: fill it, look at it, change it, and what the labels say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ru1_app.commands.base import MAX_SEED, Json, Model, show
from ru1_app.errors import InvalidInput

if TYPE_CHECKING:
    from ru1_app.domain import Case
    from ru1_app.pipeline import RunRequest
    from ru1_app.wiring import App

CLI = "command line"
Spec = Annotated[list[str] | None, typer.Option(help="A corruption, as in fog@mid; may be given again: in turn.")]
DEFAULT_SPECS = ("gaussian_noise@high", "fog@high", "low_light@high", "motion_blur@mid", "block_lost@mid", "jpeg@high")


def fill(
    photos: Annotated[Path | None, typer.Option(help="Folder of images to corrupt and recover.")] = None,
    scenes: Annotated[int, typer.Option(min=0, max=100_000, help="How many drawn scenes, with their questions.")] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Folder with corrupted/, recovered/ and, if there is one, reference/.")
    ] = None,
    stored: Annotated[bool, typer.Option(help="Every stored case that is not in the queue yet.")] = False,
    spec: Spec = None,
    model: Model = None,
    pairs: Annotated[bool, typer.Option(help="Recover twice, with two seeds, and compare the two as well.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED)] = 0,
    json_: Json = False,
) -> None:
    """Put work into the rating queue."""
    from ru1_app.items import Origin
    from ru1_app.wiring import wire

    app = wire()
    if not (photos or scenes or folder or stored):
        raise InvalidInput("Say what to put into the queue: --photos, --scenes, --folder or --stored.")
    added = {"items": 0, "pairs": 0}
    if folder is not None:
        from ru1_app.rating.filling import cases_of_folder, find_folder

        cases = cases_of_folder(app.store, folder, model or folder.name, find_folder(folder))
        added["items"] += app.filler.add(cases, Origin.FOLDER, CLI)
    if photos is not None or scenes:
        specs = tuple(spec or DEFAULT_SPECS)
        made: list[Case] = []
        for request in _requests(app, photos, scenes, specs, model or "", seed):
            made += _runs(app, request, 2 if pairs else 1)
        added["items"] += app.filler.add(made, Origin.BATCH, CLI)
        if pairs:
            added["pairs"] += app.filler.pairs(made, Origin.BATCH, CLI)
    if stored:
        added["items"] += app.filler.add(app.store.iter_all(), Origin.BATCH, CLI)
    show(added, json_, [f"{added['items']} items and {added['pairs']} pairs are new in the queue."])


def gold(
    count: Annotated[int, typer.Argument(min=1, max=10_000, help="How many.")] = 60,
    photos: Annotated[Path | None, typer.Option(help="Folder of clean images to make them from as well.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED)] = 0,
    json_: Json = False,
) -> None:
    """Make gold items, whose right judgement is known; raters meet them unannounced."""
    from ru1_app.config import Settings
    from ru1_app.gold import make_set
    from ru1_app.intake import read_file
    from ru1_app.items import Purpose
    from ru1_app.jobs import images_in
    from ru1_app.rating.golden import add_gold
    from ru1_app.wiring import wire

    settings = Settings.from_env()
    paths = images_in(photos) if photos else []
    clean = [(path.name, read_file(path, settings).image) for path in paths]
    added = add_gold(wire().store, make_set(count, seed, photos=clean), Purpose.GOLD, actor=CLI)
    show({"gold": added}, json_, [f"{added} gold items are new in the queue."])


def overlap(
    item: Annotated[str, typer.Argument(help="Id of an item.")],
    raters: Annotated[int, typer.Argument(min=1, max=100, help="How many raters it should have.")],
    json_: Json = False,
) -> None:
    """Change how many raters an item gets: it is opened for more, and done where there are enough who agree."""
    from datetime import UTC, datetime
    from functools import partial

    from ru1_app.rating.policy import settle
    from ru1_app.store.judgements_sql import Judgements
    from ru1_app.wiring import wire

    app = wire()
    policy = partial(settle, overlap=app.overlap)
    changed = Judgements(app.store.database).want(item, raters, CLI, datetime.now(UTC), policy)
    told = f"{item}: {changed.overlap} raters; it is {changed.state}."
    show({"id": changed.id, "overlap": changed.overlap, "state": changed.state}, json_, [told])


def order(json_: Json = False) -> None:
    """Order open work anew by what is known now; where a risk model is installed, by the risk of each recovery too."""
    from ru1_app.wiring import wire

    app = wire()
    risk_of = _risk_of(app)
    items = app.filler.order(risk_of)
    how = "with the risk of each recovery" if risk_of else "by what is stored: no risk model is installed"
    show({"items": items, "risk": risk_of is not None}, json_, [f"{items} open items ordered anew, {how}."])


def _risk_of(app: App) -> Callable[[Case], float | None] | None:
    """What tells the risk of a stored case; None where no risk model is installed."""
    from ru1_app.images import from_png
    from ru1_app.scoring.base import Pair
    from ru1_app.scoring.risk import NAME

    scorer = app.scorers().get(NAME)
    if scorer is None:
        return None

    def risk_of(case: Case) -> float | None:
        recovered, corrupted = (
            from_png(app.store.image(sha)) for sha in (case.recovery.image_sha, case.sample.corrupted_sha)
        )
        return scorer.score([Pair(recovered, corrupted)])[0].value

    return risk_of


def report(json_: Json = False) -> None:
    """How far the labels are and how far they agree; the consensus is derived again and kept."""
    from ru1_app.rating.consensus import recompute
    from ru1_app.store.labels_sql import Labels
    from ru1_app.wiring import wire

    app = wire()
    found = app.reports.whole()
    recompute(Labels(app.store.database), found.made_at)
    document = asdict(found) | {"made_at": found.made_at.isoformat()}
    document["agreed"] = [row | {"computed_at": found.made_at.isoformat()} for row in document["agreed"]]
    lines = [f"{state}: {count}" for state, count in found.states.items()]
    for field in found.fields:
        if field.percent.value is not None:
            alpha, ac1 = (_figure(each.value) for each in (field.alpha, field.ac1))
            lines.append(f"{field.label}: {field.percent.value:.0%} agree, alpha {alpha}, AC1 {ac1}")
    show(document, json_, lines or ["Nothing has been judged yet."])


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _requests(
    app: App, photos: Path | None, scenes: int, specs: tuple[str, ...], model: str, seed: int
) -> Iterator[RunRequest]:
    """One run for each image, the corruptions in turn."""
    from ru1_app.corruptions import CorruptionSpec
    from ru1_app.intake import read_file
    from ru1_app.jobs import images_in
    from ru1_app.models.catalogue import Role
    from ru1_app.pipeline import RunRequest

    entry = app.catalogue.entry(model, Role.RECOVER)
    answerer = app.catalogue.entry("", Role.ANSWER).name
    number = 0

    def request(intake: Any, question: Any, source: str) -> RunRequest:
        parsed = CorruptionSpec.parse(specs[number % len(specs)], seed=seed + number)
        return RunRequest(
            intake, parsed, question, entry.name, answerer, seed, app.settings.steps or entry.steps, source=source
        )

    for path in images_in(photos) if photos else ():
        yield request(read_file(path, app.settings), None, f"photo:{path.name}")
        number += 1
    for index in range(scenes):
        intake, question, source = _scene(seed + index)
        yield request(intake, question, source)
        number += 1


def _scene(seed: int) -> tuple[Any, Any, str]:
    """A drawn scene as an accepted image, with one of its questions."""
    import numpy as np

    from ru1_app.images import digest, png_bytes
    from ru1_app.intake import Intake
    from ru1_app.scenes import questions_for, render, sample_scene

    scene = sample_scene(seed)
    image = render(scene, 384)
    asked = questions_for(scene, np.random.Generator(np.random.PCG64(seed)))
    intake = Intake(image, digest(png_bytes(image)), f"scene-{seed}.png")
    return intake, asked[seed % len(asked)][1], f"scene:{seed}"


def _runs(app: App, request: RunRequest, count: int) -> list[Case]:
    """Run a request with as many seeds and store the cases."""
    from dataclasses import replace

    from ru1_app.pipeline import RunResult

    cases = []
    for number in range(count):
        *_, done = app.run(replace(request, seed=request.seed + number))
        assert isinstance(done, RunResult)
        app.store.add_case(done.case, done.images)
        cases.append(done.case)
    return cases
