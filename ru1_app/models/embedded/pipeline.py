"""The sampler of the embedded recoverer, as a diffusers pipeline (`from_pretrained` loads it).

Rectified flow (arXiv 2209.03003) from the corrupted image to the clean one: x_1 = y + sigma * noise,
x_t = (1 - t) x_0 + t x_1. The network predicts x_0; the velocity is (x_t - x_0) / t. Draws beyond the
first add the predicted scale times smooth noise, so that they differ where the network is unsure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline
from diffusers.schedulers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from ru1_app.models.embedded.net import STRIDE, RecoveryNet, thumbnail

MAX_PIXELS = 3_000_000  # in one forward pass; more draws are run in turn
GRAIN = 4  # pixels: the smooth noise of a draw lives on the predicted scale's grid


class Step(NamedTuple):
    """The state after one step: `images` [K, 3, H, W] in [0, 1], `scale` [1, 1, H, W] expected |error|."""

    number: int
    images: Tensor
    scale: Tensor


class SourceFlowPipeline(DiffusionPipeline):
    """`steps(corrupted, seeds, count)` yields a `Step` after each of `count` Euler steps."""

    def __init__(self, net: RecoveryNet, scheduler: FlowMatchEulerDiscreteScheduler, source_noise: float = 0.1) -> None:
        super().__init__()
        self.register_modules(net=net, scheduler=scheduler)
        self.register_to_config(source_noise=source_noise)

    @torch.inference_mode()
    def steps(self, corrupted: Tensor, seeds: list[int], count: int) -> Iterator[Step]:
        """Recover `corrupted` [1, 3, H, W] in [0, 1], sides of 2 pixels or more, once for each seed.

        The first draw is the flow's own result; the others add the predicted scale. Each seed has its
        own generator. The first draw is predicted by itself, so its bytes do not depend on how many follow; the others
        go together, and rounding may move single values by a level with their number.
        """
        height, width = corrupted.shape[-2:]
        y = _pad(corrupted.to(self.device, self.net.dtype))
        context = thumbnail(corrupted.to(self.device, self.net.dtype))
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        noise = torch.cat([torch.randn(y.shape, generator=g) for g in generators]).to(y)
        x = y + self.config.source_noise * noise
        scheduler = type(self.scheduler).from_config(self.scheduler.config)  # it keeps the state of one recovery
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / count, count).tolist(), device=self.device)
        for index, timestep in enumerate(scheduler.timesteps):
            time = scheduler.sigmas[index]
            clean, scale = self._predict(x, y, time, context)
            x = scheduler.step((x - clean) / time, timestep, x).prev_sample
            shown = clean
            if index == count - 1:
                shown = clean + _spread(scale, generators).to(clean)
            yield Step(
                index + 1,
                shown[..., :height, :width].clamp(0, 1),
                scale[:1, :, :height, :width],
            )

    def _predict(self, x: Tensor, y: Tensor, time: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        rows = max(1, MAX_PIXELS // (y.shape[-1] * y.shape[-2]))
        parts = []
        x = x.to(memory_format=torch.channels_last)
        for chunk in (x[:1], *(x[1:].split(rows) if len(x) > 1 else ())):
            n = len(chunk)
            times = time.to(chunk).expand(n)
            parts.append(self.net(chunk, y.expand(n, -1, -1, -1), times, context.expand(n, -1, -1, -1)))
        clean = torch.cat([part.clean for part in parts])
        log_scale = torch.cat([part.log_scale for part in parts])
        return clean, F.interpolate(log_scale, size=y.shape[-2:], mode="bilinear").exp()


def _spread(scale: Tensor, generators: list[torch.Generator]) -> Tensor:
    """Predicted scale times smooth unit Laplace noise [K, 3, H, W]; zero for the first draw."""
    height, width = scale.shape[-2:]
    grid = (1, 3, height // GRAIN, width // GRAIN)
    uniform = torch.cat([torch.rand(grid, generator=g) for g in generators]) - 0.5
    laplace = -uniform.sign() * torch.log1p(-2 * uniform.abs().clamp(max=0.4999))
    smooth = F.interpolate(laplace, size=(height, width), mode="bilinear")
    smooth[0] = 0
    return scale.cpu() * smooth


def _pad(image: Tensor) -> Tensor:
    """Replicate the right and lower border until both sides are multiples of the network's stride."""
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
