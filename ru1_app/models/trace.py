"""The short reasoning trace of an answerer that was trained to give one: how what is asked about is to be seen. Pure.

Before it answers, the model says of each image it is shown whether the thing asked about is clear, altered or gone
there. Where it is gone, the answer is "cannot tell". Where two things are compared by their place, it then gives the
number of each from the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from ru1_app.domain import CANNOT_TELL, Condition, Reading

__all__ = ["CANNOT_TELL", "LEVELS", "PLACES", "SO", "Level", "reading", "written"]


class Level(IntEnum):
    """How the thing asked about is to be seen in one image, best first."""

    CLEAR = 0  # as it is
    ALTERED = 1  # otherwise than it is, though what it is can be told
    GONE = 2  # nothing in the corrupted image tells what it is


LEVELS = tuple(level.name.lower() for level in Level)
SO = "so"  # ends the trace
PLACES = ("1", "2", "3", "4")  # from the left
_NAMES = {
    Condition.CORRUPTED: ("corrupted image",),
    Condition.RECOVERED: ("recovered image",),
    Condition.BOTH: ("corrupted image", "recovered image"),
}
_SAID = {"clear": "clear", "altered": "altered by the damage", "gone": "gone"}


def written(levels: Sequence[Level], places: Sequence[int] = ()) -> str:
    """The trace as the model writes it: one word an image, then the numbers from the left of what is compared."""
    return " ".join([*(LEVELS[level] for level in levels), *(str(place) for place in places), SO])


def reading(words: Sequence[str], condition: Condition) -> Reading:
    """The trace as a person reads it: a sentence an image."""
    names = _NAMES[condition]
    said = [
        f"In the {name}, what is asked about looks {_SAID[word]}." for name, word in zip(names, words, strict=False)
    ]
    if places := words[len(names) :]:
        said.append(f"Counted from the left, these are number {' and number '.join(places)}.")
    return Reading(reasoning=" ".join(said))
