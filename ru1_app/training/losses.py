"""Losses of supervised recovery. Images [B, 3, H, W] in [0, 1]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ru1_app.scoring.ssim_torch import ssim_batch


def charbonnier(a: Tensor, b: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt((a - b)^2 + epsilon^2), a smooth L1."""
    return ((a - b).square() + epsilon**2).sqrt().mean()


def log_error(a: Tensor, b: Tensor, epsilon: float = 1e-4) -> Tensor:
    """Mean over the images of ln(RMSE), which falls as the mean PSNR rises (NAFNet's PSNRLoss, arXiv 2204.04676).

    `epsilon` is added to the mean squared error: what is better than 40 dB already pulls no harder.
    """
    return 0.5 * torch.log((a - b).square().mean((1, 2, 3)) + epsilon).mean()


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM in [-1, 1], the reward's definition; differentiable."""
    return ssim_batch(a, b).mean()


def scale_nll(log_scale: Tensor, error: Tensor) -> Tensor:
    """Laplace negative log-likelihood of the mean |error| per cell under the predicted scale.

    `error` [B, 3, H, W] is detached: the scale learns from the error, the recovery not from the scale.
    """
    cells = F.avg_pool2d(error.detach().abs().mean(1, keepdim=True), 4)
    return (log_scale + cells * torch.exp(-log_scale)).mean()
