"""Whether what a question asks about can still be told from a corrupted scene: the renderer decides.

The scene is drawn again with another value of the thing asked about, and corrupted alike. Where the two pictures differ
by no more than the corruption's own randomness does, nothing in the picture can say which of them it was: the evidence
is gone. This is the detectability d' of an ideal observer who knows both pictures (Green and Swets 1966; for images
Barrett and Myers 2004, ch. 13), with a floor of internal noise, so that differences which nobody sees do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.images import Image8
from ru1_app.scenes.render import render
from ru1_app.scenes.scene import (
    ARROWS,
    CAR_COLOURS,
    EXTRAS,
    LIGHTS,
    MAX_PEOPLE,
    SPEEDS,
    WORDS,
    Box,
    Scene,
    generator,
    layout,
)

THINGS = ("light", "arrow", "car", "people", "speed", "word", *EXTRAS)
"""What questions hang on, in the order of every table of evidence."""

COUNTED = ("people", *EXTRAS)
MEDIAN_OF_SQUARE = 0.455  # of a normal variable of variance 1
FLOOR = 8.0  # internal noise, in levels of 255
GONE = 8.0  # below this d' the evidence is gone
ALTERED = 0.5  # from this error on, as a share of what another value would change, a thing is altered

Corrupt = Callable[[Image8, int], Image8]  # the number is the corruption's seed
Scale = Callable[[Image8], Image8]  # to the size that is judged


def alternatives(scene: Scene, thing: str) -> list[Scene]:
    """The scene with other values of one thing: two of them, or one where things are counted or just there."""
    rng = generator(scene.seed, 3 + THINGS.index(thing))

    def others(values: tuple[str, ...] | tuple[int, ...], value: str | int) -> list[str | int]:
        left = [other for other in values if other != value]
        return [left[k] for k in rng.permutation(len(left))[:2]]

    match thing:
        case "light":
            return [replace(scene, light=str(value)) for value in others(LIGHTS, scene.light)]
        case "arrow":
            return [replace(scene, arrow=str(value)) for value in others(ARROWS, scene.arrow)]
        case "car":
            return [replace(scene, car=str(value)) for value in others(CAR_COLOURS, scene.car)]
        case "speed":
            return [replace(scene, speed=int(value)) for value in others(SPEEDS, scene.speed)]
        case "word":
            return [replace(scene, word=str(value)) for value in others(WORDS, scene.word)]
        case "people":
            return [replace(scene, people=scene.people + (1 if scene.people < MAX_PEOPLE else -1))]
    kept = tuple(name for name in scene.extras if name != thing)
    return [replace(scene, extras=kept if thing in scene.extras else (*kept, thing))]


def boxes(scene: Scene, other: Scene, thing: str) -> list[Box]:
    """Where the two scenes may differ by the thing."""
    name = "person" if thing == "people" else thing
    found = {place.box for place in (*layout(scene), *layout(other)) if place.name == name}
    if thing == "people":  # those that stand in both pictures tell nothing
        found -= {p.box for p in layout(scene) if p.name == name} & {p.box for p in layout(other) if p.name == name}
    return sorted(found)


@dataclass(frozen=True)
class Evidence:
    """Of one scene under one corruption. `size` is the drawn scene's side, `seed` the corruption's."""

    scene: Scene
    corrupt: Corrupt
    scale: Scale
    size: int
    seed: int

    @cached_property
    def sound(self) -> Image8:
        """The scene without the corruption, at the size that is drawn."""
        return render(self.scene, self.size)

    @cached_property
    def corrupted(self) -> Image8:
        """The scene as it is seen, at the size that is judged."""
        return self._seen(self.sound, self.seed)

    @cached_property
    def clean(self) -> Image8:
        """The scene without the corruption, at the size that is judged."""
        return self.scale(self.sound)

    def _seen(self, image: Image8, seed: int) -> Image8:
        return self.scale(self.corrupt(image, seed))

    @cached_property
    def _noise(self) -> np.ndarray:
        """Square of what two draws of the corruption differ by in detail; fog that lies elsewhere is not noise."""
        difference = self.corrupted.astype(np.float32) - self._seen(self.sound, self.seed + 1)
        detail = difference - cv2.GaussianBlur(difference, (0, 0), 2.0)
        return np.asarray(np.square(detail) / 2)

    def strength(self, thing: str) -> float:
        """d' between this scene and the most similar of its alternatives; 0: they look the same.

        Each person counts: one who is hidden is missed, however plain the others are to see.
        """
        found = [self._difference(other, thing) for other in alternatives(self.scene, thing)]
        if thing == "people" and self.scene.people:
            nobody = replace(self.scene, people=0)
            alone = self._difference(nobody, thing)
            found += [self._within(alone, [box]) for box in boxes(self.scene, nobody, thing)]
        return min(map(self._detectability, found))

    def _difference(self, other: Scene, thing: str) -> NDArray[np.float32]:
        """Square of what is seen of the two scenes; for what is counted within its boxes alone."""
        difference = (self.corrupted.astype(np.float32) - self._seen(render(other, self.size), self.seed)) ** 2
        # Their number moves the chances of what is drawn after them.
        return self._within(difference, boxes(self.scene, other, thing)) if thing in COUNTED else difference

    def _within(self, difference: NDArray[np.float32], places: list[Box]) -> NDArray[np.float32]:
        mask = np.zeros(difference.shape, bool)
        for window in map(self._window, places):
            mask[window] = True
        return np.where(mask, difference, np.float32(0))

    def _detectability(self, difference: NDArray[np.float32]) -> float:
        if not (tells := difference > 0).any():
            return 0.0
        # The median, because drops that cover the thing in one of the two draws are no noise either.
        noise = float(np.median(self._noise[tells])) / MEDIAN_OF_SQUARE
        return float((difference.sum() / (noise + FLOOR**2)) ** 0.5)

    def gone(self, thing: str) -> bool:
        """Whether nobody could tell."""
        return self.strength(thing) < GONE

    def altered(self, view: Image8, thing: str) -> bool:
        """Whether `view`, at the size that is judged, shows the thing otherwise than it is.

        The error is compared with what another value would change: root mean square over the thing's boxes.
        """
        other = alternatives(self.scene, thing)[0]
        drawn = self.scale(render(other, self.size))
        wrong = change = 0.0
        for window in map(self._window, boxes(self.scene, other, thing)):
            clean = self.clean[window].astype(np.float32)
            wrong += float(((view[window] - clean) ** 2).sum())
            change += float(((drawn[window] - clean) ** 2).sum())
        return wrong >= ALTERED**2 * change

    def _window(self, box: Box) -> tuple[slice, slice]:
        side = self.corrupted.shape[0]
        x0, y0, x1, y1 = (round(edge * side) for edge in box)
        return slice(max(0, y0), max(y0 + 1, y1)), slice(max(0, x0), max(x0 + 1, x1))
