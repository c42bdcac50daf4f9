"""The README.md beside a risk model: what it learned from, how, and how well it tells."""

from __future__ import annotations

import platform
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ru1_app import __version__
from ru1_app.items import SIMULATED
from ru1_app.scoring.risk import LEAST_OF_EACH, TOO_FEW, Described
from ru1_app.scoring.risk_net import GRID, SIDE
from ru1_app.training.risk_measured import BINS, Measured

CARD = "README.md"
FEW_IMAGES = 100  # held-out source images from which an interval says little


@dataclass(frozen=True, slots=True)
class Split:
    """One split of a release."""

    recoveries: int
    misleading: int  # more than half of the raters say so
    images: int


@dataclass(frozen=True, slots=True)
class Source:
    """What a release says of where its labels come from."""

    name: str  # of its folder
    digest: str
    splits: Mapping[str, Split]
    raters: frozenset[str]
    licenses: Mapping[str, int]  # recoveries by the licence of the source image
    models: Mapping[str, int]  # and by the recoverer

    @property
    def simulated(self) -> int:
        """How many of the raters are simulated ones: their names tell."""
        return sum(name.startswith(SIMULATED) for name in self.raters)


def read_source(release: Path, digest: str) -> Source:
    """Look through the tables of a release, without the images."""
    splits, licenses, models = {}, Counter[str](), Counter[str]()
    for name in ("train", "test"):
        rows = _rows(release, "samples", name, ["misleading_share", "split_group", "license", "model_id"])
        shares = [row["misleading_share"] for row in rows]
        splits[name] = Split(len(rows), sum(each > 0.5 for each in shares), len({row["split_group"] for row in rows}))
        licenses.update(row["license"] or "unknown" for row in rows)
        models.update(row["model_id"] for row in rows)
    judgements = [row for name in splits for row in _rows(release, "ratings", name, ["rater_id"])]
    raters = frozenset(row["rater_id"] for row in judgements)
    return Source(release.resolve().name, digest, splits, raters, licenses, models)


def write_card(
    out: Path, described: Described, source: Source, measured: Measured, config: Any, defaults: Path
) -> None:
    """Write it. `config` is what was trained by; what differs from `defaults`, a TOML file, is in the command."""
    parts = {
        "judges": described.judges,
        "state": "" if described.enough else f"**{described.told}** The app shows no number.",
        "data": _data(source),
        "simulated": _simulated(source),
        "command": _command(source, config, defaults),
        "recipe": _recipe(config, described),
        "held_out": _held_out(measured),
        "reliability": _reliability(measured),
        "places": _places(described, measured),
        "side": str(SIDE),
        "grid": str(GRID),
        "smallness": _smallness(measured),
        "licence": _licence(source),
    }
    text = Path(__file__).with_suffix(".md").read_text("utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    lines = [line.rstrip() for line in text.splitlines()]
    shown = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]  # no two empty lines
    (out / CARD).write_text("\n".join(shown).rstrip() + "\n", "utf-8")


def _rows(release: Path, table: str, split: str, columns: list[str]) -> list[Mapping[str, Any]]:
    import pyarrow.parquet as pq

    path = release / "tables" / table / f"{split}.parquet"
    rows: list[Mapping[str, Any]] = pq.read_table(path, columns=columns).to_pylist() if path.is_file() else []
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (head, ["---"] * len(head), *rows))


def _data(source: Source) -> str:
    rows = [
        (name, f"{each.recoveries:,}", f"{each.misleading:,}", f"{each.images:,}")
        for name, each in source.splits.items()
    ]
    table = _table(
        ("split", "judged recoveries", "misleading, as more than half of their raters say", "source images"), rows
    )
    people, simulated = len(source.raters) - source.simulated, source.simulated
    return (
        f"The release `{source.name}`, digest `{source.digest}`, format `tables`. All recoveries of one source image "
        f"are in one split. Raters: {people:,} people, {simulated:,} simulated. Recoverers: {_listed(source.models)}."
        f"\n\n{table}"
    )


