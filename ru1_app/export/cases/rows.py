"""The nouns of a release: a labelled recovery, a group of them from one input, a preference between two."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ru1_app.domain import Case, Sample
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.selection import Selection
from ru1_app.items import PairVote
from ru1_app.scenes import HELD_OUT_SEED

TRAIN, TEST = "train", "test"
SPLITS = (TRAIN, TEST)
BENCHMARK = "benchmark:"  # how the source of a benchmark's picture begins


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled recovery. `label` is None where it was only voted on beside another one."""

    case: Case
    label: Label | None
    split: str


class Origin(StrEnum):
    """Where a preference comes from."""

    VOTES = "votes"
    VERDICTS = "verdicts"


@dataclass(frozen=True, slots=True)
class Preference:
    """Of two recoveries of one input, `chosen` is the more faithful one."""

    id: str
    chosen: Row
    rejected: Row
    origin: Origin
    voters: int  # people whose word it rests on
    margin: float  # 0-1: of votes, how much more of them it got; of verdicts, the difference in severity over 3
    votes: tuple[PairVote, ...] = ()

    @property
    def split(self) -> str:
        """Both are of one source image, so of one split."""
        return self.chosen.split


@dataclass(frozen=True, slots=True)
class RowGroup:
    """What is released of one sample."""

    sample: Sample
    rows: tuple[Row, ...]
    preferences: tuple[Preference, ...]

    @property
    def labelled(self) -> Sequence[tuple[Row, Label]]:
        """The rows that have a label, with it."""
        return [(row, row.label) for row in self.rows if row.label is not None]


def is_benchmark(sample: Sample) -> bool:
    """Whether the picture is one that models are measured on: a benchmark's, or a drawn scene that is held out."""
    kind, _, rest = sample.source.partition(":")
    if kind == "scene":
        return rest.isdigit() and int(rest) >= HELD_OUT_SEED
    return sample.source.startswith(BENCHMARK)


def split_of(sample: Sample, selection: Selection) -> str:
    """`train` or `test`, drawn by the source image, so that everything of one source falls on one side."""
    if is_benchmark(sample) and not selection.benchmarks:
        return TEST
    drawn = hashlib.sha256(f"{selection.split_seed}:{sample.split_group}".encode()).hexdigest()
    return TEST if int(drawn[:8], 16) < selection.test_share * 16**8 else TRAIN
