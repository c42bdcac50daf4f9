"""Gwet's AC1 and the raw percentage of agreement, for several raters and missing ratings.

Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement", British Journal of
Mathematical and Statistical Psychology 61, 2008, pp. 29-48; with missing ratings as in his Handbook of Inter-Rater
Reliability, 4th edition, 2014, chapters 2 and 5. With r_ik ratings of value k of unit i, r_i of them in all, q values,
n units with a rating and n' with two or more:

    p_a   = mean over the n' units of p_a|i = sum_k r_ik (r_ik - 1) / (r_i (r_i - 1))
    pi_k  = mean over the n units of r_ik / r_i
    p_e   = sum_k pi_k (1 - pi_k) / (q - 1)
    AC1   = (p_a - p_e) / (1 - p_e)
    v     = sum_i (g_i - AC1)^2 / (n (n - 1)),   g_i = (n / n') (p_a|i - p_e) / (1 - p_e), 0 for a unit of one rating,
            less 2 (1 - AC1) (p_e|i - p_e) / (1 - p_e),   p_e|i = sum_k (r_ik / r_i) (1 - pi_k) / (q - 1)

Where one value is rare, alpha and kappa are low although raters agree almost always; AC1 stays near p_a. Say both.
"""

from __future__ import annotations

import math

from ru1_app.agreement.alpha import NO_PAIRS
from ru1_app.agreement.table import Agreement, Float, Table, undefined

ONE_VALUE = "Only one value can be said; name all that raters could have said, or nothing is known of chance."


def ac1(table: Table) -> Agreement:
    """AC1 of nominal values, in [-1, 1], with Gwet's standard error and the interval of Student's t with n - 1.

    The number of values counts: give `table_of` all that raters could say, not only those they said.
    """
    counts, paired = _counts(table)
    n, values = counts.shape
    if not paired.any():
        return undefined(NO_PAIRS)
    if values < 2:
        return undefined(ONE_VALUE, int(paired.sum()), int(counts[paired > 0].sum()))
    shares = counts / counts.sum(1, keepdims=True)
    common = shares.mean(0)
    chance = float((common * (1 - common)).sum()) / (values - 1)
    agreed = _agreed(counts) * paired
    value = (float(agreed.sum() / paired.sum()) - chance) / (1 - chance)
    own = n / paired.sum() * (agreed - chance * paired) / (1 - chance)
    own = own - 2 * (1 - value) * (shares @ (1 - common) / (values - 1) - chance) / (1 - chance)
    return _with_interval(value, own, -1.0, counts, paired)


def percent_agreement(table: Table) -> Agreement:
    """The mean over units of the share of pairs of ratings that agree, in [0, 1]; the error as for AC1 without chance.

    Not corrected for chance: two raters who always say the same value agree by 1, and learn nothing.
    """
    counts, paired = _counts(table)
    if not paired.any():
        return undefined(NO_PAIRS)
    agreed = _agreed(counts) * paired
    return _with_interval(float(agreed.sum() / paired.sum()), len(counts) / paired.sum() * agreed, 0.0, counts, paired)


def _counts(table: Table) -> tuple[Float, Float]:
    """Counts [n, V] of the units, and 1 for those with two ratings or more [n]."""
    counts = table.counts()
    return counts, (counts.sum(1) >= 2).astype(float)


def _agreed(counts: Float) -> Float:
    sizes = counts.sum(1)
    share: Float = (counts * (counts - 1)).sum(1) / (sizes * (sizes - 1)).clip(1)
    return share


def _with_interval(value: float, own: Float, least: float, counts: Float, paired: Float) -> Agreement:
    """The value with the error that the units' own values [n] give it."""
    from scipy.special import stdtrit  # slow to import

    n, units, ratings = len(own), int(paired.sum()), int(counts[paired > 0].sum())
    if n < 2:
        return Agreement(value, None, None, units, ratings)
    error = math.sqrt(float(((own - value) ** 2).sum()) / (n * (n - 1)))
    if error < 1e-12:
        return Agreement(value, None, None, units, ratings)
    reach = float(stdtrit(n - 1, 0.975)) * error
    return Agreement(value, max(least, value - reach), min(1.0, value + reach), units, ratings, error)
