"""The predicted-scale policy: one step, whose uncertainty the network itself predicts.

For each cell of c x c pixels of a recovery x^ five numbers are drawn:

- the mean colour m, three numbers, with the predicted scale s (times a temperature) as deviation;
- how much of its own detail d = x^ - upsample(m) it has more or less of, with deviation `strength`;
- how much it takes over of the detail e of the corrupted image that is not along d, with the same deviation.

    a ~ N(mean(x^), std^2),    image = x^ + upsample(a_m - m) + upsample(a_d) d + upsample(a_e) e.

The directions d and e are those of the weights that drew. Under other weights the means are the cells' colours and
the projections of what the recovery has changed by onto d and e, so the log probability of an action is exact and its
gradient reaches the network. What lies outside of these directions is not drawn and nothing is learned about it.

The KL divergence is not that of the five numbers. It is a pixel-wise one, of Gaussians whose means are the pixels of
both recoveries and whose deviation is that of their cell's colour, so that it holds what is not drawn where it was too.

Draws come in pairs of opposite noise: each is distributed as above, but what noise costs whatever its sign cancels in
the gradient (antithetic variates).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ru1_app.models.embedded.pipeline import GRAIN
from ru1_app.training.rl.policy import Evaluated, Inputs, Rollout, log_prob

LEAST_STD = 0.003  # less than one level of 255 cannot be seen, and makes ratios wild
FAINT = 3 * 0.02**2  # squared detail of a pixel, summed over channels, below which a direction fades out


class ScalePolicy:
    """See the module. `cell` is in pixels, a multiple of 4; sides of the inputs are multiples of it."""

    def __init__(self, cell: int, temperature: float, strength: float) -> None:
        self._cell, self._temperature, self._strength = cell, temperature, strength

    @torch.no_grad()
    def sample(self, net: nn.Module, inputs: Inputs, group: int, generator: torch.Generator) -> Rollout:
        """See `Policy.sample`; T = 1. `directions` are x^, d and e [N, 3, H, W] each."""
        prediction = _predict(net, inputs)
        clean: Tensor = prediction.clean
        directions = (clean, *self._directions(clean, inputs.corrupted))
        means = self._means(clean, directions)
        scale = F.avg_pool2d(prediction.log_scale.exp(), self._cell // GRAIN)
        colours = (self._temperature * scale).clamp(min=LEAST_STD).expand(-1, 3, -1, -1)
        stds = torch.cat([colours, torch.full_like(colours[:, :2], self._strength)], 1)[:, None]
        half = torch.randn((len(clean), (group + 1) // 2, *means.shape[1:]), generator=generator).to(means)
        actions = means[:, None] + stds * torch.cat([half, -half], 1)[:, :group]
        log_probs = log_prob(actions, means[:, None], stds, 2)[..., None]
        images = torch.stack([self._image(action, means, directions) for action in actions.unbind(1)], 1)
        return Rollout(inputs, images.clamp(0, 1), log_probs, actions, stds, directions)

    def evaluate(self, net: nn.Module, rollout: Rollout) -> Evaluated:
        """See `Policy.evaluate`. The deviations and directions stay those of the draw.

        `means` and `stds` are the pixels' [N, 3, H, W] and [N, 1, H, W]; only the divergence looks at them.
        """
        clean = _predict(net, rollout.inputs).clean
        means = self._means(clean, rollout.directions)
        log_probs = log_prob(rollout.states, means[:, None], rollout.stds, 2)[..., None]
        wide = F.interpolate(rollout.stds[:, 0, :1], scale_factor=self._cell, mode="nearest")
        return Evaluated(log_probs, clean, wide)

    def _directions(self, clean: Tensor, corrupted: Tensor) -> tuple[Tensor, Tensor]:
        own, theirs = (image - self._up(F.avg_pool2d(image, self._cell)) for image in (clean, corrupted))
        other = theirs - own
        along = F.interpolate(self._along(other, own), scale_factor=self._cell, mode="nearest")
        return own, other - along * own

    def _along(self, change: Tensor, direction: Tensor) -> Tensor:
        """How much of a direction a change [N, 3, H, W] has in each cell, [N, 1, h, w]."""
        product = F.avg_pool2d((change * direction).sum(1, keepdim=True), self._cell)
        return product / (F.avg_pool2d(direction.square().sum(1, keepdim=True), self._cell) + FAINT)

    def _means(self, clean: Tensor, directions: tuple[Tensor, ...]) -> Tensor:
        """[N, 5, h, w]: colours, own detail, the corrupted image's detail."""
        drawn, own, other = directions
        change = clean - drawn
        return torch.cat([F.avg_pool2d(clean, self._cell), self._along(change, own), self._along(change, other)], 1)

    def _image(self, action: Tensor, means: Tensor, directions: tuple[Tensor, ...]) -> Tensor:
        drawn, own, other = directions
        change = self._up(action - means)
        return drawn + change[:, :3] + change[:, 3:4] * own + change[:, 4:] * other

    def _up(self, cells: Tensor) -> Tensor:
        return F.interpolate(cells, scale_factor=self._cell, mode="bilinear")


def _predict(net: nn.Module, inputs: Inputs) -> Any:
    """The network's prediction from the start of the path, without source noise."""
    corrupted: Tensor = inputs.corrupted
    return net(corrupted, corrupted, torch.ones(len(corrupted), device=corrupted.device), inputs.thumbnails)
