"""Commands that measure: the benchmark of the embedded models, the comparison of two runs, and the page of figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ru1_app.commands.base import MAX_SEED, Json, show
from ru1_app.config import Settings

Run = Annotated[Path, typer.Argument(help="A run that `ru1 eval embedded` wrote.")]


def embedded(
    photos: Annotated[Path, typer.Option(help="Folder of held-out photos.")],
    out: Annotated[Path, typer.Option(help="JSON file; the journal of the run is kept beside it.")],
    name: Annotated[
        str, typer.Option(help="What the run is called: full, all_photos, no_ssim, no_clip, no_rl, no_both, no_stage3.")
    ] = "full",
    recoverer: Annotated[Path | None, typer.Option(help="Folder of the recoverer.")] = None,
    answerer: Annotated[Path | None, typer.Option(help="Folder of the answerer.")] = None,
    clip: Annotated[Path | None, typer.Option(help="Folder of the CLIP that scores are made with.")] = None,
    scenes: Annotated[int, typer.Option(min=1, help="How many held-out scenes there are to choose from.")] = 60,
    every: Annotated[int, typer.Option(min=1, help="Use every n-th photo.")] = 1,
    photos_per_cell: Annotated[int, typer.Option(min=1, help="Photos for each corruption and level.")] = 5,
    scenes_per_cell: Annotated[int, typer.Option(min=1, help="Scenes for each corruption and level.")] = 5,
    covered: Annotated[int, typer.Option(min=1, help="Scenes for each way to cover one of their things.")] = 20,
    steps: Annotated[int, typer.Option(min=1, max=100)] = 1,
    draws: Annotated[int, typer.Option(min=2, max=16, help="Draws whose deviation is measured.")] = 8,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED)] = 0,
    corruption: Annotated[list[str] | None, typer.Option(help="Only this one; may be given again.")] = None,
    latency: Annotated[bool, typer.Option(help="Measure time and memory too.")] = True,
    json_: Json = False,
) -> None:
    """Measure the embedded models on held-out photos and scenes under all corruptions; a run that was cut goes on."""
    from ru1_app.evaluation.inputs import Photos
    from ru1_app.evaluation.latency import in_fresh_process
    from ru1_app.evaluation.plan import Plan
    from ru1_app.evaluation.run import Folders, Job, load, measure
    from ru1_app.evaluation.show import lines

    settings = Settings.from_env()
    home = settings.models_dir
    folders = Folders(recoverer or home / "recoverer", answerer or home / "answerer", clip or home / "clip")
    plan = Plan(
        scenes,
        photos_per_cell,
        scenes_per_cell,
        covered,
        draws=draws,
        steps=steps,
        seed=seed,
        only=tuple(corruption or ()),
    )
    timing = (lambda: in_fresh_process(folders)) if latency else None
    job = Job(name, plan, Photos.below(photos, every), timing)
    document = measure(job, load(folders, settings.threads), out)
    show({"header": document["header"], "summary": document["summary"]}, json_, lines(document))


def compare(first: Run, second: Run, json_: Json = False) -> None:
    """What changed from the first run to the second, pair by pair, and whether its interval excludes 0."""
    from ru1_app.evaluation.compare import compare as compared
    from ru1_app.evaluation.run import read
    from ru1_app.evaluation.show import comparison

    document = compared(read(first), read(second))
    show(document, json_, comparison(document))


def report(
    runs: Annotated[list[Path], typer.Argument(help="Runs: the full one, and those of the ablation.")],
    out: Annotated[Path, typer.Option(help="Markdown file; its figures go to `figures` beside it.")],
    hardware: Annotated[
        str, typer.Option(help="What the models were trained on: cpu or gpu. It sets the targets.")
    ] = "cpu",
    json_: Json = False,
) -> None:
    """Write the page of figures from saved runs; the same runs give the same bytes."""
    from ru1_app.evaluation.report import write
    from ru1_app.evaluation.run import read

    written: list[Any] = [str(path) for path in write([read(path) for path in runs], out, hardware)]
    show(written, json_, written)
