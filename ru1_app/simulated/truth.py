"""What a view of a scene says of each thing, by analysis by synthesis (Yuille and Kersten 2006).

The scene is drawn with every value that a thing can have, everything else the same; the value whose drawing is nearest
to the view, where the drawings differ, is what the view says (`reading`). Where none explains the view, two explain it
about equally, or the difference is too faint for an eye, it says nothing. What stands where the scene has no place for
it is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ru1_app.corruptions import CorruptionSpec
from ru1_app.images import Image8
from ru1_app.scenes.evidence import THINGS
from ru1_app.scenes.scene import Box, Scene
from ru1_app.simulated.reading import Reading, read
from ru1_app.simulated.things import NAMED, PEOPLE, Value, value_of

TOLD = 0.3  # clarity from which a view says what is true
WRONG = 0.5  # clarity from which it says what is false: only what nobody could read otherwise


@dataclass(frozen=True, slots=True)
class Seen:
    """What a view says of one thing; None: nothing. `margin` is 1 where it is as clear as in the drawing, 0 where
    nothing is; of people it is that of the place seen least. `box`, in fractions of the image, is the thing's; of
    people it holds the places whose state is not the true one, or all where there are none.
    """

    thing: str
    truth: Value
    said: Value | None
    margin: float
    box: Box

    @property
    def right(self) -> bool:
        """The view says what is true."""
        return self.said is not None and self.said == self.truth

    @property
    def wrong(self) -> bool:
        """The view says what is false."""
        return self.said is not None and self.said != self.truth


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a view shows: of each thing, and how many levels of grain or mottle it has that the drawing lacks."""

    seen: tuple[Seen, ...]
    texture: float

    def of(self, thing: str) -> Seen:
        """What it says of one thing."""
        return next(each for each in self.seen if each.thing == thing)


def see(scene: Scene, view: Image8, spec: CorruptionSpec | None = None) -> tuple[Seen, ...]:
    """What a square view [S, S, 3] of any size says of each thing, in the order of `THINGS`.

    `spec` is what the view's input went through, which matters where it moves things.
    """
    return look(scene, view, spec).seen


def look(scene: Scene, view: Image8, spec: CorruptionSpec | None = None) -> Sight:
    """The same, with the view's texture."""
    readings, texture = read(scene, view, spec)
    found = {thing: [each for each in readings if each.drawing.thing == thing] for thing in THINGS}
    seen = tuple(_seen(scene, thing, found[thing]) for thing in THINGS)
    if not any(each.right and each.thing in NAMED for each in seen):
        seen = tuple(replace(each, said=None) for each in seen)  # in a picture of nothing, a value is a chance hit
    return Sight(seen, texture)


def _seen(scene: Scene, thing: str, readings: Sequence[Reading]) -> Seen:
    """One thing from the readings of its places: several of people, one of all others."""
    truth, margin = value_of(scene, thing), min(each.clarity for each in readings)
    false = [each for each in readings if not each.true]
    shown = all(each.clarity >= (TOLD if each.true else WRONG) for each in readings)
    said = sum(bool(each.said) for each in readings) if thing == PEOPLE else readings[0].said
    return Seen(thing, truth, said if shown else None, margin, _around(false or readings))


def _around(readings: Sequence[Reading]) -> Box:
    lefts, tops, rights, bottoms = zip(*(each.drawing.box for each in readings), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
