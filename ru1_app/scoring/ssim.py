"""SSIM as the RL reward of Robust-U1 defines it (`pytorch_msssim.ssim`, win_size 11, data_range 1).

Wang et al. 2004, eq. 13: Gaussian window of 11 pixels with sigma 1.5, biased covariance, K = (.01, .03),
no padding, mean over space and then over RGB. Equal to scikit-image with `gaussian_weights=True,
sigma=1.5, use_sample_covariance=False, data_range=255` to 1e-5, and about four times faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.domain import Score
from ru1_app.images import Image8
from ru1_app.scoring.base import Pair, ScorerSpec, mismatch

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def ssim_map(a: Image8, b: Image8) -> NDArray[np.float32]:
    """SSIM per pixel and channel, [H - 10, W - 10, 3] float32 in [-1, 1]; both sides at least 11."""
    x, y = (image.astype(np.float32) / np.float32(255) for image in (a, b))
    mean_x, mean_y = _blur(x), _blur(y)
    variances = _blur(x * x) - mean_x**2 + _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    result: NDArray[np.float32] = luminance * (2 * covariance + C2) / (variances + C2)
    return result


def ssim(a: Image8, b: Image8) -> float:
    """Mean SSIM of two RGB uint8 images of one size, in [-1, 1]; 1 = identical."""
    return float(ssim_map(a, b).mean(dtype=np.float64))


def _blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
    half = WINDOW // 2
    return np.asarray(cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA)[half:-half, half:-half], np.float32)


class SsimScorer:
    """Structural similarity; the structure reward of stage II."""

    spec = ScorerSpec(
        name="ssim",
        label="SSIM",
        version="1",
        low=-1.0,
        high=1.0,
        higher_is_better=True,
        unit="",
        definition="Structural similarity in windows of 11 pixels (Gaussian, σ 1.5), mean over RGB. 1 = identical.",
        blind_to="Hue, and what a thing means. A shift by one pixel costs as much as strong damage.",
    )

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One score per pair; sides below 11 pixels and unequal sizes have none."""
        return [self._one(pair) for pair in pairs]

    def _one(self, pair: Pair) -> Score:
        reason = mismatch(pair)
        if reason is None and min(pair.image.shape[:2]) < WINDOW:
            reason = f"a side is shorter than SSIM's window of {WINDOW} pixels"
        value = None if reason else ssim(pair.image, pair.other)
        return Score(self.spec.name, self.spec.version, value, reason)
