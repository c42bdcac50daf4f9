"""What happens before the lens: motion, light, weather, things in the way. Lengths are for 512 pixels."""

from __future__ import annotations

import math

import numpy as np

from ru1_app.corruptions.base import Corruption, Rng, fractal, knots, to_float, to_u8, unit
from ru1_app.corruptions.psf import filter_psf, line_psf
from ru1_app.images import Image8

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def motion_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Straight path during the exposure: length 1 / 11 / 25 / 51, any angle."""
    angle = rng.uniform(0, math.pi)
    return filter_psf(image, line_psf(knots(severity, (1, 11, 25, 51)) * unit(image), angle))


def low_light(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too few photons: exposure 0 / -1.5 / -3 / -4.5 EV in linear light, read noise 0 / .008 / .015 / .025."""
    gain = 2.0 ** knots(severity, (0, -1.5, -3, -4.5))
    sigma = np.float32(knots(severity, (0, 0.008, 0.015, 0.025)))
    dark = (_LEVELS**2.2 * np.float32(gain)) ** np.float32(1 / 2.2)
    return to_u8(dark[image] + rng.standard_normal(image.shape, dtype=np.float32) * sigma)


def fog(image: Image8, severity: float, rng: Rng) -> Image8:
    """Scattering veil of uneven density, ImageNet-C's form (x + c p) m / (m + c): c 0 / .8 / 1.7 / 3."""
    amount = np.float32(knots(severity, (0, 0.8, 1.7, 3)))
    veil = fractal(rng, image.shape[0], image.shape[1], 1.7)[..., None]
    x = to_float(image)
    peak = max(float(x.max()), 1e-6)
    return to_u8((x + amount * veil) * (peak / (peak + amount)))


ENTRIES = {
    "motion_blur": Corruption("Motion blur", "environment", "camera or object moves during exposure", motion_blur),
    "low_light": Corruption("Low light", "environment", "too few photons, dark and noisy", low_light),
    "fog": Corruption("Fog", "environment", "a scattering veil of uneven density", fog),
}
