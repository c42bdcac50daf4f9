"""What a scorer must do. Batch-first, so that page, evaluation and trainer share the same float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ru1_app.domain import Score
from ru1_app.images import Image8


@dataclass(frozen=True, slots=True)
class Pair:
    """Two RGB uint8 images [H, W, 3] of one size: the judged one and what it is compared with."""

    image: Image8
    other: Image8


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


class Scorer(Protocol):
    """Scores pairs of images."""

    @property
    def spec(self) -> ScorerSpec: ...

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One `Score` per pair, same order; what cannot be scored has `value=None` and a reason."""
        ...


def mismatch(pair: Pair) -> str | None:
    """Why the pair cannot be scored, if its sizes differ: scorers never resample."""
    if pair.image.shape == pair.other.shape:
        return None
    a, b = (f"{image.shape[1]}x{image.shape[0]}" for image in (pair.image, pair.other))
    return f"the images differ in size ({a} and {b}); scores never resample"
