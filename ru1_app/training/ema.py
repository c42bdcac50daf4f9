"""The exponential moving average of the weights that every recipe keeps and that becomes the model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


@torch.no_grad()
def follow(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], keep: float) -> None:
    """Move an average of a state dict on, in place: `keep` of itself, the rest of the weights.

    What counts in whole numbers, as batch normalisation does, is taken over.
    """
    moved = [name for name, value in weights.items() if value.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in moved], [weights[name] for name in moved], 1 - keep)
    for name in weights.keys() - set(moved):
        average[name].copy_(weights[name])


def risen(ema: float, step: int) -> float:
    """How much an average keeps of itself at a step: little at first, or it would long be that of the random start."""
    return min(ema, (1 + step) / (10 + step))
