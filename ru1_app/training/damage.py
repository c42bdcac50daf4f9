"""What the scenes suffer that the answerer learns from and is asked about, and what is left to be told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from ru1_app.corruptions import CORRUPTIONS, MAX_SEED, Box, CorruptionSpec, CorruptionStep, corrupt
from ru1_app.images import Image8
from ru1_app.scenes.evidence import THINGS, Evidence
from ru1_app.scenes.scene import Placement, Scene, layout
from ru1_app.training.answerer_build import SIDE

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
ONE_THING_SHARE, HALF_SHARE = 0.55, 0.35  # of what is painted over; the rest is whole
MARGIN = 0.04  # around what is covered, of the image's side
VERSION = 2  # of what a pool of scenes suffers, and of what is said to be left to tell


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


def draw_damage(scene: Scene, rng: np.random.Generator) -> Damage:
    """What a scene of the pool suffers: nothing, any corruption at any severity, one that covers a thing, or paint."""
    draw, seed = rng.random(), int(rng.integers(MAX_SEED))
    if draw < CLEAN_SHARE:
        return None
    if draw < CLEAN_SHARE + COVER_SHARE:
        chain = COVERS[rng.integers(len(COVERS))]
        return cover(one_thing(scene, rng), chain, float(rng.uniform(0.6, 1)), seed)
    if draw < CLEAN_SHARE + COVER_SHARE + PAINT_SHARE:
        return paint(scene, rng)
    names = list(CORRUPTIONS)
    return CorruptionSpec.of(names[rng.integers(len(names))], float(rng.uniform(0.15, 1)), seed)


def paint(scene: Scene, rng: np.random.Generator) -> Paint:
    """A surface of any gray or colour, black and white among them, over one thing, half of the image or all of it."""
    place, draw, edge = one_thing(scene, rng), rng.random(), float(rng.uniform(0.4, 0.6))
    halves = Box(0, 0, 1, edge), Box(0, edge, 1, 1), Box(0, 0, edge, 1), Box(edge, 0, 1, 1)
    if draw < ONE_THING_SHARE:
        box = around(place)
    elif draw < ONE_THING_SHARE + HALF_SHARE:
        box = halves[rng.integers(4)]
    else:
        box = Box(0, 0, 1, 1)
    return Paint(box, _colour(rng))


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Black, white, twice as often any gray, or any colour."""
    gray, (red, green, blue) = int(rng.integers(256)), rng.integers(256, size=3)
    grays = gray, gray, gray
    return ((0, 0, 0), (255, 255, 255), grays, grays, (int(red), int(green), int(blue)))[rng.integers(5)]


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


def shrink(image: Image8) -> Image8:
    """What the processor does before scaling the values."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