def _simulated(source: Source) -> str:
    if not source.simulated:
        return ""
    share = "All its" if source.simulated == len(source.raters) else "Some of its"
    return (
        f"**{share} labels come from simulated raters** of drawn scenes, whose truth is known and whose errors are"
        " drawn (`ru1_app/simulated`). That people would judge the same is not shown."
    )


def _command(source: Source, config: Any, defaults: Path) -> str:
    usual = tomllib.loads(defaults.read_text("utf-8"))
    changed = [f"{name}={_toml(value)}" for name, value in asdict(config).items() if value != usual.get(name)]
    tail = "".join(f" --set {shlex.quote(each)}" for each in changed)
    return f"ru1 train risk --release {shlex.quote(source.name)} --out DIR{tail}"


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _recipe(config: Any, described: Described) -> str:
    rare = ", misleading ones as much as all others together" if config.rare_weight else ""
    return (
        f"Seed {config.seed}; {config.epochs} epochs in batches of {config.batch}; the epoch with the least cross"
        f" entropy on {config.check_share:.0%} of the training images was kept. The target is the share of the"
        f" raters who say that it misleads; places weigh {config.place_weight:g}{rare}. Logits are divided by"
        f" {described.temperature:g}, fitted on the same images. RU1 {__version__}, torch {version('torch')}, Python"
        f" {platform.python_version()}."
    )


def _held_out(measured: Measured) -> str:
    if not measured.count:
        return "The release has no test split, so nothing is known of how well it tells."
    if measured.auroc is None:
        return f"{measured.count:,} recoveries, all of one kind: there is no AUROC."
    low, high = measured.auroc_interval or (float("nan"), float("nan"))
    return (
        f"The test split, looked at once, at the end: {measured.count:,} recoveries of {measured.images:,} source"
        f" images, {measured.misleading:,} of them misleading. **AUROC {measured.auroc:.3f}** ({low:.3f} to {high:.3f};"
        " a percentile bootstrap of 95 % that draws source images). 0.5 is chance."
    )


def _reliability(measured: Measured) -> str:
    if not measured.count:
        return ""
    rows = [
        (f"{each.low:.0%} to {each.low + 1 / BINS:.0%}", each.recoveries, f"{each.told:.2f}", f"{each.said:.2f}")
        for each in measured.bins
    ]
    table = _table(("risk told", "recoveries", "mean risk", "mean share of raters who say misleading"), rows)
    return f"Expected calibration error {measured.calibration_error:.3f} in {BINS} bins:\n\n{table}"


def _places(described: Described, measured: Measured) -> str:
    if not measured.marked:
        return (
            "No held-out misleading recovery has a marked place, so nothing is known of the map, and the app does not"
            " show it."
        )
    withheld = " That does not suffice: the app does not show the map."
    return (
        f"Places: of {measured.marked:,} held-out misleading recoveries with a marked place, the riskiest place is a"
        f" marked one in {measured.hits:,} ({measured.hits / measured.marked:.0%}); a place drawn at random would be in"
        f" {measured.chance:.0%}.{'' if described.places_told else withheld}"
    )


def _smallness(measured: Measured) -> str:
    fine = measured.count - measured.misleading
    if min(measured.misleading, fine) < LEAST_OF_EACH:
        return f"Fewer than {LEAST_OF_EACH} held-out recoveries of one kind: {TOO_FEW}."
    if measured.images < FEW_IMAGES:
        return f"{measured.images} held-out source images are few: read the interval, not the number."
    return "One seed and one split: another draw gives other figures."


def _licence(source: Source) -> str:
    return (
        f"The head learned from pictures under {_listed(source.licenses)} (licence of the source image, recoveries) and"
        " from judgements under the terms that their raters agreed to. It works with the embedded CLIP alone, whose"
        " weights are for research and demonstration: together they are for no more than that."
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items())) or "none"
