"""Flow-GRPO's policy: the flow's ODE turned into an SDE of the same marginals (arXiv 2505.05470, section 4.1).

The paper starts from white noise; this flow starts from the corrupted image y, x_t = (1 - t) x_0 + t (y + sigma e).
Given x_0 that is N((1 - t) x_0 + t y, t^2 sigma^2), so with the predicted clean image x^ the score and the velocity are

    score = -(x_t - t y - (1 - t) x^) / (t sigma)^2,    v = (x_t - x^) / t,

and for any g(t) the steps towards t = 0

    x_{t-d} = x_t - v d + g^2 / 2 score d + g sqrt(d) e,    g = a sigma sqrt(t),

keep the marginals of the ODE as d goes to 0 (Anderson 1982; Song et al. 2021, arXiv 2011.13456, appendix D). The last
step is the ODE's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ru1_app.training.rl.policy import Evaluated, Inputs, Rollout, log_prob


class SdePolicy:
    """`steps` of the flow, all but the last of them random with `noise` (a); `source_noise` is the flow's sigma."""

    def __init__(self, steps: int, noise: float, source_noise: float) -> None:
        if steps < 2 or noise <= 0 or source_noise <= 0:
            raise ValueError("The SDE needs two steps or more, and noise to draw.")
        self._noise, self._sigma = noise, source_noise
        self._times = torch.linspace(1, 0, steps + 1).tolist()

    @torch.no_grad()
    def sample(self, net: nn.Module, inputs: Inputs, group: int, generator: torch.Generator) -> Rollout:
        """See `Policy.sample`; T = steps - 1."""
        many = _repeated(inputs, group)

        def noise() -> Tensor:
            return torch.randn(many.corrupted.shape, generator=generator).to(many.corrupted)

        x = many.corrupted + self._sigma * noise()
        states, stds = [x], []
        for t, following in zip(self._times[:-2], self._times[1:-1], strict=True):
            mean, std = self._step(net, x, many, t, following)
            x = mean + std * noise()
            states.append(x)
            stds.append(std)
        images = _predict(net, x, many, self._times[-2])  # the ODE's last step goes all the way to x^
        shape = (len(inputs.corrupted), group)
        rollout = Rollout(
            inputs,
            images.clamp(0, 1).unflatten(0, shape),
            torch.empty(0),
            torch.stack(states, 1).unflatten(0, shape),
            torch.tensor(stds).to(x).view(1, 1, -1, 1, 1, 1),
        )
        return rollout._replace(log_probs=self.evaluate(net, rollout).log_probs)

    def evaluate(self, net: nn.Module, rollout: Rollout) -> Evaluated:
        """See `Policy.evaluate`."""
        group = rollout.states.shape[1]
        many = _repeated(rollout.inputs, group)
        states = rollout.states.flatten(0, 1).unbind(1)
        times = zip(states[:-1], self._times[:-2], self._times[1:-1], strict=True)
        means = torch.stack([self._step(net, x, many, t, following)[0] for x, t, following in times], 1)
        means = means.unflatten(0, rollout.states.shape[:2])
        return Evaluated(log_prob(rollout.states[:, :, 1:], means, rollout.stds, 3), means, rollout.stds)

    def _step(self, net: nn.Module, x: Tensor, inputs: Inputs, t: float, following: float) -> tuple[Tensor, float]:
        """Mean [B, 3, H, W] and deviation of x at `following`, given it at t."""
        clean = _predict(net, x, inputs, t)
        duration = t - following
        spread = self._noise * self._sigma * t**0.5
        score = -(x - t * inputs.corrupted - (1 - t) * clean) / (t * self._sigma) ** 2
        velocity = (x - clean) / t
        return x - velocity * duration + 0.5 * spread**2 * score * duration, spread * duration**0.5


def _predict(net: nn.Module, x: Tensor, inputs: Inputs, t: float) -> Tensor:
    times = torch.full((len(x),), t, device=x.device)
    clean: Tensor = net(x, inputs.corrupted, times, inputs.thumbnails).clean
    return clean


def _repeated(inputs: Inputs, group: int) -> Inputs:
    return Inputs(*(part.repeat_interleave(group, 0) for part in inputs))
