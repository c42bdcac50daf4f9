"""Losses of supervised recovery. Images [B, 3, H, W] in [0, 1]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def charbonnier(a: Tensor, b: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt((a - b)^2 + epsilon^2), a smooth L1."""
    return ((a - b).square() + epsilon**2).sqrt().mean()


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM in [-1, 1] with the reward's window: Gaussian of 11 pixels, sigma 1.5, no padding.

    Differentiable twin of `scoring.ssim` (Wang et al. 2004, eq. 13); a test keeps them together.
    """
    offsets = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    window = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = (window / window.sum()).expand(3, 1, 1, 11)
    count = len(a)
    maps = torch.cat([a, b, a * a, b * b, a * b])
    maps = F.conv2d(F.conv2d(maps, window, groups=3), window.transpose(2, 3), groups=3)
    mean_a, mean_b, square_a, square_b, product = maps.split(count)
    c1, c2 = 0.01**2, 0.03**2
    covariance = product - mean_a * mean_b
    variances = square_a - mean_a.square() + square_b - mean_b.square()
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean()


def scale_nll(log_scale: Tensor, error: Tensor) -> Tensor:
    """Laplace negative log-likelihood of the mean |error| per cell under the predicted scale.

    `error` [B, 3, H, W] is detached: the scale learns from the error, the recovery not from the scale.
    """
    cells = F.avg_pool2d(error.detach().abs().mean(1, keepdim=True), 4)
    return (log_scale + cells * torch.exp(-log_scale)).mean()
