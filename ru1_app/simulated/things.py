"""The things of a scene and the values that each can have, drawn beside one another with everything else the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

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
    Placement,
    Scene,
    layout,
)

Value: TypeAlias = str | int | bool
"""A word; a number of the speed sign or of people; whether a thing that may be missing is there."""

NAMED: dict[str, tuple[Value, ...]] = {
    "light": LIGHTS, "arrow": ARROWS, "car": CAR_COLOURS, "speed": SPEEDS, "word": WORDS,
}  # fmt: skip
"""The things that are always there, with their values."""
PEOPLE = "people"
REACH = 0.012  # by which things are drawn beyond their boxes


@dataclass(frozen=True, slots=True)
class Drawing:
    """One place where a thing may be seen: the whole scene [S, S, 3], drawn once for each value; places are fractions.

    People have a place each, with the values False and True; so has each thing that may be missing.
    """

    thing: str
    values: tuple[Value, ...]
    truth: Value
    pictures: tuple[Image8, ...]
    box: Box


def value_of(scene: Scene, thing: str) -> Value:
    """What is true of a thing."""
    if thing in EXTRAS:
        return thing in scene.extras
    value: Value = getattr(scene, thing)
    return value


def values_of(thing: str) -> tuple[Value, ...]:
    """Everything that may be true of a thing."""
    if thing == PEOPLE:
        return tuple(range(MAX_PEOPLE + 1))
    return (False, True) if thing in EXTRAS else NAMED[thing]


def with_value(scene: Scene, thing: str, value: Value) -> Scene:
    """The scene with another value of one thing."""
    there = [name for name in EXTRAS if (bool(value) if name == thing else name in scene.extras)]
    changed: dict[str, Any] = {"extras": tuple(there)} if thing in EXTRAS else {thing: value}
    return replace(scene, **changed)


def edited(scene: Scene, thing: str, value: Value, size: int) -> Image8:
    """The drawing with another value of one thing, everything else the same, [size, size, 3].

    A person or thing more or less moves the chances of what is drawn after it; so only its own places are taken over.
    """
    if thing in NAMED:
        return render(with_value(scene, thing, value), size)
    picture = render(scene, size)
    if thing == PEOPLE:
        low, high = sorted((int(value), scene.people))
        for number in range(low, high):
            picture = _person(scene, picture, number, int(value) > scene.people)
    elif bool(value) != value_of(scene, thing):
        other = with_value(scene, thing, value)
        picture = _taken_over(picture, render(other, size), _place(scene, other, thing))
    return picture


@lru_cache(maxsize=4)
def drawings(scene: Scene, size: int) -> tuple[Image8, tuple[Drawing, ...]]:
    """The scene, and every place with every value of what may be seen there."""
    base, boxes = render(scene, size), {place.name: place.box for place in layout(scene)}
    found = []
    for thing, values in NAMED.items():
        truth = value_of(scene, thing)
        pictures = [base if each == truth else render(with_value(scene, thing, each), size) for each in values]
        found.append(Drawing(thing, values, truth, tuple(pictures), boxes[thing]))
    for number, place in enumerate(_standing(scene)):
        there = number < scene.people
        found.append(_either(PEOPLE, base, _person(scene, base, number, not there), there, place.box))
    for name in EXTRAS:
        there = name in scene.extras
        other = with_value(scene, name, not there)
        found.append(_either(name, base, edited(scene, name, not there, size), there, _place(scene, other, name)))
    return base, tuple(found)


def _either(thing: str, base: Image8, other: Image8, there: bool, box: Box) -> Drawing:
    return Drawing(thing, (False, True), there, (other, base) if there else (base, other), box)


def _standing(scene: Scene) -> list[Placement]:
    """Where people stand, in the order in which they come as their number grows."""
    return [place for place in layout(replace(scene, people=MAX_PEOPLE)) if place.name == "person"]


def _person(scene: Scene, picture: Image8, number: int, there: bool) -> Image8:
    """The picture with or without the person of that number (from 0)."""
    other = render(replace(scene, people=number + there), picture.shape[0])
    return _taken_over(picture, other, _standing(scene)[number].box)


def _place(scene: Scene, other: Scene, thing: str) -> Box:
    return next(place.box for place in (*layout(scene), *layout(other)) if place.name == thing)


def _taken_over(picture: Image8, other: Image8, box: Box) -> Image8:
    size, out = picture.shape[0], picture.copy()
    grown = (box[0] - REACH, box[1] - REACH, box[2] + REACH, box[3] + REACH)
    x0, y0, x1, y1 = (round(min(1.0, max(0.0, edge)) * size) for edge in grown)
    out[y0:y1, x0:x1] = other[y0:y1, x0:x1]
    return out
