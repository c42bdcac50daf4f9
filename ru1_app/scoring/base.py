"""What a scorer must do. Batch-first, so that page, evaluation and trainer share the same float."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ru1_app.domain import Score
from ru1_app.images import Image8


@dataclass(frozen=True, slots=True)
class Pair:
    """The judged RGB uint8 image [H, W, 3], and the one of its size that it is compared with, if any."""

    image: Image8
    other: Image8 | None = None


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """What a person needs to know to read a score; shown on the page."""

    name: str
    label: str
    version: str
    low: float
    high: float
    higher_is_better: bool
    unit: str
    definition: str
    blind_to: str  # what it cannot see
    model: str | None = None  # weights behind it, as shown to the person
    reference: bool = True  # False: it looks at `Pair.image` alone
    aligned: bool = True  # it compares pixel with pixel, and means nothing where geometry moved
    of_input: bool = False  # it compares the recovered image with the corrupted one, clean one or not
    judges: str = ""  # whose judgement it foretells, where it was learned from judgements
    rests_on: str = ""  # and from which, how many, and how well it does: sentences


class Scorer(Protocol):
    """Scores pairs of images."""

    @property
    def spec(self) -> ScorerSpec: ...

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One `Score` per pair, same order; what cannot be scored has `value=None` and a reason."""
        ...


def mismatch(pair: Pair) -> str | None:
    """Why the pair cannot be compared, if it cannot: scorers never resample."""
    if pair.other is None:
        return "there is no image to compare it with"
    if pair.image.shape == pair.other.shape:
        return None
    a, b = (f"{image.shape[1]}x{image.shape[0]}" for image in (pair.image, pair.other))
    return f"the images differ in size ({a} and {b}); scores never resample"


def scored(spec: ScorerSpec, value: float | None, reason: str | None = None) -> Score:
    """A `Score` of this scorer; a value that is not finite becomes none, with a reason."""
    if value is not None and not math.isfinite(value):
        value, reason = None, reason or "it has no finite value here"
    return Score(spec.name, spec.version, value, reason)


@dataclass(frozen=True)
class Comparison:
    """A scorer made of a function of two images of one size with sides of at least `least` pixels."""

    spec: ScorerSpec
    measure: Callable[[Image8, Image8], float]
    least: int = 1

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One score per pair; without an equal partner or too small, the reason why there is none."""
        return [self._one(pair) for pair in pairs]

    def _one(self, pair: Pair) -> Score:
        if pair.other is None or (reason := mismatch(pair)):
            return scored(self.spec, None, mismatch(pair))
        if min(pair.image.shape[:2]) < self.least:
            reason = f"{self.spec.label} needs sides of {self.least} pixels or more"
            return scored(self.spec, None, reason)
        return scored(self.spec, self.measure(pair.image, pair.other))


@dataclass(frozen=True)
class Measurement:
    """A scorer made of a function of one image with sides of at least `least` pixels."""

    spec: ScorerSpec
    measure: Callable[[Image8], float]
    least: int = 1

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One score per `pair.image`; too small, the reason why there is none."""
        return [self._one(pair.image) for pair in pairs]

    def _one(self, image: Image8) -> Score:
        if min(image.shape[:2]) < self.least:
            return scored(self.spec, None, f"{self.spec.label} needs sides of {self.least} pixels or more")
        return scored(self.spec, self.measure(image))
