"""What a run measures: the cells, and which photo or scene stands in which of them. Pure.

Every image is used about equally often; the three levels of a corruption share their images and seeds, so that the same
obstacle grows from one to the next, and two runs of one plan can be compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from ru1_app.corruptions import CORRUPTIONS, LEVELS, CorruptionSpec, entry_of
from ru1_app.errors import InvalidInput
from ru1_app.scenes import HELD_OUT_SEED
from ru1_app.training.config import STILL
from ru1_app.training.damage import COVERS

CLEAN, NONE = "clean", "none"  # the name of input that is not corrupted; the level of it, and of covered things
CHAIN = "+"  # between the corruptions that cover a thing
CHAINS, PAINT = tuple(CHAIN.join(chain) for chain in COVERS), "paint"  # the ways in which things are covered
FIRST_SCENE = HELD_OUT_SEED + 100_000
"""Held-out scenes before it were looked at while the models were made."""
CLEAN_ITEMS = 4  # times as many images as in other cells


class Part(StrEnum):
    """What a cell measures."""

    PHOTOS = "photos"  # recovery scores of photos
    SCENES = "scenes"  # recovery scores of scenes, and answers
    COVERED = "covered"  # answers about scenes of which something is covered, until nobody can tell
    TEXTS = "texts"  # answers without options, and descriptions, of scenes
    UNSURE = "uncertainty"  # of recoveries of photos


class Cell(NamedTuple):
    """One corruption at one level, or one way to cover things, for one part of the run."""

    part: Part
    corruption: str
    level: str

    def __str__(self) -> str:
        return "/".join(self)

    def spec(self, item: str, seed: int) -> CorruptionSpec | None:
        """The corruption of one image, the same in every part and at every level but for its severity."""
        if self.corruption == CLEAN:
            return None
        return CorruptionSpec.of(self.corruption, LEVELS[self.level], self.own_seed(item, seed))

    def own_seed(self, item: str, seed: int) -> int:
        """The seed of one image under this corruption."""
        return crc32(f"{seed}/{self.corruption}/{item}".encode())


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a run. `only` names the corruptions; empty: all."""

    scenes: int
    photos_per_cell: int
    scenes_per_cell: int
    covered: int  # scenes in each cell of covered things
    texts: int = 1  # scenes in each cell of texts
    unsure: int = 1  # photos in each cell of uncertainty
    draws: int = 8  # for their deviation
    steps: int = 1
    seed: int = 0
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.only:
            entry_of(name)
        if self.draws < 2:
            raise InvalidInput("A deviation needs at least two draws. Give --draws 2 or more.")

    def as_dict(self) -> dict[str, Any]:
        """For the header of a journal."""
        return asdict(self) | {"only": list(self.only)}

    def cells(self) -> Iterator[Cell]:
        """All cells in order. Photos and uncertainty need the clean image to be what a recovery should equal."""
        names = [name for name in CORRUPTIONS if not self.only or name in self.only]
        for part in (Part.PHOTOS, Part.SCENES):
            yield Cell(part, CLEAN, NONE)
            for name in names:
                if part is Part.SCENES or name in STILL:
                    yield from (Cell(part, name, level) for level in LEVELS)
        yield from (Cell(Part.COVERED, name, NONE) for name in (*CHAINS, PAINT))
        yield Cell(Part.TEXTS, CLEAN, NONE)
        yield from (Cell(Part.TEXTS, name, "mid") for name in names)
        yield from (Cell(Part.UNSURE, name, "mid") for name in names if name in STILL)

    def items(self, cell: Cell, pool: int) -> list[int]:
        """Which of `pool` images stand in a cell, in a seeded order that goes round over the corruptions."""
        order = np.random.Generator(np.random.PCG64([self.seed, pool])).permutation(pool)
        each = {
            Part.PHOTOS: self.photos_per_cell, Part.SCENES: self.scenes_per_cell,
            Part.COVERED: self.covered, Part.TEXTS: self.texts, Part.UNSURE: self.unsure,
        }[cell.part]  # fmt: skip
        if cell.corruption == CLEAN:
            return sorted(int(k) for k in order[: CLEAN_ITEMS * each])
        names = (*CHAINS, PAINT) if cell.part is Part.COVERED else tuple(CORRUPTIONS)
        first = names.index(cell.corruption) * each
        return [int(order[(first + k) % pool]) for k in range(min(each, pool))]
