"""The page of figures, wholly from saved runs: one Markdown file and its figures; the same runs give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ru1_app.corruptions import CORRUPTIONS, LEVELS
from ru1_app.errors import InvalidInput
from ru1_app.evaluation import answering, figures, recovery
from ru1_app.evaluation.ablation import WIDE, Runs, ablation, sorted_out
from ru1_app.evaluation.bootstrap import RESAMPLES
from ru1_app.evaluation.page import Row, code, page, table
from ru1_app.evaluation.plan import CLEAN_ITEMS
from ru1_app.evaluation.show import interval, number
from ru1_app.evaluation.targets import Targets, targets_of
from ru1_app.files import write_whole
from ru1_app.jobs import make_folders

FIGURES = "figures"
MAPS = {"deviation": "deviation of draws", "predicted": "predicted by the recoverer"}
Document = Mapping[str, Any]


def write(runs: Sequence[Document], out: Path, hardware: str) -> list[Path]:
    """Write the page, and its figures to `figures` beside it; returns what was written, the page first.

    Args:
        runs: as `run.read` gives them: the one that the page is about, the one on all photos, those of the ablation.
        out: a Markdown file.
        hardware: what the models were trained on, `cpu` or `gpu`: it chooses the targets.

    Raises:
        InvalidInput: the runs do not belong together, or `out` or `hardware` is none.
    """
    if out.suffix != ".md":
        raise InvalidInput(f"{str(out)!r} is no Markdown file. Give --out a name that ends in .md.")
    targets = targets_of(hardware)
    full, wide, others = found = sorted_out(runs)
    drawn = {
        "gain": figures.gains(recovery.at_mid(full, wide), targets),
        "answers": figures.answers(full),
        "sparsification": figures.sparsification(full),
    }
    paths = {name: out.parent / FIGURES / f"{out.stem}_{name}.svg" for name, figure in drawn.items() if figure}
    told = page(_blocks(found, (targets, hardware), paths))
    make_folders([out, *paths.values()])
    for name, path in paths.items():
        write_whole(path, (drawn[name] or "").encode())
    write_whole(out, told.encode())
    return [out, *paths.values()]


def _blocks(runs: Runs, aim: tuple[Targets, str], paths: Mapping[str, Path]) -> Iterator[str]:
    full, wide, others = runs
    targets, hardware = aim
    shown = {name: f"![{_ALT[name]}]({FIGURES}/{path.name})" for name, path in paths.items()}
    yield "# The embedded models, measured"
    yield (
        "> This page is written by `ru1 eval report` from saved runs. Do not edit it: the next report overwrites it, "
        "and the same runs give the same bytes."
    )
    yield from measured(full, [*([WIDE] if wide else []), *others])
    yield from recovery.photos(full, wide, (targets, hardware), shown.get("gain", ""))
    yield from recovery.scenes(full, targets)
    yield from recovery.clean(full, targets)
    yield from answering.right(full, shown["answers"])
    yield from answering.texts(full)
    yield from answering.cannot_tell(full)
    yield from answering.misleading(full)
    yield from uncertainty(full, shown.get("sparsification", ""))
    yield from latency(full)
    yield from ablation(full, others)


_ALT = {
    "gain": "Bars: PSNR gain of each corruption at mid severity, with intervals and targets",
    "answers": "Bars: right answers for each level and condition, with intervals",
    "sparsification": "Curves: error that is left when the least sure pixels are taken away",
}


def measured(full: Document, others: Sequence[str]) -> Iterator[str]:
    """Inputs and models."""
    head = full["header"]
    seen, levels = head["inputs"], ", ".join(f"{name} {value:.2f}" for name, value in LEVELS.items())
    names = ", ".join(map(code, seen["only"])) or f"all {len(CORRUPTIONS)} of the app"
    yield "## What was measured"
    yield table(
        ("what", "which"),
        [
            *((part, f"revision {code(head[part]['revision'])}, {head[part]['engine']}") for part in _MODELS),
            ("CLIP of the scores", head["clip"]),
            ("app", f"{head['app']}, run {code(head['name'])}"),
            ("photos", f"{seen['count']} held-out photos, digest {code(seen['photos'])}"),
            ("scenes", f"{seen['scenes']} held-out scenes, seeds from {seen['first_scene']} on"),
            ("corruptions", f"{names}; severities {levels}"),
            ("photos for each corruption and level", f"{seen['photos_per_cell']} ({_CLEAN})"),
            ("scenes for each corruption and level", f"{seen['scenes_per_cell']} ({_CLEAN})"),
            ("scenes for each way to cover a thing", str(seen["covered"])),
            ("photos for each corruption, for uncertainty", str(seen["unsure"])),
            ("steps, draws, seed", f"{seen['steps']}, {seen['draws']}, {seen['seed']}"),
            ("further runs", ", ".join(map(code, others)) or "none"),
        ],
        words=2,
    )
    yield (
        f"Figures are means. In brackets stands their interval of 95 %: percentiles of {RESAMPLES:,} bootstrap samples "
        "that draw whole images, because values of one image belong together. An interval over few images is somewhat "
        "too narrow, a single image has none, and one without width says that all values were equal, not that the "
        "figure is certain. A dash stands where there is no value. SSIM, MS-SSIM, the CLIP "
        "cosine and the reward are 1, 1, 1 and 1.2 for a perfect recovery."
    )


_MODELS = ("recoverer", "answerer")
_CLEAN = f"clean: {CLEAN_ITEMS} times as many, where there are so many"


def uncertainty(run: Document, figure: str) -> Iterator[str]:
    """Whether the maps say where the error is."""
    found = run["summary"]["uncertainty"]
    yield "## Uncertainty"
    if not found["maps"]:
        yield "This run measured no uncertainty."
        return
    yield (
        f"On {found['images']} recovered photos at mid severity, maps of uncertainty are compared with the error that "
        "was made, both as means over squares of 4 by 4 pixels. The rank correlation (Spearman) is 1 where the map "
        "orders the squares as the error does, and 0 where it says nothing. AUSE is the area between the map's "
        "sparsification curve and that of the error itself; less is better."
    )
    heads = ["rank correlation, pooled", "mean of the photos", "AUSE, pooled", "mean of the photos", "AUSE at random"]
    yield table(["map", *heads], (_map(name, row, found["curves"]["ause"]) for name, row in found["maps"].items()))
    yield (
        "The curves show the mean error of the squares that are left, as a part of that of all, when the least sure "
        "ones are taken away. The lower the curve, the better the map; that of the error itself cannot be beaten."
    )
    yield figure


def _map(name: str, row: Row, area: Row) -> list[str]:
    own, pooled = row["per_image"], interval(row["pooled"], 2)
    areas = [number(area[name]), interval(own.get("ause")), number(area["random"])]
    return [MAPS[name], pooled, interval(own.get("spearman"), 2), *areas]


def latency(run: Document) -> Iterator[str]:
    """Time and memory, as the run saved them."""
    found = run["summary"]["latency"]
    yield "## Time and memory"
    if not found:
        yield "This run measured neither time nor memory."
        return
    yield (
        f"Median seconds in a process of its own, of a picture of {found['side']} by {found['side']} pixels and one "
        "step. A whole run corrupts, recovers, scores and answers three times, as the page does. Memory is the most "
        "that the process ever held, without the page's own part."
    )
    yield table(
        ["processor", "threads", "cores", "recovery, s", "whole run, s", "memory, MB"],
        [
            [
                found["processor"] or "–", str(found["threads"]), str(found["cores"]),
                number(found["recover_seconds"], 2), number(found["run_seconds"], 2), number(found["peak_mb"], 0),
            ]
        ],
    )  # fmt: skip
