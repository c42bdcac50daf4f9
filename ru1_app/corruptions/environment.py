"""What happens before the lens: motion, light, weather, things in the way. Lengths are for 512 pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ru1_app.corruptions.base import (
    Corruption,
    Float,
    Geometry,
    Mask,
    Rng,
    fractal,
    knots,
    lut,
    mixed,
    to_float,
    to_u8,
    unit,
)
from ru1_app.corruptions.psf import filter_psf, line_psf
from ru1_app.corruptions.warp import wobbled
from ru1_app.images import Image8

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)
ICE = (222.0, 236.0, 250.0)


def motion_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Straight path during the exposure: length 1 / 11 / 25 / 51, any angle."""
    angle = rng.uniform(0, math.pi)
    return filter_psf(image, line_psf(knots(severity, (1, 11, 25, 51)) * unit(image), angle))


def bright_light(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too much light: exposure 0 / .7 / 1.4 / 2.2 EV in linear light, bloom of .12 at high, sigma 8."""
    gain = 2.0 ** knots(severity, (0, 0.7, 1.4, 2.2))
    lit = lut(image, (_LEVELS**2.2 * np.float32(gain)) ** np.float32(1 / 2.2))
    return np.asarray(cv2.addWeighted(lit, 1, _soft(lit, 8 * unit(image)), 0.12 * severity, 0), np.uint8)


def low_light(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too few photons: exposure 0 / -1.5 / -3 / -4.5 EV in linear light, read noise 0 / .008 / .015 / .025."""
    gain = 2.0 ** knots(severity, (0, -1.5, -3, -4.5))
    sigma = np.float32(knots(severity, (0, 0.008, 0.015, 0.025)))
    dark = (_LEVELS**2.2 * np.float32(gain)) ** np.float32(1 / 2.2)
    return to_u8(dark[image] + rng.standard_normal(image.shape, dtype=np.float32) * sigma)


def occlusion(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Something opaque in the way covers 0 / .08 / .20 / .40 of the image; its edge is soft over 3 pixels."""
    height, width = image.shape[:2]
    color = rng.uniform(15, 110, 3)
    field = fractal(rng, height, width, 2.2, octaves=4)
    cut = float(np.quantile(field, 1 - knots(severity, (0, 0.08, 0.20, 0.40))))
    share = cv2.GaussianBlur((field > cut).astype(np.float32), (0, 0), max(3 * unit(image), 0.3))
    return mixed(image, color, share), share > 1e-4


def fog(image: Image8, severity: float, rng: Rng) -> Image8:
    """Scattering veil of uneven density, ImageNet-C's form (x + c p) m / (m + c): c 0 / .8 / 1.7 / 3."""
    amount = np.float32(knots(severity, (0, 0.8, 1.7, 3)))
    veil = fractal(rng, image.shape[0], image.shape[1], 1.7)[..., None]
    x = to_float(image)
    peak = max(float(x.max()), 1e-6)
    return to_u8((x + amount * veil) * (peak / (peak + amount)))


def snow(image: Image8, severity: float, rng: Rng) -> Image8:
    """Flakes near and far: density 0 / .010 / .025 / .05, streak 1 / 7 / 11 / 17; white veil 0 / .10 / .22 / .36."""
    height, width = image.shape[:2]
    density = knots(severity, (0, 0.010, 0.025, 0.05))
    streak = line_psf(knots(severity, (1, 7, 11, 17)) * unit(image), rng.uniform(0.35, 0.65) * math.pi)
    near, far = (
        _flakes(layer, height, width, cells, density, streak)
        for layer, cells in zip(rng.spawn(2), (150, 320), strict=True)
    )
    veil = np.float32(knots(severity, (0, 0.10, 0.22, 0.36)))
    share = 1 - (1 - veil) * (1 - np.maximum(near, far * np.float32(0.8)) * np.float32(0.75))
    return mixed(image, (238.0, 242.0, 250.0), share)


def rain(image: Image8, severity: float, rng: Rng) -> Image8:
    """Thin bright streaks and some dimming: density 0 / .002 / .005 / .011, streak 1 / 15 / 25 / 41."""
    height, width = image.shape[:2]
    length = knots(severity, (1, 15, 25, 41)) * unit(image)
    angle = rng.uniform(0.42, 0.58) * math.pi
    density = knots(severity, (0, 0.002, 0.005, 0.011))
    drops = _flakes(rng, height, width, 512, density, line_psf(length, angle)) * np.float32(2)
    dimmed = cv2.convertScaleAbs(image, alpha=1 - 0.15 * severity)
    return mixed(np.asarray(dimmed, np.uint8), (215.0, 222.0, 232.0), np.minimum(drops, 1))


def frost(image: Image8, severity: float, rng: Rng) -> Image8:
    """Ice crystals on the glass, thicker toward the border, drawn from ridged noise: opacity 0 / .45 / .75 / 1."""
    height, width = image.shape[:2]
    ridges = 1 - np.abs(2 * fractal(rng, height, width, 1.35) - 1)
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width))
    border = np.maximum(np.abs(y)[:, None], np.abs(x)[None])
    ice = np.clip(ridges**4 * np.float32(0.75) + ridges * border**2 * np.float32(0.55), 0, 1)
    return mixed(image, ICE, ice * np.float32(knots(severity, (0, 0.45, 0.75, 1))))


