"""What the gallery is filtered by: a frozen value, checked, to and from plain values and the address of the page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from ru1_app.domain import AnswerImpact, PairKind, RatingSource, Verdict
from ru1_app.errors import InvalidInput
from ru1_app.items import ItemState

GAIN = "gain"  # of a score: recovered less corrupted, both beside the clean image
ANY, CONSENSUS = "any", "consensus"
NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
MAX_VALUES, MAX_TEXT = 50, 200
TERMS = {
    "verdict": frozenset(each.value for each in Verdict),
    "impact": frozenset(each.value for each in AnswerImpact),
    "state": frozenset(each.value for each in ItemState),
    "source": frozenset(each.value for each in RatingSource),
}
PAIRS = frozenset((GAIN, *(each.value for each in PairKind)))


@dataclass(frozen=True, slots=True)
class Filters:
    """All of these must hold; of several values in one field, one. What is empty does not filter.

    What is said of judgements (`verdict`, `category`, `severity_*`, `impact`, `source`) must hold for one judgement;
    with `verdict_of` "consensus" verdict and severity are those that the raters of the item say together.

    Raises:
        InvalidInput: a value is unknown, or a range is none; the message says what is allowed.
    """

    corruption: tuple[str, ...] = ()
    strength_low: float | None = None  # severity of a single corruption, 0-1
    strength_high: float | None = None
    model: tuple[str, ...] = ()
    score: str = ""  # scorer.pair, as in ssim.gain or clip.recovered_reference
    score_low: float | None = None
    score_high: float | None = None
    verdict: tuple[str, ...] = ()
    verdict_of: str = ANY
    category: tuple[str, ...] = ()
    severity_low: int | None = None  # of the judgement, 0-3
    severity_high: int | None = None
    impact: tuple[str, ...] = ()
    flip: bool = False  # right from the corrupted image, wrong with both
    state: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    elusive: bool = False
    disputed: bool = False
    text: str = ""  # in the question
    since: date | None = None
    until: date | None = None  # that day included

    def __post_init__(self) -> None:
        for name in ("corruption", "category"):
            for value in getattr(self, name):
                if not NAME.fullmatch(value):
                    raise InvalidInput(f"{value[:64]!r} is no name of a {name}.")
        for name, allowed in TERMS.items():
            for value in getattr(self, name):
                if value not in allowed:
                    raise InvalidInput(f"{value[:64]!r} is no {name}; use {', '.join(sorted(allowed))}.")
        if self.verdict_of not in (ANY, CONSENSUS):
            raise InvalidInput("The verdict is that of any judgement ('any') or of the raters together ('consensus').")
        self._check_ranges()
        self._check_texts()

    def _check_ranges(self) -> None:
        scales = {"strength": (0, 1), "severity": (0, 3), "score": (-math.inf, math.inf)}
        for name, (least, most) in scales.items():
            low, high = (getattr(self, f"{name}_{end}") for end in ("low", "high"))
            for value in (low, high):
                if value is not None and not (math.isfinite(value) and least <= value <= most):
                    raise InvalidInput(f"The {name} must lie from {least} to {most}.")
            if low is not None and high is not None and low > high:
                raise InvalidInput(f"The range of the {name} begins after its end.")
        if self.since and self.until and self.since > self.until:
            raise InvalidInput("The range of days begins after its end.")
        if self.score:
            scorer, _, pair = self.score.partition(".")
            if not NAME.fullmatch(scorer) or pair not in PAIRS:
                raise InvalidInput(
                    f"{self.score[:64]!r} is no score; write it as ssim.gain or ssim.recovered_reference."
                )
        elif self.score_low is not None or self.score_high is not None:
            raise InvalidInput("Choose the score that the range is of.")

    def _check_texts(self) -> None:
        if any(len(getattr(self, name)) > MAX_VALUES for name in LISTS):
            raise InvalidInput(f"A filter takes up to {MAX_VALUES} values.")
        for value in (self.text, *self.model):
            if len(value) > MAX_TEXT or any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
                raise InvalidInput(f"A text to look for has up to {MAX_TEXT} ordinary characters.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what does not filter is left out."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            if isinstance(value, tuple):
                value = list(value)
            found[field.name] = value.isoformat() if isinstance(value, date) else value
        return found

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Filters:
        """The filters from plain values; `InvalidInput` where one is unknown or of another kind."""
        if not isinstance(raw, Mapping):
            raise InvalidInput("The filters must be names with values.")
        known = {field.name for field in fields(cls)}
        values = {}
        for name, value in raw.items():
            if name not in known:
                raise InvalidInput(f"There is no filter {str(name)[:64]!r}; there are {', '.join(sorted(known))}.")
            values[name] = _value(name, value)
        return cls(**values)

    def to_query(self) -> list[tuple[str, str]]:
        """Parameters of the page's address; several values of one filter are several parameters."""
        pairs = []
        for name, value in self.to_dict().items():
            for each in value if isinstance(value, list) else [value]:
                pairs.append((name, "1" if each is True else str(each)))
        return pairs

    @classmethod
    def from_query(cls, pairs: Sequence[tuple[str, str]]) -> Filters:
        """The filters of an address; parameters that are none are left alone."""
        raw: dict[str, Any] = {}
        for name, text in pairs:
            if name in LISTS:
                raw.setdefault(name, []).append(text)
            elif name in BOOLS:
                raw[name] = text not in ("", "0", "false")
            elif name in NUMBERS:
                raw[name] = _number(name, text) if text else None
            elif name in DAYS or name in TEXTS:
                raw[name] = text
        return cls.from_dict(raw)


LISTS = ("corruption", "model", "verdict", "category", "impact", "state", "source")
BOOLS = ("flip", "elusive", "disputed")
WHOLE = ("severity_low", "severity_high")
NUMBERS = ("strength_low", "strength_high", "score_low", "score_high", *WHOLE)
DAYS = ("since", "until")
TEXTS = ("score", "verdict_of", "text")


def _value(name: str, value: Any) -> Any:
    if name in LISTS:
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise InvalidInput(f"The filter {name!r} takes a list of texts.")
        return tuple(sorted(set(value)))
    if name in BOOLS:
        if not isinstance(value, bool):
            raise InvalidInput(f"The filter {name!r} is true or false.")
        return value
    if name in NUMBERS:
        return None if value is None else _number(name, value)
    if not isinstance(value, str | None):
        raise InvalidInput(f"The filter {name!r} takes a text.")
    if name not in DAYS:
        return (value or "").strip()
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise InvalidInput(f"{str(value)[:64]!r} is no day; write it as 2026-11-25.") from None


def _number(name: str, value: Any) -> float | int:
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (name in WHOLE and number != int(number)):
        raise InvalidInput(f"{str(value)[:64]!r} is no {'whole ' if name in WHOLE else ''}number for {name!r}.")
    return int(number) if name in WHOLE else number
