"""What later processing does: filters, tone curves, things drawn over the image. Lengths are for 512 pixels."""

from __future__ import annotations

import cv2
import numpy as np

from ru1_app.corruptions.base import Corruption, Rng, knots, lut, to_float, unit
from ru1_app.images import Image8

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def gaussian_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Over-smoothing: sigma 0 / 2 / 5 / 11."""
    sigma = knots(severity, (0, 2, 5, 11)) * unit(image)
    blurred = cv2.GaussianBlur(image, (0, 0), max(sigma, 1e-3), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.uint8)


def contrast_loss(image: Image8, severity: float, rng: Rng) -> Image8:
    """A flat tone curve about each channel's mean: factor 1 / .5 / .22 / .07."""
    factor = np.float32(knots(severity, (1, 0.5, 0.22, 0.07)))
    means = to_float(image).mean(axis=(0, 1))
    return lut(image, means + (_LEVELS[:, None] - means) * factor)


ENTRIES = {
    "gaussian_blur": Corruption("Gaussian blur", "enhancement", "an over-smoothing filter", gaussian_blur),
    "contrast_loss": Corruption("Contrast loss", "enhancement", "a flat tone curve", contrast_loss),
}
