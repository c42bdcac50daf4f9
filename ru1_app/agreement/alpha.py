"""Krippendorff's alpha: 1 = every pair of ratings agrees, 0 = as if ratings were dealt at random, below 0 = worse.

Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011 (University of Pennsylvania), with any number of raters
and missing ratings. With n_uc ratings of value c of unit u, m_u of them in all, n_c those of value c in units of two
ratings or more, and n all of these:

    alpha = 1 - (n - 1) * sum_u [sum_ck n_uc n_uk d_ck / (m_u - 1)] / sum_ck n_c n_k d_ck

where d_ck is the squared difference of the metric. Nominal: 0 or 1. Interval: (c - k)^2. Ordinal: the square of the
ratings that lie between, sum_{g=c..k} n_g - (n_c + n_k) / 2, which is the difference of the values' mean ranks; it is
therefore computed as the interval metric of these ranks.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from ru1_app.agreement.table import Agreement, Float, Table, undefined

RESAMPLES = 1000
SEED = 0
_PART = 100  # resamples held at once
_TAILS = (2.5, 97.5)  # percent: an interval of 95 %
NO_PAIRS = "No unit has two ratings, so nothing can be compared."
NO_VARIATION = "Every rating has the same value, so agreement by chance cannot be told from agreement."


class Metric(StrEnum):
    """How far apart two values are."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"


def alpha(table: Table, metric: Metric = Metric.NOMINAL, *, resamples: int = RESAMPLES, seed: int = SEED) -> Agreement:
    """Alpha, at most 1, with a percentile interval of units drawn anew (Efron and Tibshirani 1993, chapter 13).

    Units with one rating do not enter. A resample without variation has no alpha and is left out; where more than half
    are, as for a flag that was raised once, there is no interval.

    Args:
        table: ratings; for the ordinal metric the order of `table.values` counts, for the interval metric they are
            numbers.
        metric: how far apart two values are.
        resamples: of the bootstrap; 0 for none.
        seed: of the bootstrap; the same input and seed give the same interval.

    Raises:
        InvalidInput: words under the interval metric.
    """
    numbers = table.numbers() if metric is Metric.INTERVAL else None
    counts = table.counts()
    counts = counts[counts.sum(1) >= 2]
    units, ratings = len(counts), int(counts.sum())
    if not units:
        return undefined(NO_PAIRS)
    value = float(_alphas(counts, np.ones((1, units)), metric, numbers)[0])
    if np.isnan(value):
        return undefined(NO_VARIATION, units, ratings)
    rng, share = np.random.Generator(np.random.PCG64(seed)), np.full(units, 1 / units)
    sizes = [min(_PART, resamples - start) for start in range(0, resamples if units > 1 else 0, _PART)]
    drawn = [_alphas(counts, rng.multinomial(units, share, size).astype(float), metric, numbers) for size in sizes]
    low, high = _interval(np.concatenate([np.empty(0), *drawn]))
    return Agreement(value, low, high, units, ratings)


def weighted_alpha(counts: Float, weights: Float, metric: Metric = Metric.NOMINAL) -> float | None:
    """Alpha without an interval, of more units than are held: a row of `counts` [U, V] stands for `weights` [U] units.

    None where no unit has two ratings, or every rating has the same value. Nominal and ordinal only.
    """
    paired = counts.sum(1) >= 2
    if not paired.any():
        return None
    value = float(_alphas(counts[paired], weights[None, paired], metric, None)[0])
    return None if np.isnan(value) else value


def _interval(drawn: Float) -> tuple[float | None, float | None]:
    known = drawn[~np.isnan(drawn)]
    if not len(known) or 2 * len(known) < len(drawn):
        return None, None
    low, high = np.percentile(known, _TAILS)
    return (float(low), float(high)) if low < high else (None, None)


def _alphas(counts: Float, weights: Float, metric: Metric, numbers: Float | None) -> Float:
    """Alpha of `counts` [U, V], whose units count `weights` [B, U] times: [B], NaN where there is no variation."""
    sizes, totals = counts.sum(1), weights @ counts
    n = totals.sum(1)
    if metric is Metric.NOMINAL:
        within = weights @ ((sizes**2 - (counts**2).sum(1)) / (sizes - 1))
        between = n**2 - (totals**2).sum(1)
    else:  # sum_ck n_c n_k (x_c - x_k)^2 = 2 [n sum n_c x_c^2 - (sum n_c x_c)^2], about a middle so that little cancels
        x = totals.cumsum(1) - totals / 2 - n[:, None] / 2 if numbers is None else _scaled(numbers)[None]
        pairs = 2 * (sizes * (x**2 @ counts.T) - (x @ counts.T) ** 2)
        within = (weights * np.maximum(pairs, 0) / (sizes - 1)).sum(1)
        between = 2 * (n * (totals * x**2).sum(1) - (totals * x).sum(1) ** 2)
    varied = (totals > 0).sum(1) > 1
    return np.where(varied, 1 - (n - 1) * within / np.where(varied, between, 1), np.nan)


def _scaled(numbers: Float) -> Float:
    """To [-1/2, 1/2], which leaves alpha as it is."""
    low, high = numbers.min(), numbers.max()
    return np.asarray((numbers - low) / max(high - low, np.finfo(np.float64).tiny) - 0.5)
