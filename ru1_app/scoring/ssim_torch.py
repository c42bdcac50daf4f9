"""SSIM of batches of tensors, as training uses it: differentiable, on any device, equal to `ssim.ssim`.

The Gaussian window is applied along each axis. For small images that is one product with a banded matrix for the
whole batch; large ones would leave the cache, and are taken one by one, as a sum of shifted views.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from ru1_app.scoring.ssim import C1, C2, SIGMA, WINDOW

SMALL = 96  # longest side up to which a batch is taken at once


def ssim_batch(a: Tensor, b: Tensor) -> Tensor:
    """SSIM [N] of two float batches [N, 3, H, W] in [0, 1]; sides of at least 11.

    Equal to `pytorch_msssim.ssim(a, b, data_range=1, win_size=11, size_average=False)` to 2e-5.

    Raises:
        ValueError: the shapes differ or a side is too small.
    """
    if a.shape != b.shape or a.ndim != 4 or min(a.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs two batches [N, C, H, W] of one shape, sides >= {WINDOW}")
    if max(a.shape[-2:]) <= SMALL:
        return _ssim(a, b, whole=True)
    return torch.cat([_ssim(a[k : k + 1], b[k : k + 1], whole=False) for k in range(len(a))])


def _ssim(a: Tensor, b: Tensor, *, whole: bool) -> Tensor:
    maps = torch.stack([a, b, a * a + b * b, a * b])
    blurred = _by_matrix(maps) if whole else _by_views(maps)
    mean_a, mean_b, energy, product = blurred
    squares, means = mean_a * mean_a + mean_b * mean_b, mean_a * mean_b
    luminance = (2 * means + C1) / (squares + C1)
    structure = (2 * (product - means) + C2) / (energy - squares + C2)
    values: Tensor = (luminance * structure).mean(dim=(-3, -2, -1))
    return values


def _by_matrix(maps: Tensor) -> Tensor:
    rows, columns = (_band(size, maps.dtype, maps.device) for size in maps.shape[-2:])
    blurred: Tensor = rows @ maps @ columns.T
    return blurred


def _by_views(maps: Tensor) -> Tensor:
    for axis in (-2, -1):
        size = maps.shape[axis] - WINDOW + 1
        first, *weights = _window().tolist()
        total = maps.narrow(axis, 0, size) * first
        for k, weight in enumerate(weights, start=1):
            total.add_(maps.narrow(axis, k, size), alpha=weight)
        maps = total
    return maps


@lru_cache
def _window() -> Tensor:
    at = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-at * at / (2 * SIGMA**2))
    return weights / weights.sum()


@lru_cache(maxsize=16)
def _band(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[size - 10, size]: row k holds the window from column k on."""
    eye = torch.eye(size - WINDOW + 1, dtype=torch.float64)
    shifted = [functional.pad(eye, (k, WINDOW - 1 - k)) * weight for k, weight in enumerate(_window())]
    return torch.stack(shifted).sum(0).to(device, dtype)
