"""Corrupted scenes with their recoveries, made once and drawn from while the answerer learns to weigh the two.

The recoverer is in the loop: what it restores, smooths or invents is what the answerer meets. The renderer says how
each thing is to be seen in both images (`ru1_app.scenes.evidence`).
"""

from __future__ import annotations

import json
import logging
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.files import write_whole
from ru1_app.images import Image8
from ru1_app.models.base import Recovered, Recoverer, RecoverRequest
from ru1_app.models.trace import Level
from ru1_app.scenes.evidence import THINGS, Evidence
from ru1_app.scenes.scene import HELD_OUT_SEED, Scene, generator, sample_scene
from ru1_app.training.answerer_build import SIDE
from ru1_app.training.damage import VERSION, Damage, draw_damage, evidence_of, gone_things, shrink

log = logging.getLogger(__name__)
SIZES, SIZE_SHARES = (256, 384), (0.65, 0.35)
FILES = ("corrupted", "recovered", "levels", "seeds")
MADE = "pool.json"  # what a pool was made with, written last: where it is, the pool is whole


class Entry(NamedTuple):
    """One scene of the pool; images are `SIDE` pixels a side, levels those of `THINGS` in the two images."""

    scene: Scene
    corrupted: Image8
    recovered: Image8
    levels: tuple[tuple[Level, ...], tuple[Level, ...]]


class Pool:
    """The arrays of a folder, mapped from disk."""

    def __init__(self, folder: Path) -> None:
        """Raises: InvalidInput: the folder holds no whole pool."""
        self._folder = folder
        try:
            self._arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in FILES}
        except OSError as error:
            raise InvalidInput(f"{folder} holds no pool of recoveries. Give --recoverer to make one.") from error

    def __reduce__(self) -> tuple[type[Pool], tuple[Path]]:
        return Pool, (self._folder,)  # another process maps the files itself

    def __len__(self) -> int:
        return len(self._arrays["seeds"])

    @cached_property
    def lost(self) -> list[int]:
        """The scenes in which a thing is gone."""
        rows = (self._arrays["levels"][:, 0] == Level.GONE).any(1)
        return [int(index) for index in np.flatnonzero(rows)]

    def __getitem__(self, index: int) -> Entry:
        first, second = ([Level(value) for value in row] for row in self._arrays["levels"][index])
        return Entry(
            sample_scene(int(self._arrays["seeds"][index])),
            np.array(self._arrays["corrupted"][index]),
            np.array(self._arrays["recovered"][index]),
            (tuple(first), tuple(second)),
        )


def make(folder: Path, recoverer: Recoverer, count: int, seed: int = 0) -> None:
    """Write a pool of `count` scenes, whole or not at all."""
    images = np.empty((2, count, SIDE, SIDE, 3), np.uint8)
    levels = np.empty((count, 2, len(THINGS)), np.uint8)
    rng = generator(seed, 999)
    seeds = rng.integers(HELD_OUT_SEED, size=count)
    for index in tqdm(range(count), unit="scene", mininterval=5):
        scene = sample_scene(int(seeds[index]))
        damage, size = draw_damage(scene, rng), int(rng.choice(SIZES, p=SIZE_SHARES))
        images[:, index], levels[index] = _pair(scene, damage, size, recoverer)
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in zip(FILES, (images[0], images[1], levels, seeds), strict=True):
        with (folder / f"{name}.part").open("wb") as file:
            np.save(file, values)
        (folder / f"{name}.part").replace(folder / f"{name}.npy")
    made = {"recoverer": recoverer.ref.revision, "damage": VERSION, "count": count, "seed": seed}
    write_whole(folder / MADE, (json.dumps(made) + "\n").encode())


def ensure(folder: Path, recoverer: Recoverer, count: int, seed: int = 0) -> None:
    """Make the pool, where there is none. One that is there is taken as large as it is, which is logged.

    Raises:
        InvalidInput: the pool that is there was made with another recoverer, or of scenes that suffered otherwise.
    """
    if not (folder / MADE).exists():
        make(folder, recoverer, count, seed)
        return
    made, wanted = json.loads((folder / MADE).read_text("utf-8")), recoverer.ref.revision
    if made["recoverer"] != wanted:
        raise InvalidInput(
            f"The pool in {folder} holds recoveries of {made['recoverer']!r}, not of {wanted!r}. Name another --pool."
        )
    if made.get("damage") != VERSION:
        raise InvalidInput(
            f"The pool in {folder} is of an earlier version: its scenes are damaged or judged otherwise. Name another "
            "--pool."
        )
    if (made["count"], made["seed"]) != (count, seed):
        log.warning("%s holds %s scenes of seed %s already and stays as it is.", folder, made["count"], made["seed"])


def recovered(recoverer: Recoverer, image: Image8) -> Image8:
    """The recovery of an image, seed 0.

    Raises:
        ModelFailed: the recoverer gave none.
    """
    for event in recoverer.recover(RecoverRequest(image, seed=0)):
        if isinstance(event, Recovered):
            return event.images[0]
    raise ModelFailed("The recoverer ended without an image. Try another model.")


def _pair(scene: Scene, damage: Damage, size: int, recoverer: Recoverer) -> tuple[list[Image8], list[list[Level]]]:
    """The two images of a scene, small, and how things are to be seen in them."""
    evidence = evidence_of(scene, damage, size)
    views = [evidence.corrupted, shrink(recovered(recoverer, evidence.corrupt(evidence.sound, evidence.seed)))]
    gone = gone_things(evidence)
    return views, [[_level(evidence, view, thing, gone) for thing in THINGS] for view in views]


def _level(evidence: Evidence, view: Image8, thing: str, gone: set[str]) -> Level:
    if thing in gone:
        return Level.GONE
    return Level.ALTERED if evidence.altered(view, thing) else Level.CLEAR
