"""The predicted-scale policy: one step, whose uncertainty the network itself predicts.

A recovery is the network's detail plus a draw of its low-resolution content: with m the means of the predicted clean
image over cells of c x c pixels and s the predicted scale there (times a temperature),

    action a ~ N(m, s^2),    image = clean + upsample(a - m).

The log probability of an action is exact, and its gradient reaches the network through m. The detail within the cells
is not drawn, so nothing is learned about it; the KL term holds it where it was, as though it had the cells' deviation.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ru1_app.models.embedded.pipeline import GRAIN
from ru1_app.training.rl.policy import Evaluated, Inputs, Rollout, log_prob

LEAST_STD = 0.003  # less than one level of 255 cannot be seen, and makes ratios wild


class ScalePolicy:
    """See the module. `cell` is in pixels, a multiple of 4; sides of the inputs are multiples of it."""

    def __init__(self, cell: int, temperature: float) -> None:
        self._cell, self._temperature = cell, temperature

    @torch.no_grad()
    def sample(self, net: nn.Module, inputs: Inputs, group: int, generator: torch.Generator) -> Rollout:
        """See `Policy.sample`; T = 1."""
        prediction = _predict(net, inputs)
        means = F.avg_pool2d(prediction.clean, self._cell)[:, None]
        scale = F.avg_pool2d(prediction.log_scale.exp(), self._cell // GRAIN)[:, None]
        stds = (self._temperature * scale).clamp(min=LEAST_STD)
        shape = (len(means), group, *means.shape[2:])
        actions = means + stds * torch.randn(shape, generator=generator).to(means)
        change = F.interpolate((actions - means).flatten(0, 1), scale_factor=self._cell, mode="bilinear")
        images = prediction.clean[:, None] + change.view(*shape[:2], *prediction.clean.shape[1:])
        log_probs = log_prob(actions, means, stds, 2)[..., None]
        return Rollout(inputs, images.clamp(0, 1), log_probs, actions, stds)

    def evaluate(self, net: nn.Module, rollout: Rollout) -> Evaluated:
        """See `Policy.evaluate`. The deviations stay those of the draw."""
        clean = _predict(net, rollout.inputs).clean
        means = F.avg_pool2d(clean, self._cell)[:, None]
        log_probs = log_prob(rollout.states, means, rollout.stds, 2)[..., None]
        wide = F.interpolate(rollout.stds[:, 0], scale_factor=self._cell, mode="nearest")
        return Evaluated(log_probs, clean, wide)


def _predict(net: nn.Module, inputs: Inputs) -> Any:
    """The network's prediction from the start of the path, without source noise."""
    corrupted: Tensor = inputs.corrupted
    return net(corrupted, corrupted, torch.ones(len(corrupted), device=corrupted.device), inputs.thumbnails)
