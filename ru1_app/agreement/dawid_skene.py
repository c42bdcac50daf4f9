"""What raters say together: the majority, and Dawid and Skene's consensus, which learns whom to trust on what.

Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics 28,
1979, pp. 20-28. Every unit has one true class; given it, raters err independently, each with a confusion matrix of
their own. EM goes from the shares of votes (eq. 3.1) to a local maximum, in two steps:

    M  prior_j = mean over units of posterior_uj;  confusion_rjl ~ sum_u posterior_uj n_url          (eqs. 2.3, 2.4)
    E  posterior_uj ~ prior_j * product over ratings of the unit of confusion_rjl                    (eq. 2.5)

where n_url counts how often rater r said l of unit u.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ru1_app.agreement.table import Float, Table, Value

SMOOTHING = 0.01  # of a rating in each cell: an error never seen is then unlikely and not impossible
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Majority:
    """What most said of a unit: None on a tie; `share` of the `votes` is that of the most frequent value, in (0, 1]."""

    winner: Value | None
    share: float
    votes: int


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """What the model believes.

    Attributes:
        units, raters, values: names [U], [R], [K] as in the table.
        posterior: how probable each class is of each unit [U, K]; rows sum to 1.
        prior: how frequent each class is [K]; sums to 1.
        confusion: of each rater, true class by what was said [R, K, K]; rows sum to 1, 1 / K where nothing is known.
        log_likelihood: of the ratings, in nats.
        iterations: EM steps taken.
        converged: whether the last step moved no posterior by more than the tolerance.
    """

    units: tuple[str, ...]
    raters: tuple[str, ...]
    values: tuple[Value, ...]
    posterior: Float
    prior: Float
    confusion: Float
    log_likelihood: float
    iterations: int
    converged: bool

    def best(self) -> dict[str, tuple[Value | None, float]]:
        """The most probable class of each unit, None where two are equally so, and its probability."""
        found: dict[str, tuple[Value | None, float]] = {}
        for unit, row in zip(self.units, self.posterior, strict=True):
            top = float(row.max())
            tied = int((row > top - _TIE).sum()) > 1
            found[unit] = (None if tied else self.values[int(row.argmax())], top)
        return found


def majority(table: Table) -> dict[str, Majority]:
    """The majority of each unit that was rated, by its name."""
    found = {}
    for unit, row in zip(table.units, table.counts(), strict=True):
        top, votes = row.max(), row.sum()
        tied = (row == top).sum() > 1
        winner = None if tied else table.values[int(row.argmax())]
        found[unit] = Majority(winner, float(top / votes), int(votes))
    return found


def dawid_skene(
    table: Table, *, smoothing: float = SMOOTHING, tolerance: float = 1e-6, iterations: int = 1000
) -> Consensus:
    """The consensus of a table; nothing is random, so the same table gives the same figures.

    Args:
        table: ratings; those of one rater of one unit may repeat.
        smoothing: ratings added to each cell of each confusion matrix, at least 0; 0 is the method of 1979.
        tolerance: EM ends when no posterior moves by more.
        iterations: EM ends after so many at the latest, at least 1.
    """
    counts = table.counts()
    classes = counts.shape[1]
    posterior = _normalised(counts)
    step, moved = 0, np.inf
    prior, confusion, likelihood = np.empty(0), np.empty(0), 0.0
    while step < max(1, iterations) and moved > tolerance:
        prior = _normalised(posterior.sum(0))
        confusion = _normalised(_said(table, posterior, classes) + smoothing)
        after, likelihood = _posterior(table, prior, confusion)
        moved = float(np.abs(after - posterior).max(initial=0))
        posterior, step = after, step + 1
    return Consensus(
        table.units, table.raters, table.values, posterior, prior, confusion, likelihood, step, moved <= tolerance
    )


def _said(table: Table, posterior: Float, classes: int) -> Float:
    """How often each rater said each value of units of each class: [R, K, K], raters by true class by said."""
    cells = table.rater * classes + table.code
    size = len(table.raters) * classes
    columns = [np.bincount(cells, posterior[table.unit, true], size) for true in range(classes)]
    return np.asarray(columns, np.float64).reshape(classes, len(table.raters), classes).transpose(1, 0, 2)


def _posterior(table: Table, prior: Float, confusion: Float) -> tuple[Float, float]:
    """Eq. 2.5 in logarithms, so that many ratings of a unit do not underflow, and the log-likelihood."""
    if not len(table.units):
        return np.empty((0, len(prior))), 0.0
    with np.errstate(divide="ignore"):
        log_prior, log_confusion = np.log(prior), np.log(confusion)
    starts = np.searchsorted(table.unit, np.arange(len(table.units)))  # rows are sorted by unit
    logs = log_prior + np.add.reduceat(log_confusion[table.rater, :, table.code], starts)
    top = logs.max(1, keepdims=True)
    scaled = np.exp(logs - top)
    totals = scaled.sum(1, keepdims=True)
    return scaled / totals, float((top + np.log(totals)).sum())


def _normalised(weights: Float) -> Float:
    """Along the last axis to a sum of 1; evenly where there is nothing."""
    totals = weights.sum(-1, keepdims=True)
    even = 1 / max(1, weights.shape[-1])
    return np.where(totals > 0, weights / np.where(totals > 0, totals, 1), even)
