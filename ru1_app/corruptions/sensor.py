"""Noise of the sensor. Parameters at none / low / mid / high; sources: ImageNet-C, R-Bench."""

from __future__ import annotations

import numpy as np

from ru1_app.corruptions.base import Corruption, Rng, knots, to_float, to_u8
from ru1_app.images import Image8


def gaussian_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Read-out noise: sigma 0 / .07 / .15 / .30 of the full range."""
    sigma = np.float32(knots(severity, (0, 0.07, 0.15, 0.30)))
    return to_u8(to_float(image) + rng.standard_normal(image.shape, dtype=np.float32) * sigma)


def shot_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Photon counting: Poisson with 1/sqrt(lambda) 0 / .129 / .289 / .577 at full brightness."""
    photons = knots(severity, (0, 0.129, 0.289, 0.577)) ** -2
    return to_u8(rng.poisson(to_float(image) * photons) / photons)


def impulse_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Salt and pepper: a share 0 / .03 / .09 / .27 of all values becomes 0 or 255."""
    share = knots(severity, (0, 0.03, 0.09, 0.27))
    field = rng.random(image.shape, dtype=np.float32)
    out = image.copy()
    out[field < share / 2] = 0
    out[field > 1 - share / 2] = 255
    return out


ENTRIES = {
    "gaussian_noise": Corruption("Gaussian noise", "sensor", "read-out noise", gaussian_noise),
    "impulse_noise": Corruption("Salt & pepper", "sensor", "dead and hot pixels", impulse_noise),
    "shot_noise": Corruption("Shot noise", "sensor", "photon counting", shot_noise),
}
