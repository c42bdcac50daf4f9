"""Strengths from votes on pairs, ties included.

Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 65, 1970,
pp. 317-328. With worths w, log-strengths s = log w, and a tie parameter v:

    P(i beats j) = w_i / D,   P(tie) = v sqrt(w_i w_j) / D,   D = w_i + w_j + v sqrt(w_i w_j)

The log-likelihood is concave in (s, log v); Newton's method finds its maximum. Without ties it is the model of Bradley
and Terry (Biometrika 39, 1952), v = 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from ru1_app.agreement.table import Float
from ru1_app.errors import InvalidInput

_STEPS = 200
_FLAT = 1e-9  # slope per vote at which the maximum is reached
_FAR = 15.0  # log-strengths so far apart have no finite maximum: chances below one in three millions
NO_VOTES = "There are no votes."
ONLY_TIES = "Every vote is a tie, so nothing tells the items apart."
NOT_CONNECTED = "Some items were never compared with the others, not even through a third; vote on more pairs."
NOT_FINITE = "Some items won, or lost, every comparison with the others; vote on more pairs, or give a ridge."


class Outcome(StrEnum):
    """Which of two was better."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"


class Vote(NamedTuple):
    """One person's choice between two items."""

    left: str
    right: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Strengths:
    """Log-strengths with mean 0, or the reason why there are none.

    Attributes:
        items: names, sorted.
        strengths: log-strength by name.
        errors: standard error of each log-strength, from the inverse of the information; the mean is held at 0.
        tie: the tie parameter v >= 0; between equals a tie has the chance v / (2 + v).
        votes: how many there were.
        reason: why there are no strengths.
    """

    items: tuple[str, ...]
    strengths: dict[str, float] | None
    errors: dict[str, float] | None
    tie: float | None
    votes: int
    reason: str | None = None

    def chances(self, left: str, right: str) -> dict[Outcome, float] | None:
        """How probable each outcome is when these two are compared; None without strengths."""
        if self.strengths is None or self.tie is None:
            return None
        gap = self.strengths[left] - self.strengths[right]
        weights = {Outcome.LEFT: np.exp(gap / 2), Outcome.RIGHT: np.exp(-gap / 2), Outcome.TIE: self.tie}
        total = sum(weights.values())
        return {outcome: float(weight / total) for outcome, weight in weights.items()}


def strengths(votes: Iterable[tuple[str, str, str]], *, ridge: float = 0.0) -> Strengths:
    """The most likely strengths.

    Args:
        votes: (left, right, outcome), the outcome one of `Outcome`.
        ridge: precision of a normal prior about 0 on every log-strength, at least 0. With 0 the maximum can be missing
            (an item that always won); with more, such as 0.1, it is always there and strengths are drawn together.

    Raises:
        InvalidInput: an unknown outcome, or an item compared with itself.
    """
    ballots = [_checked(*vote) for vote in votes]
    items = tuple(sorted({name for vote in ballots for name in vote[:2]}))
    place = {name: index for index, name in enumerate(items)}
    wins, ties = np.zeros((2, len(items), len(items)))
    for left, right, outcome in ballots:
        i, j = place[left], place[right]
        if outcome is Outcome.TIE:
            ties[i, j] += 1
            ties[j, i] += 1
        else:
            wins[(i, j) if outcome is Outcome.LEFT else (j, i)] += 1
    reason = _missing(wins, ties, ridge)
    if reason is None:
        found, tie, errors = _newton(wins, ties, ridge)
        if errors is not None:
            named = [dict(zip(items, map(float, column), strict=True)) for column in (found, errors)]
            return Strengths(items, named[0], named[1], tie, len(ballots))
    return Strengths(items, None, None, None, len(ballots), reason or NOT_FINITE)


def _checked(left: str, right: str, outcome: str) -> Vote:
    if left == right:
        raise InvalidInput(f"{left!r} was compared with itself; a vote is on two items.")
    if outcome not in list(Outcome):
        raise InvalidInput(f"An outcome is one of {[str(one) for one in Outcome]}, not {outcome!r}.")
    return Vote(left, right, Outcome(outcome))


