"""SSIM of batches of tensors, as training uses it: differentiable, on any device, equal to `ssim.ssim`.

On a CPU the four blurred maps are the channels of one depthwise convolution, innermost in memory, and the work goes
in steps that stay in the cache: several small images at once, or strips of a large one. Elsewhere steps are large.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ru1_app.scoring.ssim import C1, C2, SIGMA, WINDOW

CROP = WINDOW - 1  # by how much the blurred maps are smaller
STEP, STEP_ELSEWHERE = 2**15, 2**22  # pixels taken at once, on a CPU and on other devices
_BELL = [math.exp(-((k - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for k in range(WINDOW)]
WEIGHTS = tuple(weight / sum(_BELL) for weight in _BELL)


def ssim_batch(a: Tensor, b: Tensor) -> Tensor:
    """SSIM [N] of two float batches [N, C, H, W] in [0, 1]; sides of at least 11.

    Equal to `pytorch_msssim.ssim(a, b, data_range=1, win_size=11, size_average=False)` to 2e-5. It is computed in
    float32 at least, under autocast too: the variances are small differences of large numbers.

    Raises:
        ValueError: the shapes differ or a side is too small.
    """
    if a.shape != b.shape or a.ndim != 4 or min(a.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs two batches [N, C, H, W] of one shape, sides >= {WINDOW}")
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    together = max(1, _step(a) // (a.shape[-2] * a.shape[-1]))
    with torch.autocast(a.device.type, enabled=False):
        steps = (torch.split(x.to(dtype), together) for x in (a, b))
        return torch.cat([_by_strips(x, y) for x, y in zip(*steps, strict=True)])


def _by_strips(a: Tensor, b: Tensor) -> Tensor:
    """SSIM [N] of a few images, added up over strips of rows."""
    _, channels, height, width = a.shape
    rows = max(WINDOW, _step(a) // width)
    tops = range(0, height - CROP, rows)
    sums = [_map(*(x[..., top : top + rows + CROP, :] for x in (a, b))).sum(dim=(1, 2, 3)) for top in tops]
    return torch.stack(sums).sum(0) / (channels * (height - CROP) * (width - CROP))


def _step(a: Tensor) -> int:
    return STEP if a.device.type == "cpu" else STEP_ELSEWHERE


def _map(a: Tensor, b: Tensor) -> Tensor:
    """SSIM per pixel and channel [N, C, H - 10, W - 10]."""
    mean_a, mean_b, energy, product = _blur(torch.cat([a, b, a * a + b * b, a * b], dim=1)).chunk(4, dim=1)
    squares, means = mean_a * mean_a + mean_b * mean_b, mean_a * mean_b
    luminance = (2 * means + C1) / (squares + C1)
    structure: Tensor = (2 * (product - means) + C2) / (energy - squares + C2)
    return luminance * structure


def _blur(maps: Tensor) -> Tensor:
    """[N, M, H, W] to [N, M, H - 10, W - 10]."""
    if maps.device.type == "cpu":
        maps = maps.contiguous(memory_format=torch.channels_last)
    groups = maps.shape[1]
    window = torch.tensor(WEIGHTS, dtype=maps.dtype, device=maps.device).expand(groups, 1, 1, WINDOW)
    down = functional.conv2d(maps, window.transpose(2, 3), groups=groups)
    return functional.conv2d(down, window, groups=groups).contiguous()
