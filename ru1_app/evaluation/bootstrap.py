"""How sure a mean is: percentile bootstrap over clusters (Efron and Tibshirani 1993, chapters 8 and 13).

Values of one image, or of one scene's questions, are not independent, so images are drawn and not values.
A mean over few images has an interval that is somewhat too narrow; that of one image is no interval and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]
RESAMPLES = 2000
SEED = 0
TAILS = (2.5, 97.5)  # percent: an interval of 95 %
DIGITS = 5


class Estimate(NamedTuple):
    """A mean, its interval (none with fewer than two clusters), and how many values and clusters it is of."""

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int

    @property
    def excludes_0(self) -> bool:
        """Whether 0 lies outside of the interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict()


def resamples(clusters: int, seed: int = SEED, count: int = RESAMPLES) -> Values:
    """How often each cluster is drawn: [count, clusters], each row sums to `clusters`."""
    rng = np.random.Generator(np.random.PCG64([seed, clusters]))
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=count).astype(np.float64)


def estimates(columns: Mapping[str, Values], clusters: NDArray[Any], seed: int = SEED) -> dict[str, Estimate]:
    """The mean of each column [n] with its interval; NaN is no value, and a column without any is left out.

    Args:
        columns: values by name, all of one length.
        clusters: [n], the image or scene that each row belongs to.
        seed: of the resampling; the same input and seed give the same figures.
    """
    labels, index = np.unique(clusters, return_inverse=True)
    if not len(labels):
        return {}
    drawn = resamples(len(labels), seed)
    found = ((name, _estimate(np.asarray(values, np.float64), index, drawn)) for name, values in columns.items())
    return {name: value for name, value in found if value is not None}


def _estimate(values: Values, index: NDArray[Any], drawn: Values) -> Estimate | None:
    known = ~np.isnan(values)
    if not known.any():
        return None
    size = drawn.shape[1]
    sums = np.bincount(index[known], values[known], size)
    counts = np.bincount(index[known], minlength=size).astype(np.float64)
    groups, mean = int((counts > 0).sum()), round(float(sums.sum() / counts.sum()), DIGITS)
    if groups < 2:
        return Estimate(mean, None, None, int(known.sum()), groups)
    totals, sizes = drawn @ sums, drawn @ counts
    low, high = percentiles(totals[sizes > 0] / sizes[sizes > 0])
    return Estimate(mean, low, high, int(known.sum()), groups)


def percentiles(values: Values) -> tuple[float, float]:
    """The ends of the interval that holds 95 % of resampled figures [B]."""
    low, high = np.percentile(values, TAILS)
    return round(float(low), DIGITS), round(float(high), DIGITS)


def mean_of_groups(values: Values, groups: NDArray[Any], clusters: NDArray[Any], seed: int = SEED) -> Estimate | None:
    """The mean of the groups' means; NaN is no value, and without any there is no mean.

    Clusters are drawn within each group (stratified bootstrap), so that the differences between groups, which are the
    same in every sample, do not widen the interval. A group of one cluster leaves the mean without one.

    Args:
        values: [n].
        groups: [n], the group of each value.
        clusters: [n], the image that each value belongs to.
        seed: of the resampling.
    """
    known = ~np.isnan(values)
    means, drawn = [], []
    for k, group in enumerate(np.unique(groups[known])):
        own = known & (groups == group)
        labels, index = np.unique(clusters[own], return_inverse=True)
        weight = resamples(len(labels), seed + k)[:, index]
        means.append(float(values[own].mean()))
        drawn.append(weight @ values[own] / weight.sum(1) if len(labels) > 1 else np.full(RESAMPLES, np.nan))
    if not means:
        return None
    totals = np.mean(drawn, axis=0)
    low, high = (None, None) if np.isnan(totals).any() else percentiles(totals)
    return Estimate(round(float(np.mean(means)), DIGITS), low, high, int(known.sum()), len(np.unique(clusters[known])))


def paired(before: Values, after: Values, clusters: NDArray[Any], seed: int = SEED) -> Estimate | None:
    """The mean of `after - before`, both [n] of the same rows; None where no row has both."""
    return estimates({"difference": after - before}, clusters, seed).get("difference")


def drawn_in_parts(clusters: int, rows: int, seed: int = SEED) -> Iterator[Values]:
    """`resamples` in parts of at most `rows`, for statistics whose memory grows with both."""
    drawn = resamples(clusters, seed)
    for start in range(0, len(drawn), rows):
        yield drawn[start : start + rows]