def _missing(wins: Float, ties: Float, ridge: float) -> str | None:
    """Why there is nothing to compute."""
    if not len(wins):
        return NO_VOTES
    if not wins.any():
        return ONLY_TIES
    near = (wins + wins.T + ties > 0) | np.eye(len(wins), dtype=bool)
    seen = near[0]
    for _ in range(len(wins)):
        seen = near[seen].any(0)
    return None if ridge > 0 or seen.all() else NOT_CONNECTED


def _newton(wins: Float, ties: Float, ridge: float) -> tuple[Float, float, Float | None]:
    """Log-strengths [I], the tie parameter, and standard errors [I], or none where the maximum is not finite."""
    size, tied = len(wins), bool(ties.any())
    at = np.zeros(size + 1)  # log-strengths, then the logarithm of the tie parameter
    if not tied:
        at[-1] = -np.inf
    total = float(wins.sum() + ties.sum() / 2)
    for _ in range(_STEPS):
        slope, information = _slope(at, wins, ties, ridge)
        used = slice(None) if tied else slice(size)
        if ridge == 0 and np.ptp(at[:size]) > _FAR:
            break
        if np.abs(slope[used]).max() < _FLAT * total:
            inverse = np.linalg.inv(information[used, used])[:size, :size]
            return at[:size], float(np.exp(at[-1])), np.sqrt(np.diag(inverse) - 1 / size / (1 + ridge))
        step = np.asarray(np.linalg.solve(information[used, used], slope[used]), np.float64)
        at[used] = _uphill(at, step, wins, ties, ridge)
    return at[:size], float(np.exp(at[-1])), None


def _uphill(at: Float, step: Float, wins: Float, ties: Float, ridge: float) -> Float:
    """Where the step leads, halved until it does not lead down."""
    start, before, there = at[: len(step)], _height(at, wins, ties, ridge), at.copy()
    for half in range(30):
        there[: len(step)] = start + step / 2**half
        if _height(there, wins, ties, ridge) >= before - 1e-12 * abs(before):
            break
    return there[: len(step)]


def _chances(at: Float) -> tuple[Float, Float]:
    """Chance that the row beats the column, and of a tie: [I, I] each."""
    gap = (at[:-1, None] - at[None, :-1]) / 2
    top = np.maximum(np.abs(gap), at[-1])  # so that no power overflows
    win, tie = np.exp(gap - top), np.exp(at[-1] - top)
    total = win + win.T + tie
    return win / total, tie / total


def _height(at: Float, wins: Float, ties: Float, ridge: float) -> float:
    win, tie = _chances(at)
    tiny = np.finfo(np.float64).tiny
    logs = wins * np.log(np.maximum(win, tiny)) + ties / 2 * np.log(np.maximum(tie, tiny))
    return float(logs.sum() - ridge / 2 * (at[:-1] ** 2).sum())


def _slope(at: Float, wins: Float, ties: Float, ridge: float) -> tuple[Float, Float]:
    """Gradient [I + 1] and information [I + 1, I + 1]; moving all strengths, which changes nothing, gets weight 1."""
    size, votes = len(wins), wins + wins.T + ties
    win, tie = _chances(at)
    score = win + tie / 2  # a tie is half a win
    spread = votes * (win + tie / 4 - score**2)
    np.fill_diagonal(spread, 0)
    slope = np.zeros(size + 1)
    slope[:size] = (wins + ties / 2 - votes * score).sum(1) - ridge * at[:size]
    slope[size] = (ties - votes * tie).sum() / 2
    information = np.zeros((size + 1, size + 1))
    information[:size, :size] = np.diag(spread.sum(1) + ridge) - spread + 1 / size
    information[:size, size] = information[size, :size] = (votes * tie * (0.5 - score)).sum(1)
    information[size, size] = (votes * tie * (1 - tie)).sum() / 2
    return slope, information