def turbulence(image: Image8, severity: float, rng: Rng) -> Image8:
    """Heat haze: refraction by .6 of 0 / 2 / 4.5 / 9 pixels rms, smooth over sigma 10; blur 0 / .4 / .8 / 1.4."""
    warped = wobbled(image, rng, knots(severity, (0, 2, 4.5, 9)) * 0.6 * unit(image), 10 * unit(image))
    sigma = knots(severity, (0, 0.4, 0.8, 1.4)) * unit(image)
    return np.asarray(cv2.GaussianBlur(warped, (0, 0), max(sigma, 1e-3)), np.uint8)


def _flakes(rng: Rng, height: int, width: int, cells: int, density: float, streak: Float) -> Float:
    """Specks [H, W] in [0, 1] on a grid of `cells` along the shorter side, drawn out along `streak`."""
    scale = cells / min(height, width)
    rows, columns = (max(round(n * scale), 1) for n in (height, width))
    grid = rng.random((rows, columns), dtype=np.float32)
    specks = (grid < density).astype(np.float32)
    full = cv2.resize(specks, (width, height), interpolation=cv2.INTER_LINEAR if scale < 1 else cv2.INTER_AREA)
    kernel = streak / np.float32(max(math.sqrt(float(streak.sum())), 1e-6))  # long streaks are fainter
    flakes: Float = np.clip(cv2.filter2D(full, -1, kernel, borderType=cv2.BORDER_REFLECT_101), 0, 1)
    return flakes


def _soft(image: Image8, sigma: float) -> Image8:
    """A wide blur, computed at a quarter of the size where that changes nothing to be seen."""
    height, width = image.shape[:2]
    if sigma < 4:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 1e-3)), np.uint8)
    small = cv2.resize(image, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


ENTRIES = {
    "motion_blur": Corruption("Motion blur", "environment", "camera or object moves during exposure", motion_blur),
    "bright_light": Corruption("Bright light", "environment", "too much light, highlights clip", bright_light),
    "low_light": Corruption("Low light", "environment", "too few photons, dark and noisy", low_light),
    "occlusion": Corruption("Occlusion", "environment", "something opaque in front of the scene", local=occlusion),
    "fog": Corruption("Fog", "environment", "a scattering veil of uneven density", fog),
    "snow": Corruption("Snow", "environment", "falling flakes and a white veil", snow),
    "rain": Corruption("Rain", "environment", "thin bright streaks in dimmer light", rain),
    "frost": Corruption("Frost", "environment", "ice crystals on the glass", frost),
    "turbulence": Corruption(
        "Heat haze", "environment", "warm air refracts and wobbles", turbulence, geometry=Geometry.SHIFTED
    ),
}
