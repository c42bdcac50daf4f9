"""How well a risk model tells on recoveries that it has not learned from: order, truth of its probabilities, places.

Takes logits and targets; knows neither the network nor the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

RESAMPLES = 2000
BINS = 5  # of the probability, equally wide: with few held-out recoveries more would hold next to none


class Bin(NamedTuple):
    """Held-out recoveries whose probability lies in [low, low + 1/BINS): how many, what was told, what raters said."""

    low: float
    recoveries: int
    told: float
    said: float


@dataclass(frozen=True, slots=True)
class Measured:
    """On held-out recoveries. Where one kind of them is missing, the AUROC is too."""

    count: int = 0
    misleading: int = 0  # more than half of the raters say so
    images: int = 0
    auroc: float | None = None
    auroc_interval: tuple[float, float] | None = None
    bins: tuple[Bin, ...] = ()
    calibration_error: float | None = None
    marked: int = 0
    hits: int = 0
    chance: float = 0.0


def measure(
    logits: NDArray[Any], temperature: float, found: NDArray[Any], target: Tensor, places: Tensor, groups: NDArray[Any]
) -> Measured:
    """Everything that the card says.

    Args:
        logits: [N], of the whole.
        temperature: what they are divided by.
        found: [N, GRID, GRID], logits of places.
        target: [N], share of the raters who say that it misleads.
        places: [N, GRID, GRID], share of those who mark it; negative where nobody did.
        groups: [N], the source image of each.
    """
    said = target.numpy()
    truth = said > 0.5
    bins = reliability(1 / (1 + np.exp(-logits / temperature)), said)
    marked, hits, chance = pointing(found[truth], places.numpy()[truth])
    return Measured(
        len(truth),
        int(truth.sum()),
        len(np.unique(groups)),
        auroc(logits, truth),
        interval(logits, truth, groups),
        bins,
        round(sum(each.recoveries * abs(each.told - each.said) for each in bins) / len(truth), 4),
        marked,
        hits,
        chance,
    )


def auroc(scores: NDArray[Any], truth: NDArray[Any]) -> float | None:
    """How probably a misleading one scores above another; None where one of both kinds is missing."""
    positive = int(truth.sum())
    if not 0 < positive < len(truth):
        return None
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    rank_sum = float(ranks[truth].sum()) - positive * (positive + 1) / 2
    return rank_sum / (positive * (len(truth) - positive))


def interval(
    scores: NDArray[Any], truth: NDArray[Any], groups: NDArray[Any], seed: int = 0
) -> tuple[float, float] | None:
    """Percentile interval of 95 % of the AUROC; whole source images are drawn."""
    names = np.unique(groups)
    members = [np.flatnonzero(groups == name) for name in names]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        index = np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
        value = auroc(scores[index], truth[index])
        values += [] if value is None else [value]
    return (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))) if values else None


def reliability(told: NDArray[Any], said: NDArray[Any]) -> tuple[Bin, ...]:
    """What is told [N] beside what the raters said [N], in bins of the former; empty bins are left out."""
    index = np.minimum((told * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(k / BINS, int(own.sum()), round(float(told[own].mean()), 4), round(float(said[own].mean()), 4))
        for k in range(BINS)
        if (own := index == k).any()
    )


def pointing(found: NDArray[Any], places: NDArray[Any]) -> tuple[int, int, float]:
    """Of the recoveries with a marked place: how many, where the greatest of `found` is a marked one, and by chance.

    Both are [N, GRID, GRID]. Chance is the mean share of marked places.
    """
    marked = places.reshape(len(places), -1) > 0
    some = marked.any(1)
    if not some.any():
        return 0, 0, 0.0
    marked, best = marked[some], found.reshape(len(found), -1)[some].argmax(1)
    return int(some.sum()), int(marked[np.arange(len(best)), best].sum()), round(float(marked.mean()), 4)


def temperature(logits: NDArray[np.float32], target: Tensor) -> float:
    """What logits are divided by so that the cross entropy is least (Guo et al. 2017)."""
    told = torch.tensor(logits)
    steps = torch.logspace(-1, 1.3, 200)
    losses = [float(F.binary_cross_entropy_with_logits(told / step, target)) for step in steps]
    return round(float(steps[int(np.argmin(losses))]), 4)
