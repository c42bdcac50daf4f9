"""Noise of the sensor and of its read-out. Parameters at none / low / mid / high; sources: ImageNet-C, R-Bench.

Noise is drawn as 16-bit uniforms that index tables of quantiles: exact to 1/65536 in probability (shot noise to
1/16384), faster than drawing from the distribution, and noise grows with severity instead of being drawn anew.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions.base import Corruption, Float, Geometry, Rng, knots, unit
from ru1_app.images import Image8

_DRAWS = 1 << 16
_COUNT_DRAWS = 1 << 14  # of counts, so that the tables of all 256 levels stay near the processor
_EXACT_PHOTONS = 1000  # above, a Poisson count is taken as a normal one, corrected for its skewness


def gaussian_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Read-out noise: sigma 0 / .07 / .15 / .30 of the full range."""
    noise = _levels(knots(severity, (0, 0.07, 0.15, 0.30)))[_uniform(rng, image.shape)]
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def color_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Noise in the chroma planes Cr and Cb only: sigma 0 / .06 / .13 / .26 of their full range."""
    sigma = knots(severity, (0, 0.06, 0.13, 0.26))
    red, blue = (_uniform(rng, image.shape[:2]) for _ in range(2))
    green = _levels(-0.714 * sigma)[red] + _levels(-0.344 * sigma)[blue]
    noise = np.dstack([_levels(1.403 * sigma)[red], green, _levels(1.773 * sigma)[blue]])
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def impulse_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Salt and pepper: a share 0 / .03 / .09 / .27 of all values becomes 0 or 255."""
    each = round(knots(severity, (0, 0.03, 0.09, 0.27)) / 2 * _DRAWS)
    field = _uniform(rng, image.shape)
    salt = (field >= _DRAWS - each).view(np.uint8) * np.uint8(255)
    return np.asarray(image * (field >= each) | salt, np.uint8)


def speckle_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Gain noise, proportional to the signal: sigma 0 / .15 / .35 / .60."""
    gain = (1 + knots(severity, (0, 0.15, 0.35, 0.60)) * _normal()).astype(np.float32)
    return np.asarray(cv2.multiply(image, gain[_uniform(rng, image.shape)], dtype=cv2.CV_8U), np.uint8)


def shot_noise(image: Image8, severity: float, rng: Rng) -> Image8:
    """Photon counting: Poisson with 1/sqrt(lambda) 0 / .129 / .289 / .577 at full brightness."""
    photons = knots(severity, (0, 0.129, 0.289, 0.577)) ** -2
    draws = _uniform(rng, image.shape)
    if photons <= _EXACT_PHOTONS:
        return np.asarray(_poisson_levels(photons)[image.astype(np.int32) * _COUNT_DRAWS + (draws >> 2)], np.uint8)
    z, spread = _normal(), np.sqrt(np.arange(256) * (255 / photons)).astype(np.float32)
    skew = ((z * z - 1) * (255 / 6 / photons)).astype(np.float32)
    return np.asarray(cv2.add(image, spread[image] * z[draws] + skew[draws], dtype=cv2.CV_8U), np.uint8)


def row_jitter(image: Image8, severity: float, rng: Rng) -> Image8:
    """Sync errors: each row is shifted by a normal amount of sigma 0 / 1.2 / 3.5 / 9 at 512 pixels."""
    height, width = image.shape[:2]
    sigma = np.float32(knots(severity, (0, 1.2, 3.5, 9)) * unit(image))
    shifts = sigma * _normal()[_uniform(rng, (height, 1))]
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width)).copy()
    shifted = cv2.remap(
        image, np.arange(width, dtype=np.float32) + shifts, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(shifted, np.uint8)


def _uniform(rng: Rng, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    return rng.integers(0, _DRAWS, shape, dtype=np.uint16)


@cache
def _normal() -> Float:
    """The standard normal's quantiles at (i + 1/2) / 65536; not to be written to."""
    z = np.linspace(-5, 5, 20001)
    density = np.exp(-z * z / 2)
    below = np.cumsum(density) - density / 2
    quantiles = np.interp((np.arange(_DRAWS) + 0.5) / _DRAWS, below / below[-1], z).astype(np.float32)
    quantiles.setflags(write=False)
    return quantiles


def _levels(sigma: float) -> NDArray[np.int16]:
    """Quantiles of normal noise of `sigma` of the full range, in levels of 255."""
    return np.asarray(np.rint(_normal() * np.float32(255 * sigma)), np.int16)


def _poisson_levels(photons: float) -> Image8:
    """Quantiles of the level seen for each true level, flat [256 * 16384]; white is `photons` counts."""
    counts = np.arange(int(photons + 8 * photons**0.5) + 12)
    log_factorial = np.cumsum(np.log(np.maximum(counts, 1)))
    mean = np.maximum(np.arange(256) / 255 * photons, 1e-30)[:, None]
    below = np.cumsum(np.exp(counts * np.log(mean) - mean - log_factorial), axis=1)
    ends = np.rint(below * _COUNT_DRAWS).astype(np.int64)
    ends[:, -1] = _COUNT_DRAWS
    seen = np.minimum(counts * (255 / photons) + 0.5, 255).astype(np.uint8)
    return np.repeat(np.tile(seen, 256), np.diff(ends, axis=1, prepend=0).ravel())


ENTRIES = {
    "gaussian_noise": Corruption("Gaussian noise", "sensor", "read-out noise", gaussian_noise),
    "color_noise": Corruption("Chroma noise", "sensor", "noise in the colour, not in the brightness", color_noise),
    "impulse_noise": Corruption("Salt & pepper", "sensor", "dead and hot pixels", impulse_noise),
    "speckle_noise": Corruption("Speckle noise", "sensor", "gain noise, proportional to the signal", speckle_noise),
    "shot_noise": Corruption("Shot noise", "sensor", "photon counting", shot_noise),
    "row_jitter": Corruption(
        "Line jitter", "sensor", "sync errors shift single rows", row_jitter, geometry=Geometry.SHIFTED
    ),
}
