"""Reads every place of a scene in a view: which value's drawing is nearest, and how clearly.

The drawings are brought to the sharpness (a few blurs) and the colours (`tones`) of the view. A corruption that moves
things is followed: the drawings are moved alike, or left, whichever fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from ru1_app.corruptions import CorruptionSpec, Geometry, corrupt, entry_of
from ru1_app.images import Image8
from ru1_app.scenes.evidence import FLOOR, MEDIAN_OF_SQUARE
from ru1_app.scenes.scene import Scene
from ru1_app.simulated.things import Drawing, Value, drawings
from ru1_app.simulated.tones import Bools, Curves, Floats, blurred, settled, squared

SIDE = 192  # pixels a side at which things are judged
BLURS = (0.0, 0.8, 1.5, 2.5, 4.0, 6.0)  # pixels of that side
EDGE = 1.5  # blur that tells edges from areas
DETAIL, SHAPE = 2.0, 8.0  # blurs that part grain from mottle, and mottle from veils and shadows
VEIL, FADES = 8.0, 0.05  # blur of an uneven veil; it is 0 where less of the surroundings speaks for it than this
LUMPS = 10.0  # mottle does not average out over a thing as grain does: its lumps are some ten pixels each
DIFFERS = 12.0  # levels from which two drawings differ
AROUND = 14  # pixels around a thing that are looked at
NEAR = 2  # pixels next to what differs that count neither way: soft edges
COVERED = 24.0  # levels: the least difference from every drawing beyond which a pixel is covered by something else
FLAT = 0.4  # gain around a thing below which it is covered or veiled
SPLITS = ("color_shift",)  # corruptions that move the colours apart
PLAIN = 120.0  # d' at this size from which nothing is lost by faintness. Of the numbers that the embedded answerer
# reads in damaged scenes it gets 40 to 70 % right (of four) at a d' of 30 to 80, nearly all above 120.


class Place(NamedTuple):
    """One place in drawings of the size that is judged: `pictures` [V, h, w, 3] of the window around it.

    `differs` [h, w]: where the values differ; `ring`: where nothing is in question, neither this nor another thing.
    """

    drawing: Drawing
    pictures: Floats
    window: tuple[slice, slice]
    differs: Bools
    ring: Bools


class Texture(NamedTuple):
    """Of a view, in squared levels: the variance of grain and that of mottle."""

    grain: float
    mottle: float

    @property
    def disturbing(self) -> float:
        """The variance of grain that would hide as much."""
        return self.grain + LUMPS * self.mottle


class Reading(NamedTuple):
    """The nearest value of one place. `clarity` is 1 where it is as clear as in the drawing, 0 where nothing is."""

    drawing: Drawing
    said: Value
    clarity: float
    cost: float  # mean squared difference of the window, each pixel's bounded

    @property
    def true(self) -> bool:
        """Whether the nearest value is the true one."""
        return self.said == self.drawing.truth


@dataclass(frozen=True)
class Page:
    """The scene at the size that is judged [SIDE, SIDE, 3], its places, and the pixels where nothing is in question."""

    base: Floats
    places: tuple[Place, ...]
    free: Bools

    @cached_property
    def edges(self) -> Floats:
        """How much of an edge each free pixel is [H, W]."""
        return np.asarray(np.abs(self.base - blurred(self.base, EDGE)).mean(2) * self.free, np.float32)

    @cached_property
    def nearby(self) -> Floats:
        """How much of each pixel's surroundings is free [H, W, 1], 0-1."""
        return blurred(self.free.astype(np.float32), VEIL)[..., None]


def read(scene: Scene, view: Image8, spec: CorruptionSpec | None = None) -> tuple[list[Reading], float]:
    """The readings of every place in a square view [S, S, 3], and its texture: levels of grain or mottle, a median.

    `spec` is what the view's input went through; it matters where it moves things.
    """
    seen, pages = scaled(view), [page_of(scene, view.shape[0], None)]
    if moving := moves(spec):
        pages.append(page_of(scene, view.shape[0], moving))
    looks = [_Look(page, sigma, seen) for page in pages for sigma in BLURS]
    best = min(range(len(looks)), key=lambda k: looks[k].cost)
    own = best // len(BLURS)
    first, last = own * len(BLURS), min((own + 1) * len(BLURS), best + 2)  # a part may be sharper, but not much less so
    noise = looks[best].texture()
    found = [
        min((_reading(place, seen, look, noise) for look in looks[first:last]), key=lambda each: each.cost)
        for place in pages[own].places
    ]
    return found, max(noise) ** 0.5


def scaled(image: Image8) -> Floats:
    """The image at the size that is judged."""
    way = cv2.INTER_AREA if image.shape[0] > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=way), np.float32)


