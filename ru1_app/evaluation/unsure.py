"""Whether an uncertainty map says where the error is: rank correlation, and sparsification.

Sparsification (Ilg et al., arXiv 1802.07095, section 4): the least sure share of the pixels is taken away, and the
mean error of the rest is told, as a part of the mean error of all. Taken away by the error itself it is the oracle's
curve; at random it stays 1. AUSE is the area between the map's curve and the oracle's: 0 is a perfect order.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ru1_app.evaluation.bootstrap import drawn_in_parts, percentiles

Values: TypeAlias = NDArray[np.float64]
REMOVED = tuple(round(0.05 * k, 2) for k in range(20))  # shares of the pixels that are taken away
CELL = 4  # pixels: errors and maps are compared as means over squares of that side
_PART = 64  # resamples at once


def ranks(values: Values) -> Values:
    """Ranks from 1; equal values share the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[index.ravel()], np.float64)


def spearman(x: Values, y: Values) -> float | None:
    """Rank correlation of two arrays [n], in [-1, 1]; None when either never varies."""
    a, b = ranks(x), ranks(y)
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 0 else None


def spearman_interval(x: Values, y: Values, clusters: NDArray[Any]) -> tuple[float, float] | None:
    """The bootstrap interval of the rank correlation of pooled values; clusters are drawn and ranked anew each time."""
    labels, index = np.unique(clusters, return_inverse=True)
    if len(labels) < 2:
        return None
    orders = [_Order(values) for values in (x, y)]
    found = []
    for drawn in drawn_in_parts(len(labels), _PART):
        weight = drawn[:, index]
        a, b = (order.ranks(weight) for order in orders)
        found.append(_weighted_correlation(a, b, weight))
    return percentiles(np.concatenate(found))


class _Order:
    """The order of values [n], kept to rank them under many weights."""

    def __init__(self, values: Values) -> None:
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self._group = np.repeat(np.arange(len(self._starts)), np.diff(np.r_[self._starts, len(values)]))

    def ranks(self, weight: Values) -> Values:
        """Mean ranks [B, n] where value k is there `weight[b, k]` times."""
        sizes = np.add.reduceat(weight[:, self._order], self._starts, axis=1)
        middle = np.cumsum(sizes, axis=1) - sizes / 2
        found = np.empty_like(weight)
        found[:, self._order] = middle[:, self._group]
        return found


def _weighted_correlation(a: Values, b: Values, weight: Values) -> Values:
    total = weight.sum(1, keepdims=True)
    a = a - (a * weight).sum(1, keepdims=True) / total
    b = b - (b * weight).sum(1, keepdims=True) / total
    spread = np.sqrt((a * a * weight).sum(1) * (b * b * weight).sum(1))
    return np.asarray((a * b * weight).sum(1) / np.where(spread > 0, spread, np.inf), np.float64)


def sparsification(error: Values, unsure: Values) -> Values:
    """The mean error of the rest, as a part of that of all, after each share of `REMOVED` is taken away.

    Equally unsure pixels are taken in no order: each counts with their mean error. Without error it is 0 throughout.
    """
    order = np.argsort(-unsure, kind="stable")
    ordered, errors = unsure[order], error[order].astype(np.float64)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(errors)])
    errors = np.repeat(np.add.reduceat(errors, starts) / sizes, sizes)
    mean = errors.mean()
    if mean == 0:
        return np.zeros(len(REMOVED))
    rest = np.array([errors[int(share * len(errors)) :].mean() for share in REMOVED])
    return np.asarray(rest / mean, np.float64)


def ause(curve: Values, oracle: Values) -> float:
    """The area between a curve and the oracle's over the shares taken away (trapezoids)."""
    return float(np.trapezoid(curve - oracle, REMOVED))


def cells(field: Any) -> Values:
    """A map [H, W] as means over squares of `CELL` pixels, flat."""
    import cv2

    height, width = field.shape
    small = cv2.resize(
        np.asarray(field, np.float32), (max(width // CELL, 1), max(height // CELL, 1)), interpolation=cv2.INTER_AREA
    )
    return np.asarray(small, np.float64).ravel()
