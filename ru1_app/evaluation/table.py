"""The cells of a run as columns: one row for each image, or for each question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ru1_app.evaluation import said
from ru1_app.evaluation.bootstrap import Estimate, Values, estimates
from ru1_app.evaluation.journal import Row
from ru1_app.evaluation.measure import SIDES
from ru1_app.evaluation.plan import CLEAN, Cell, Part
from ru1_app.rewards import STEEPNESS, WEIGHTS
from ru1_app.training.config import STILL

Cells = Mapping[str, Sequence[Row]]
Names = NDArray[np.str_]
SCORES = ("ssim", "psnr", "ms_ssim", "clip", "reward")
CONDITIONS = ("corrupted", "recovered", "both")
GAIN = "gain"


@dataclass(frozen=True)
class Table:
    """Rows [n]: image, corruption, level and, of questions, kind; and columns of values, NaN where there is none."""

    images: Names
    corruptions: Names
    levels: Names
    kinds: Names
    columns: Mapping[str, Values]

    def __len__(self) -> int:
        return len(self.images)

    def where(
        self, *, corruption: str = "", levels: Sequence[str] = (), kind: str = "", named: Sequence[str] = ()
    ) -> Table:
        """The rows of one corruption, or of those `named`, of some levels, of one kind; what is empty is not asked."""
        keep = np.ones(len(self), np.bool_)
        keep &= (self.corruptions == corruption) | (not corruption)
        keep &= (self.kinds == kind) | (not kind)
        if levels:
            keep &= np.isin(self.levels, list(levels))
        if named:
            keep &= np.isin(self.corruptions, list(named))
        columns = {name: values[keep] for name, values in self.columns.items()}
        return Table(self.images[keep], self.corruptions[keep], self.levels[keep], self.kinds[keep], columns)

    def estimates(self) -> dict[str, Estimate]:
        """Every column's mean with its interval; images are what is drawn."""
        return estimates(self.columns, self.images)

    def keys(self) -> list[tuple[str, ...]]:
        """What names each row; a question by its place among those of its image."""
        seen: dict[tuple[str, ...], int] = {}
        keys = []
        for row in zip(self.images, self.corruptions, self.levels, self.kinds, strict=True):
            name = tuple(map(str, row))
            seen[name] = seen.get(name, 0) + 1
            keys.append((*name, str(seen[name])))
        return keys

    def take(self, rows: Sequence[int]) -> Table:
        """The rows of these numbers, in that order."""
        index = np.asarray(rows, np.intp)
        columns = {name: values[index] for name, values in self.columns.items()}
        return Table(self.images[index], self.corruptions[index], self.levels[index], self.kinds[index], columns)


def scores(cells: Cells, part: Part) -> Table:
    """Recovery scores: columns `ssim/corrupted`, `ssim/recovered`, `ssim/gain` and so on; `reward` is combined.

    Corruptions that move things are left out: a comparison pixel by pixel says nothing there.
    """
    found = [(cell, item) for cell, item in _of(cells, part) if cell.corruption == CLEAN or cell.corruption in STILL]
    columns = {}
    for side in SIDES:
        for name in SCORES[:-1]:
            columns[f"{name}/{side}"] = _floats(item[side][name] for _, item in found)
        columns[f"reward/{side}"] = combined(columns[f"ssim/{side}"], columns[f"clip/{side}"])
    for name in SCORES:
        columns[f"{name}/{GAIN}"] = columns[f"{name}/recovered"] - columns[f"{name}/corrupted"]
    return _table([(cell, item["id"], "") for cell, item in found], columns)


def combined(ssim: Values, cosine: Values) -> Values:
    """Robust-U1's reward: SSIM + 0.2 exp(-5 (1 - cos)), from [n] and [n]; 1.2 is a perfect recovery."""
    return np.asarray(WEIGHTS["ssim"] * ssim + WEIGHTS["clip"] * np.exp(-STEEPNESS * (1 - cosine)), np.float64)


def answers(cells: Cells, part: Part = Part.SCENES) -> Table:
    """Answers, a row for each question.

    Columns: `gone`, whether nothing in the corrupted image tells; `right/<condition>`; `cannot_tell/<condition>`, and
    the same for questions whose evidence is gone or still seen (`cannot_tell_gone/...`, `cannot_tell_seen/...`);
    `misleading/recovered` and `misleading/both` (right from the corrupted image, wrong after recovery), `helped/...`
    (not right from it, right after recovery);
    `both-corrupted` and so on are differences.
    """
    rows: list[tuple[Cell, str, str]] = []
    letters: dict[str, list[str]] = {condition: [] for condition in CONDITIONS}
    lost: list[str] = []
    for cell, item in _of(cells, part):
        rows += [(cell, item["id"], kind) for kind in item["kinds"]]
        lost += item["gone"]
        for condition in CONDITIONS:
            letters[condition] += item["answers"][condition]
    gone = _shares(lost, lambda flag: flag == "1")
    columns: dict[str, Values] = {"gone": gone}
    for condition, said_ in letters.items():
        columns[f"right/{condition}"] = _shares(said_, said.is_right)
        unsure = columns[f"cannot_tell/{condition}"] = _shares(said_, said.is_unsure)
        columns[f"cannot_tell_gone/{condition}"] = np.where(gone == 1, unsure, np.nan)
        columns[f"cannot_tell_seen/{condition}"] = np.where(gone == 0, unsure, np.nan)
    before = columns["right/corrupted"]
    for condition in CONDITIONS[1:]:
        wrong = _shares(letters[condition], lambda letter: letter == said.WRONG)
        columns[f"misleading/{condition}"] = before * wrong
        columns[f"helped/{condition}"] = (1 - before) * columns[f"right/{condition}"]
        columns[f"{condition}-corrupted"] = columns[f"right/{condition}"] - before
    columns["both-recovered"] = columns["right/both"] - columns["right/recovered"]
    return _table(rows, columns)


def texts(cells: Cells) -> Table:
    """Columns `open/<condition>`, whether an answer without options is right, a row for each question, and
    `described/<condition>`, the share of a scene that its description names rightly, in the first row of each scene.
    """
    rows: list[tuple[Cell, str, str]] = []
    columns: dict[str, list[float]] = {f"{name}/{c}": [] for name in ("open", "described") for c in CONDITIONS}
    for cell, item in _of(cells, Part.TEXTS):
        rows += [(cell, item["id"], kind) for kind in item["kinds"]]
        for c in CONDITIONS:
            columns[f"open/{c}"] += [float(said.is_right(letter)) for letter in item["answers"][c]]
            columns[f"described/{c}"] += [item["described"][c], *[np.nan] * (len(item["kinds"]) - 1)]
    return _table(rows, {name: np.array(values, np.float64) for name, values in columns.items()})


def _of(cells: Cells, part: Part) -> Iterator[tuple[Cell, Row]]:
    for name, items in cells.items():
        first, *rest = name.split("/")
        if first == part:
            yield from ((Cell(part, *rest), item) for item in items)


def _table(rows: Sequence[tuple[Cell, str, str]], columns: Mapping[str, Values]) -> Table:
    images, kinds = (np.array([row[k] for row in rows], np.str_) for k in (1, 2))
    corruptions, levels = (np.array([row[0][k] for row in rows], np.str_) for k in (1, 2))
    return Table(images, corruptions, levels, kinds, columns)


def _floats(values: Iterator[float | None]) -> Values:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _shares(letters: Sequence[str], holds: Callable[[str], bool]) -> Values:
    return np.array([holds(letter) for letter in letters], np.float64)
