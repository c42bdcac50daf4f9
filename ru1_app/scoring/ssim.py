"""SSIM as the RL reward of Robust-U1 defines it (`pytorch_msssim.ssim`, win_size 11, data_range 1).

Wang et al. 2004, eq. 13: Gaussian window of 11 pixels with sigma 1.5, biased covariance, K = (.01, .03),
no padding, mean over space and then over RGB. Equal to scikit-image with `gaussian_weights=True,
sigma=1.5, use_sample_covariance=False, data_range=255` to 1e-5, and about four times faster.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.images import Image8
from ru1_app.scoring.base import Comparison, ScorerSpec

Float: TypeAlias = NDArray[np.float32]
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def ssim(a: Image8, b: Image8) -> float:
    """Mean SSIM of two RGB uint8 images of one size, in [-1, 1]; 1 = identical."""
    luminance, structure = components(as_float(a), as_float(b))
    return float((luminance * structure).mean(dtype=np.float64))


def as_float(image: Image8) -> Float:
    """[0, 255] uint8 to [0, 1] float32."""
    return np.asarray(image, np.float32) / np.float32(255)


def components(x: Float, y: Float) -> tuple[Float, Float]:
    """Luminance and contrast-structure terms [H - 10, W - 10, 3] of two [0, 1] images; SSIM is their product."""
    mean_x, mean_y = _blur(x), _blur(y)
    squares, product = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    variances = _blur(x * x + y * y) - squares
    covariance = _blur(x * y) - product
    luminance = (2 * product + C1) / (squares + C1)
    structure = (2 * covariance + C2) / (variances + C2)
    return np.asarray(luminance, np.float32), np.asarray(structure, np.float32)


def _blur(image: Float) -> Float:
    half = WINDOW // 2
    return np.asarray(cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA)[half:-half, half:-half], np.float32)


SSIM = Comparison(
    ScorerSpec(
        name="ssim",
        label="SSIM",
        version="1",
        low=-1.0,
        high=1.0,
        higher_is_better=True,
        unit="",
        definition="Structural similarity in windows of 11 pixels (Gaussian, σ 1.5), mean over RGB. 1 = identical.",
        blind_to="Hue, and what a thing means. A shift by one pixel costs as much as strong damage.",
    ),
    ssim,
    least=WINDOW,
)
