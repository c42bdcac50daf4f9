"""How far raters agree, counted label by label in memory that does not grow: units with the same counts are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ru1_app.agreement.alpha import Metric, weighted_alpha
from ru1_app.domain import Rating, RatingSource, Stage, Verdict
from ru1_app.export.cases.labels import Label

VERDICTS = tuple(Verdict)
SEVERITIES = (0, 1, 2, 3)


class Accord:
    """What was said blind, before anybody saw the clean image, is compared; repeats and flags are not."""

    def __init__(self) -> None:
        self._verdicts: Counter[tuple[int, ...]] = Counter()
        self._severities: Counter[tuple[int, ...]] = Counter()

    def add(self, label: Label) -> None:
        """Count one recovery."""
        blind = [rating for rating in label.ratings if _counts(rating)]
        self._verdicts[_pattern([VERDICTS.index(rating.verdict) for rating in blind], len(VERDICTS))] += 1
        self._severities[_pattern([rating.severity for rating in blind], len(SEVERITIES))] += 1

    def as_dict(self) -> dict[str, float | int | None]:
        """Of the recoveries with two blind judgements or more; None where it cannot be computed.

        `same_verdict` is the mean share of pairs of raters who say the same verdict, `unanimous` the share of
        recoveries where all do; the alphas are Krippendorff's, nominal and ordinal.
        """
        some = {pattern: times for pattern, times in self._verdicts.items() if sum(pattern) >= 2}
        units = sum(some.values())
        same = sum(times * _same(pattern) for pattern, times in some.items())
        whole = sum(times for pattern, times in some.items() if max(pattern) == sum(pattern))
        return {
            "recoveries": units,
            "judgements": sum(times * sum(pattern) for pattern, times in some.items()),
            "same_verdict": round(same / units, 4) if units else None,
            "unanimous": round(whole / units, 4) if units else None,
            "alpha_verdict": _alpha(self._verdicts, Metric.NOMINAL),
            "alpha_severity": _alpha(self._severities, Metric.ORDINAL),
        }


def _counts(rating: Rating) -> bool:
    return rating.source is RatingSource.RATER and rating.stage is Stage.BLIND and not rating.round


def _pattern(places: Sequence[int], length: int) -> tuple[int, ...]:
    return tuple(places.count(place) for place in range(length))


def _same(pattern: Sequence[int]) -> float:
    """Of the pairs of raters, those who say the same."""
    raters = sum(pattern)
    return sum(count * (count - 1) for count in pattern) / (raters * (raters - 1))


def _alpha(patterns: Counter[tuple[int, ...]], metric: Metric) -> float | None:
    if not patterns:
        return None
    rows = sorted(patterns)
    value = weighted_alpha(np.asarray(rows, float), np.asarray([patterns[row] for row in rows], float), metric)
    return None if value is None else round(value, 4)