def moves(spec: CorruptionSpec | None) -> CorruptionSpec | None:
    """The steps of a chain that move things, with the same draws; None where there are none."""
    steps = tuple(step for step in spec.steps if _moves(step.name)) if spec else ()
    return CorruptionSpec(steps, spec.seed) if spec and steps else None


def _moves(name: str) -> bool:
    return name in SPLITS or entry_of(name).geometry is not Geometry.KEPT


@lru_cache(maxsize=8)
def page_of(scene: Scene, size: int, moving: CorruptionSpec | None) -> Page:
    """The drawings of a scene, drawn `size` pixels a side, moved where asked, at the size that is judged."""

    def taken(picture: Image8) -> Floats:
        return scaled(corrupt(picture, moving) if moving else picture)

    base, found = drawings(scene, size)
    places = [_place(each, np.stack([taken(picture) for picture in each.pictures])) for each in found]
    asked = np.zeros((SIDE, SIDE), np.bool_)
    for place in places:
        asked[place.window] |= place.differs
    free = ~_grown(asked)
    return Page(taken(base), tuple(place._replace(ring=free[place.window]) for place in places), free)


class _Look:
    """The drawing brought to one sharpness and to the colours of the view."""

    def __init__(self, page: Page, sigma: float, seen: Floats) -> None:
        self.sigma, self._free = sigma, page.free
        drawn = blurred(page.base, sigma)
        self.curves = Curves(drawn, seen, page.free)
        rest = seen - self.curves(drawn)
        self.veil = blurred(rest * page.free[..., None], VEIL) / (page.nearby + FADES)
        """[H, W, 3]: what lies over the picture unevenly, as fog does, from what is next to the things."""
        self._rest = rest - self.veil
        self.cost = float((page.edges * np.minimum(squared(self._rest), 3 * COVERED**2)).sum())

    def texture(self) -> Texture:
        """What the view has and the drawing lacks. Medians: edges do not count."""
        fine = self._rest - blurred(self._rest, DETAIL)
        middle = blurred(self._rest, EDGE) - blurred(self._rest, SHAPE)
        return Texture(*(float(np.median((band**2)[self._free])) / MEDIAN_OF_SQUARE for band in (fine, middle)))


def _reading(place: Place, view: Floats, look: _Look, noise: Texture) -> Reading:
    if not place.differs.any():  # it was moved out of the image
        return Reading(place.drawing, place.drawing.truth, 0.0, 0.0)
    own, outlier = view[place.window], 3 * max(noise.grain, COVERED**2)
    toned = look.curves(np.stack([blurred(picture, look.sigma) for picture in place.pictures]))
    toned += look.veil[place.window]
    pictures, gain = settled(toned, own, place.ring, outlier)
    apart = squared(pictures - own)
    nearest = apart.min(0)
    weights = np.where(place.differs, 1 / (1 + nearest / outlier), 0.0)
    costs = (weights * apart).sum((1, 2))
    winner = int(costs.argmin())
    spread = (weights * squared(pictures - pictures[winner])).sum((1, 2))
    others = [k for k in range(len(costs)) if k != winner]
    # 1 where the view equals the winner, 0 half way to another value; beyond the winner it falls as well
    margin = min(1 - abs(1 - float((costs[k] - costs[winner]) / (spread[k] + 1e-6))) for k in others)
    told = squared(pictures.max(0) - pictures.min(0))
    explained = float((weights * told).sum() / (told[place.differs].sum() + 1e-6))
    around = place.differs | place.ring
    scale = float(pictures[winner][around].var(0).mean() + told[around].mean()) + 1
    like = 1 - max(0.0, float(apart[winner][around].mean()) - noise.grain) / scale
    strength = float((3 * min(spread[k] for k in others) / (noise.disturbing + FLOOR**2)) ** 0.5)
    clarity = min(margin, explained, like, strength / PLAIN) if gain >= FLAT else 0.0
    cost = float(np.minimum(nearest, outlier)[around].mean())
    return Reading(place.drawing, place.drawing.values[winner], max(0.0, clarity), cost)


def _place(drawing: Drawing, pictures: Floats) -> Place:
    apart = (pictures.max(0) - pictures.min(0)).max(2)
    differs = apart > min(DIFFERS, float(apart.max()) / 2)  # a cloud before a white sky is faint everywhere
    rows, columns = (np.append(np.flatnonzero(differs.any(axis)), 0) for axis in (1, 0))  # 0: for want of any
    down, across = (
        slice(max(0, int(found[0]) - AROUND), min(SIDE, int(found.max()) + 1 + AROUND)) for found in (rows, columns)
    )
    inside = differs[down, across]
    return Place(drawing, pictures[:, down, across], (down, across), inside, ~inside)


def _grown(mask: Bools) -> Bools:
    side = 2 * NEAR + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)
