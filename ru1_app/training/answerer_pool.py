"""Corrupted scenes with their recoveries, made once and drawn from while the answerer learns to weigh the two.

The recoverer is in the loop: what it restores, smooths or invents is what the answerer meets. The renderer says how
each thing is to be seen in both images (`ru1_app.scenes.evidence`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from ru1_app.corruptions import CORRUPTIONS, MAX_SEED, Box, CorruptionSpec, CorruptionStep, corrupt
from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.files import write_whole
from ru1_app.images import Image8
from ru1_app.models.base import Recovered, Recoverer, RecoverRequest
from ru1_app.models.trace import Level
from ru1_app.scenes.evidence import THINGS, Evidence
from ru1_app.scenes.scene import HELD_OUT_SEED, Placement, Scene, generator, layout, sample_scene
from ru1_app.training.answerer_build import SIDE

log = logging.getLogger(__name__)
COVERS = (
    ("contrast_loss", "contrast_loss", "gaussian_noise"),
    ("contrast_loss", "contrast_loss", "jpeg"),
    ("scan_lines", "contrast_loss", "shot_noise"),
    ("color_quantization", "fog", "fog"),
    ("fog", "fog", "fog"),
    ("block_lost", "block_lost", "block_lost"),
)
"""Chains that are put on one thing alone, so that there are questions whose evidence is gone."""
CLEAN_SHARE, COVER_SHARE, PAINT_SHARE = 0.08, 0.25, 0.15
MARGIN = 0.04  # around what is covered, of the image's side
SIZES, SIZE_SHARES = (256, 384), (0.65, 0.35)
FILES = ("corrupted", "recovered", "levels", "seeds")
MADE = "pool.json"  # what a pool was made with, written last: where it is, the pool is whole


class Paint(NamedTuple):
    """An opaque surface over a part of the image: nothing is left of what lies under it."""

    box: Box
    colour: tuple[int, int, int]

    def over(self, image: Image8) -> Image8:
        """The image with the surface on it."""
        height, width = image.shape[:2]
        out = image.copy()
        rows = slice(round(self.box.y0 * height), round(self.box.y1 * height))
        out[rows, round(self.box.x0 * width) : round(self.box.x1 * width)] = self.colour
        return out


Damage = CorruptionSpec | Paint | None


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


def shrink(image: Image8) -> Image8:
    """What the processor does before scaling the values."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def draw_damage(scene: Scene, rng: np.random.Generator) -> Damage:
    """What a scene of the pool suffers: nothing, any corruption at any severity, one that covers a thing, or paint."""
    draw, seed = rng.random(), int(rng.integers(MAX_SEED))
    if (draw := draw - CLEAN_SHARE) < 0:
        return None
    if (draw := draw - COVER_SHARE) < 0:
        chain = COVERS[rng.integers(len(COVERS))]
        return cover(one_thing(scene, rng), chain, float(rng.uniform(0.6, 1)), seed)
    if draw < PAINT_SHARE:
        return paint(scene, rng)
    names = list(CORRUPTIONS)
    return CorruptionSpec.of(names[rng.integers(len(names))], float(rng.uniform(0.15, 1)), seed)


def paint(scene: Scene, rng: np.random.Generator) -> Paint:
    """A surface of any gray or colour, black and white among them, over one thing, half of the image or all of it."""
    place, draw, edge = one_thing(scene, rng), rng.random(), float(rng.uniform(0.4, 0.6))
    halves = Box(0, 0, 1, edge), Box(0, edge, 1, 1), Box(0, 0, edge, 1), Box(edge, 0, 1, 1)
    box = around(place) if draw < 0.55 else halves[rng.integers(4)] if draw < 0.9 else Box(0, 0, 1, 1)
    gray, (red, green, blue) = int(rng.integers(256)), rng.integers(256, size=3)
    grays = (gray,) * 3
    return Paint(box, ((0, 0, 0), (255,) * 3, grays, grays, (int(red), int(green), int(blue)))[rng.integers(5)])


def one_thing(scene: Scene, rng: np.random.Generator) -> Placement:
    """One of the things that questions hang on, of those that are there once."""
    places = [place for place in layout(scene) if place.name in THINGS]
    return places[rng.integers(len(places))]


def cover(place: Placement, chain: Sequence[str], severity: float, seed: int) -> CorruptionSpec:
    """A chain of corruptions that is put on one thing alone."""
    box = around(place)  # a corruption fades towards the edge of its box
    return CorruptionSpec(tuple(CorruptionStep(name, severity, box) for name in chain), seed)


def around(place: Placement) -> Box:
    """The box of a thing and a margin."""
    x0, y0, x1, y1 = place.box
    return Box(max(0.0, x0 - MARGIN), max(0.0, y0 - MARGIN), min(1.0, x1 + MARGIN), min(1.0, y1 + MARGIN))


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
    made = {"recoverer": recoverer.ref.revision, "count": count, "seed": seed}
    write_whole(folder / MADE, (json.dumps(made) + "\n").encode())


def ensure(folder: Path, recoverer: Recoverer, count: int, seed: int = 0) -> None:
    """Make the pool, where there is none. One that is there is taken as large as it is, which is logged.

    Raises:
        InvalidInput: the pool that is there was made with another recoverer.
    """
    if not (folder / MADE).exists():
        make(folder, recoverer, count, seed)
        return
    made, wanted = json.loads((folder / MADE).read_text("utf-8")), recoverer.ref.revision
    if made["recoverer"] != wanted:
        raise InvalidInput(
            f"The pool in {folder} holds recoveries of {made['recoverer']!r}, not of {wanted!r}. Name another --pool."
        )
    if (made["count"], made["seed"]) != (count, seed):
        log.warning("%s holds %s scenes of seed %s already and stays as it is.", folder, made["count"], made["seed"])


def damaged(image: Image8, damage: Damage) -> Image8:
    """The image with what it suffers."""
    match damage:
        case None:
            return image
        case Paint():
            return damage.over(image)
    return corrupt(image, damage)


def evidence_of(scene: Scene, damage: Damage, size: int) -> Evidence:
    """What an answerer can tell from `scene`, drawn with `size` pixels a side, under a corruption or paint."""
    if not isinstance(damage, CorruptionSpec):
        return Evidence(scene, lambda image, _: damaged(image, damage), shrink, size, 0)
    steps = damage.steps
    return Evidence(
        scene, lambda image, seed: corrupt(image, CorruptionSpec(steps, seed % MAX_SEED)), shrink, size, damage.seed
    )


def gone_things(evidence: Evidence) -> set[str]:
    """The things of the scene that nobody could tell any more."""
    return {thing for thing in THINGS if evidence.gone(thing)}


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
