"""Too little light, too little contrast, and fog."""

from __future__ import annotations

import numpy as np

from ru1_app.corruptions.base import Rng, fractal, knots, lut, to_float, to_u8
from ru1_app.images import Image8

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def low_light(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too few photons: exposure 0 / -1.5 / -3 / -4.5 EV in linear light, read noise 0 / .008 / .015 / .025."""
    gain = 2.0 ** knots(severity, (0, -1.5, -3, -4.5))
    sigma = np.float32(knots(severity, (0, 0.008, 0.015, 0.025)))
    dark = (_LEVELS**2.2 * np.float32(gain)) ** np.float32(1 / 2.2)
    return to_u8(dark[image] + rng.standard_normal(image.shape, dtype=np.float32) * sigma)


def contrast_loss(image: Image8, severity: float, rng: Rng) -> Image8:
    """A flat tone curve about each channel's mean: factor 1 / .5 / .22 / .07."""
    factor = np.float32(knots(severity, (1, 0.5, 0.22, 0.07)))
    means = to_float(image).mean(axis=(0, 1))
    return lut(image, means + (_LEVELS[:, None] - means) * factor)


def fog(image: Image8, severity: float, rng: Rng) -> Image8:
    """Scattering veil of uneven density, ImageNet-C's form (x + c p) m / (m + c): c 0 / .8 / 1.7 / 3."""
    amount = np.float32(knots(severity, (0, 0.8, 1.7, 3)))
    veil = fractal(rng, image.shape[0], image.shape[1], 1.7)[..., None]
    x = to_float(image)
    peak = max(float(x.max()), 1e-6)
    return to_u8((x + amount * veil) * (peak / (peak + amount)))
