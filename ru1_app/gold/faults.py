"""The faults that are planted into drawn scenes: which value changes, what it is called, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ru1_app.gold.base import GoldKind
from ru1_app.scenes import Scene
from ru1_app.scenes.scene import ARROWS, CAR_COLOURS, EXTRAS, LIGHTS, MAX_PEOPLE, SPEEDS, WORDS

STANDING = tuple(name for name in EXTRAS if name != "cloud")  # nobody misses a cloud
_POINTS = {"left": "to the left", "right": "to the right", "up": "straight up"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """A scene with one thing changed, and how that is judged.

    `told` has a place `{where}`; the first of `categories` is the region's. `accepted` pass as well.
    """

    scene: Scene
    thing: str
    categories: Mapping[str, int]
    told: str
    accepted: tuple[str, ...] = ()


Plant = Callable[[Scene, np.random.Generator], Fault | None]


def _digits(scene: Scene, rng: np.random.Generator) -> Fault:
    speed = _other(SPEEDS, scene.speed, rng)
    told = f"The speed sign {{where}} reads {scene.speed} in the input and {speed} in the recovery: text was altered."
    return Fault(replace(scene, speed=speed), "speed", {"text_altered": 3}, told)


def _word(scene: Scene, rng: np.random.Generator) -> Fault:
    word = _other(WORDS, scene.word, rng)
    told = f"The sign {{where}} says {scene.word} in the input and {word} in the recovery: text was altered."
    return Fault(replace(scene, word=word), "word", {"text_altered": 3}, told)


def _arrow(scene: Scene, rng: np.random.Generator) -> Fault:
    arrow = _other(ARROWS, scene.arrow, rng)
    told = (
        f"The arrow {{where}} points {_POINTS[scene.arrow]} in the input and {_POINTS[arrow]} in the recovery: "
        "its direction changed."
    )
    return Fault(replace(scene, arrow=arrow), "arrow", {"spatial_changed": 3}, told, ("text_altered",))


def _light(scene: Scene, rng: np.random.Generator) -> Fault:
    light = _other(LIGHTS, scene.light, rng)
    told = (
        f"The traffic light {{where}} is {scene.light} in the input and {light} in the recovery: an attribute changed."
    )
    return Fault(replace(scene, light=light), "light", {"attribute_changed": 3}, told)


def _car(scene: Scene, rng: np.random.Generator) -> Fault:
    car = _other(CAR_COLOURS, scene.car, rng)
    told = f"The car {{where}} is {scene.car} in the input and {car} in the recovery: an attribute changed."
    return Fault(replace(scene, car=car), "car", {"attribute_changed": 2}, told)


def _erased(scene: Scene, rng: np.random.Generator) -> Fault | None:
    here = [name for name in STANDING if name in scene.extras]
    if not here:
        return None
    gone = here[rng.integers(len(here))]
    told = f"The {gone} that the input shows {{where}} is missing in the recovery: an object was removed."
    kept = tuple(name for name in scene.extras if name != gone)
    return Fault(replace(scene, extras=kept), gone, {"object_removed": 2}, told, ("count_changed",))


def _added(scene: Scene, rng: np.random.Generator) -> Fault | None:
    missing = [name for name in STANDING if name not in scene.extras]
    if not missing:
        return None
    new = missing[rng.integers(len(missing))]
    told = f"The recovery shows a {new} {{where}} that the input does not have: an object was added."
    extras = tuple(name for name in EXTRAS if name in scene.extras or name == new)
    return Fault(replace(scene, extras=extras), new, {"object_added": 2}, told, ("count_changed",))


def _count(scene: Scene, rng: np.random.Generator) -> Fault | None:
    people = scene.people + (1 if rng.random() < 0.5 else -1)
    if not 1 <= people <= MAX_PEOPLE or scene.people == 0:
        return None
    more = people > scene.people
    told = (
        f"People in the input: {scene.people}; in the recovery: {people}. "
        f"One {'was added' if more else 'is missing'} {{where}}: their number changed."
    )
    categories = {"count_changed": 2, "object_added" if more else "object_removed": 2}
    return Fault(replace(scene, people=people), "people", categories, told)


FAULTS: dict[GoldKind, Plant] = {
    GoldKind.DIGITS_SWAPPED: _digits,
    GoldKind.WORD_SWAPPED: _word,
    GoldKind.ARROW_TURNED: _arrow,
    GoldKind.LIGHT_CHANGED: _light,
    GoldKind.HUE_SHIFTED: _car,
    GoldKind.THING_ERASED: _erased,
    GoldKind.THING_ADDED: _added,
    GoldKind.COUNT_CHANGED: _count,
}


def _other(values: Sequence[T], value: T, rng: np.random.Generator) -> T:
    left = [other for other in values if other != value]
    return left[rng.integers(len(left))]
