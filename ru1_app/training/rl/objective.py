"""Group-relative policy optimisation: GRPO (arXiv 2402.03300, equation 3) as Flow-GRPO (arXiv 2505.05470) uses it.

The KL divergence is that of Gaussians in closed form, as there; GRPO itself estimates it from the draws (equation 4).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ru1_app.training.rl.policy import Evaluated

FLOOR = 1e-4  # of the rewards' deviation: below it differences are rounding


class Objective(NamedTuple):
    """`loss` to be lowered, and what to watch: the mean ratio, the share that was clipped, the KL divergence."""

    loss: Tensor
    ratio: Tensor
    clipped: Tensor
    kl: Tensor


def advantages(rewards: Tensor) -> Tensor:
    """(r - mean) / (std + 1e-4) within each input's group: rewards [N, G] to [N, G]. Equal rewards give exactly 0."""
    centred = rewards - rewards[:, :1]  # first, so that equal rewards leave no rounding
    centred = centred - centred.mean(1, keepdim=True)
    return centred / (centred.std(1, correction=0, keepdim=True) + FLOOR)


def divergence(current: Evaluated, reference: Evaluated) -> Tensor:
    """KL of Gaussians of one deviation, (mean - mean_ref)^2 / (2 std^2), the mean over all dimensions.

    The scale policy's means here are the pixels of the recovery, not the five numbers that it draws (see `scale`).
    """
    return ((current.means - reference.means).square() / (2 * current.stds.square())).mean()


def objective(
    current: Evaluated, old: Tensor, advantage: Tensor, *, clip: float, reference: Evaluated | None, beta: float
) -> Objective:
    """The clipped surrogate minus beta times the KL divergence to the reference, negated.

    Args:
        old: log probabilities [N, G, T] under the weights that drew.
        advantage: [N, G], the same for every step of a draw.
        clip: how far the ratio may leave 1 with profit.
    """
    ratio = torch.exp(current.log_probs - old)
    gain = advantage[..., None]
    surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - clip, 1 + clip) * gain).mean()
    kl = divergence(current, reference) if reference is not None else ratio.new_zeros(())
    clipped = ((ratio - 1).abs() > clip).float().mean()
    return Objective(beta * kl - surrogate, ratio.mean().detach(), clipped, kl.detach())
