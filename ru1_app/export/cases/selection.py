"""What goes into a release: a frozen value, checked, to and from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ru1_app.errors import InvalidInput
from ru1_app.store.filters import Filters

UNKNOWN = "unknown"  # the licence of an image of which none is known
MOST_RATERS = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """All of these must hold. Gold, training items and what nobody agreed to export are never in a release.

    Raises:
        InvalidInput: a value is out of range; the message says what is allowed.
    """

    filters: Filters = field(default_factory=Filters)  # of the gallery: a saved view is one
    least_raters: int = 1
    least_agreement: float = 0.0  # share of the raters who say the verdict, 0-1
    adjudicated: bool = False  # only what an adjudicator settled
    elusive: bool = False  # only what was held true blind, and is misleading beside the clean image
    visitors: bool = False  # also what only visitors flagged, marked as unconfirmed
    flags_only: bool = False  # nothing but visitors' flags of what no rater judged: what anybody may read
    benchmarks: bool = False  # pictures of benchmarks may be trained on
    licenses: tuple[str, ...] = ()  # of the source image, "unknown" where none is known; empty: any
    test_share: float = 0.1  # of the source images
    split_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.least_raters <= MOST_RATERS:
            raise InvalidInput(f"The least number of raters must lie from 1 to {MOST_RATERS}.")
        for name in ("least_agreement", "test_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"{name} is a share from 0 to 1.")
        if not 0 <= self.split_seed < 2**32:
            raise InvalidInput("The seed of the split must lie from 0 to 4294967295.")
        if self.visitors and (self.least_raters > 1 or self.adjudicated):
            raise InvalidInput("What only visitors flagged has no raters: leave it out, or ask for 1 rater.")
        if self.flags_only and not self.visitors:
            raise InvalidInput("flags_only takes visitors' flags alone: set visitors too.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, all of them; the filters without those that do not filter."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "filters": self.filters.to_dict(), "licenses": list(self.licenses)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Selection:
        """The selection from plain values; `InvalidInput` where one is unknown or of another kind."""
        known = {each.name: each for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if name not in known:
                raise InvalidInput(f"There is no setting {str(name)[:64]!r}; there are {', '.join(known)}.")
            values[name] = _value(name, value)
        return cls(**values)


def _value(name: str, value: Any) -> Any:
    if name == "filters":
        return Filters.from_dict(value)
    if name == "licenses":
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise InvalidInput("licenses takes a list of texts.")
        return tuple(sorted(set(value)))
    if name in ("adjudicated", "elusive", "visitors", "flags_only", "benchmarks"):
        if not isinstance(value, bool):
            raise InvalidInput(f"{name} is true or false.")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} is a number.")
    if name in ("least_raters", "split_seed"):
        if value != int(value):
            raise InvalidInput(f"{name} is a whole number.")
        return int(value)
    return float(value)
