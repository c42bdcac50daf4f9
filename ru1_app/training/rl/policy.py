"""What a policy is: it draws several recoveries of each input, and says how probable a draw is under given weights."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn


class Inputs(NamedTuple):
    """`corrupted` and `clean` [N, 3, H, W] in [0, 1]; `thumbnails` [N, 8, 48, 48] of the whole corrupted images."""

    corrupted: Tensor
    clean: Tensor
    thumbnails: Tensor


class Rollout(NamedTuple):
    """G draws for each of N inputs, in T random steps.

    `images` [N, G, 3, H, W] in [0, 1]; `log_probs` [N, G, T] under the weights that drew; `states`, `stds` and
    `directions` are the policy's own: what it went through, how widely it drew, and along what.
    """

    inputs: Inputs
    images: Tensor
    log_probs: Tensor
    states: Tensor
    stds: Tensor
    directions: tuple[Tensor, ...] = ()


class Evaluated(NamedTuple):
    """A rollout under some weights: `log_probs` [N, G, T]; `means` and `stds` of what the divergence compares."""

    log_probs: Tensor
    means: Tensor
    stds: Tensor


class Policy(Protocol):
    """Draws and weighs. `net` is called as `RecoveryNet` is."""

    def sample(self, net: nn.Module, inputs: Inputs, group: int, generator: torch.Generator) -> Rollout:
        """`group` draws for each input; without gradients."""
        ...

    def evaluate(self, net: nn.Module, rollout: Rollout) -> Evaluated:
        """The rollout's probabilities under the weights of `net`; with gradients."""
        ...


def log_prob(x: Tensor, mean: Tensor, std: Tensor, keep: int) -> Tensor:
    """Log density of N(mean, std^2) at x, the mean over all dimensions but the first `keep`.

    The mean, as in Flow-GRPO's code: a sum over some ten thousand dimensions would leave every clipping range at once.
    """
    value = -(x - mean).square() / (2 * std.square()) - std.log() - 0.5 * math.log(2 * math.pi)
    return value.flatten(keep).mean(keep)
