"""Who said what about which unit: the one input of every coefficient here, and the one kind of result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ru1_app.errors import InvalidInput

Value: TypeAlias = str | float
Triple: TypeAlias = tuple[str, str, Value | None]
"""Unit, rater, and what the rater said of the unit; None or NaN is a missing rating."""
Float: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Ratings, one a row, sorted by unit and rater; a missing rating is no row.

    Attributes:
        units: names [U] of the units that were rated, sorted.
        raters: names [R] of those who rated, sorted.
        values: what can be said [V]: the given values in their order, or else those that were said, sorted.
        unit, rater, code: [N], places in `units`, `raters` and `values`.
    """

    units: tuple[str, ...]
    raters: tuple[str, ...]
    values: tuple[Value, ...]
    unit: Index
    rater: Index
    code: Index

    def counts(self) -> Float:
        """How many raters said each value of each unit: [U, V]."""
        shape = len(self.units), len(self.values)
        cells = self.unit * shape[1] + self.code
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    def numbers(self) -> Float:
        """The values as numbers [V]; `InvalidInput` where they are words."""
        if any(isinstance(value, str) for value in self.values):
            raise InvalidInput(f"Distances need numbers, and these are words: {self.values!r}.")
        return np.asarray(self.values, np.float64)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient with its 95 % interval, or the reason why there is none.

    The interval is missing where it would say nothing: one unit only, no disagreement at all (it would have no width),
    or too few resamples with a value. `units` and `ratings` are those that entered: units with two ratings or more.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    ratings: int
    standard_error: float | None = None
    reason: str | None = None


def undefined(reason: str, units: int = 0, ratings: int = 0) -> Agreement:
    """No value, and why."""
    return Agreement(None, None, None, units, ratings, reason=reason)


def table_of(triples: Iterable[Triple], values: Sequence[Value] | None = None, *, repeats: bool = False) -> Table:
    """The table of (unit, rater, value) triples in any order; the same triples give the same table.

    Args:
        triples: the ratings.
        values: all that can be said, in the order that ordinal alpha uses; without it, the values that were said:
            numbers from small to large, words by letter.
        repeats: whether a rater may rate a unit more than once, as in a study of repeated readings.

    Raises:
        InvalidInput: words beside numbers, an infinite number, a value outside of `values` or named twice there, or an
            unallowed repeat.
    """
    kept = [(unit, rater, value) for unit, rater, value in triples if value is not None and value == value]
    allowed = _order({value for _, _, value in kept}) if values is None else tuple(values)
    code = {value: place for place, value in enumerate(allowed)}
    if len(code) < len(allowed):
        raise InvalidInput(f"A value is named twice in {allowed!r}; name each once.")
    if unknown := [value for _, _, value in kept if value not in code]:
        raise InvalidInput(f"{unknown[0]!r} is none of the values {allowed!r}.")
    units, raters = tuple(sorted({row[0] for row in kept})), tuple(sorted({row[1] for row in kept}))
    places = [{name: place for place, name in enumerate(names)} for names in (units, raters)]
    rows = sorted((places[0][unit], places[1][rater], code[value]) for unit, rater, value in kept)
    if not repeats:
        for one, other in zip(rows, rows[1:], strict=False):
            if one[:2] == other[:2]:
                raise InvalidInput(f"{raters[one[1]]!r} rated {units[one[0]]!r} twice; give one rating of each.")
    columns = np.asarray(rows, np.int64).reshape(-1, 3).T
    return Table(units, raters, allowed, columns[0], columns[1], columns[2])


def _order(said: set[Value]) -> tuple[Value, ...]:
    words = [value for value in said if isinstance(value, str)]
    numbers = [value for value in said if not isinstance(value, str)]
    if (words and numbers) or not all(map(math.isfinite, numbers)):
        raise InvalidInput(f"Values are all words or all finite numbers, not {sorted(map(repr, said))}.")
    return (*sorted(words), *sorted(numbers))
