"""What happens before the lens: motion, light, weather, things in the way. Lengths are for 512 pixels."""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions.base import Corruption, Geometry, Mask, Rng, fractal, knots, to_u8, unit
from ru1_app.corruptions.fields import blend, displace, plain, plane_size, screen, soften, stretch, waves
from ru1_app.corruptions.psf import filter_psf, line_psf
from ru1_app.images import Image8

Points: TypeAlias = NDArray[np.float64]

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)
_LINEAR = _LEVELS ** np.float32(2.2)


def motion_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Straight path during the exposure: length 1 / 11 / 25 / 51, any angle."""
    angle = rng.uniform(0, math.pi)
    return filter_psf(image, line_psf(knots(severity, (1, 11, 25, 51)) * unit(image), angle))


def bright_light(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too many photons: exposure 0 / .7 / 1.4 / 2.2 EV in linear light, 0 / .04 / .08 / .12 of it bloom, sigma 8."""
    light = cv2.LUT(image, _LINEAR * np.float32(2.0 ** knots(severity, (0, 0.7, 1.4, 2.2))))
    height, width = plane_size(image, 4)
    small = cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA)
    glow = stretch(soften(small, 8 * unit(image) * height / image.shape[0]), image)
    return to_u8(cv2.pow(cv2.scaleAdd(glow, 0.12 * severity, light), 1 / 2.2))


def low_light(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too few photons: exposure 0 / -1.5 / -3 / -4.5 EV in linear light, read noise 0 / .008 / .015 / .025."""
    gain = 2.0 ** knots(severity, (0, -1.5, -3, -4.5))
    dark = cv2.LUT(image, (_LINEAR * np.float32(gain)) ** np.float32(1 / 2.2))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return to_u8(cv2.scaleAdd(noise, knots(severity, (0, 0.008, 0.015, 0.025)), dark))


def occlusion(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """An opaque thing before the lens: it covers 0 / .08 / .20 / .40 of the image, its edge blurred by sigma 3."""
    height, width = plane_size(image, 4)
    angle, hue = rng.uniform(0, 2 * math.pi), rng.random(3)
    outline, surface = (fractal(part, height, width, 2.1, 5) for part in rng.spawn(2))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    near = outline + np.float32(0.6) * (x * np.float32(math.cos(angle)) + y * np.float32(math.sin(angle)))
    threshold = np.quantile(near, 1 - knots(severity, (0, 0.08, 0.20, 0.40)))
    cover = (stretch(near, image) >= threshold).astype(np.uint8) * np.uint8(255)
    alpha = soften(cover, 3 * unit(image))
    color = (surface[..., None] * 0.6 + 0.4) * (40 + 40 * hue[0] + 20 * (hue - hue.mean()))
    return blend(image, stretch(color.astype(np.uint8), image), alpha * np.float32(1 / 255)), alpha > 0


def fog(image: Image8, severity: float, rng: Rng) -> Image8:
    """Scattering veil of uneven density, ImageNet-C's form (x + c p) m / (m + c): c 0 / .8 / 1.7 / 3."""
    amount = knots(severity, (0, 0.8, 1.7, 3))
    veil = fractal(rng, image.shape[0], image.shape[1], 1.7)
    peak = max(int(image.max()) / 255, 1e-6)
    scale = np.float32(peak / (peak + amount))
    veil *= scale * np.float32(amount)
    return to_u8(cv2.add(cv2.LUT(image, _LEVELS * scale), cv2.merge([veil] * 3)))


def snow(image: Image8, severity: float, rng: Rng) -> Image8:
    """Bright flakes that fall while the shutter is open, in a whitened scene.

    Density 0 / .010 / .025 / .05, streaks 1 / 7 / 11 / 17, white 0 / .10 / .22 / .36. A fifth of the density is drawn
    as far flakes, smaller shares as nearer ones, two and four times as large.
    """
    density, length = knots(severity, (0, 0.010, 0.025, 0.05)), knots(severity, (1, 7, 11, 17))
    angle = rng.uniform(0.25, 0.75) * math.pi
    layers = zip((1, 2, 4), (0.2, 0.08, 0.05), (1.1, 1.2, 1.3), rng.spawn(3), strict=True)
    flakes = np.zeros(image.shape[:2], np.uint8)
    for cell, share, boost, part in layers:
        size = plane_size(image, cell)
        fall = _streaks(part, size, density * share, length * unit(image) * size[0] / image.shape[0], angle)
        cv2.add(flakes, stretch(cv2.convertScaleAbs(soften(fall, 0.8), alpha=boost), image), dst=flakes)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    lit = np.maximum(image, cv2.cvtColor(cv2.convertScaleAbs(gray, alpha=1.0, beta=90), cv2.COLOR_GRAY2RGB))
    white = knots(severity, (0, 0.10, 0.22, 0.36))
    return screen(cv2.addWeighted(image, 1 - white, lit, white, 0), cv2.merge([flakes] * 3))


def rain(image: Image8, severity: float, rng: Rng) -> Image8:
    """Bright thin streaks in a dimmer scene: density 0 / .0014 / .0035 / .0077, length 1 / 15 / 25 / 41.

    Half as many, of twice the size and fainter, are near. The scene loses up to a fifth of its light.
    """
    density, length = knots(severity, (0, 0.0014, 0.0035, 0.0077)), knots(severity, (1, 15, 25, 41))
    angle = rng.uniform(0.4, 0.6) * math.pi
    drops = np.zeros(image.shape[:2], np.uint8)
    for cell, part in zip((1, 2), rng.spawn(2), strict=True):
        size = plane_size(image, cell)
        fall = _streaks(part, size, density / cell, length * unit(image) * size[0] / image.shape[0], angle)
        cv2.add(drops, stretch(cv2.convertScaleAbs(soften(fall, 0.6), alpha=0.6 / cell), image), dst=drops)
    return screen(cv2.convertScaleAbs(image, alpha=1 - 0.2 * severity), cv2.merge([drops] * 3))


def _streaks(rng: Rng, size: tuple[int, int], density: float, length: float, angle: float) -> Image8:
    """A share of pixels of a plane of this size [H, W], each drawn out by `length` pixels; grows with both."""
    field = rng.random(size, dtype=np.float32)
    dots = cv2.convertScaleAbs(np.maximum(np.float32(density) - field, 0), alpha=255 * 3 / max(density, 0.005))
    return _draw_out(dots, length, angle)


def _draw_out(dots: Image8, length: float, angle: float) -> Image8:
    """Every dot of a plane [H, W] becomes a line of its level."""
    reach = np.arange(0, max(length, 1), 0.5)
    rows, columns = (np.rint(reach * part).astype(int) for part in (math.sin(angle), math.cos(angle)))
    columns -= columns.min()
    line = np.zeros((rows.max() + 1, columns.max() + 1), np.uint8)
    line[rows, columns] = 1
    return np.asarray(cv2.dilate(dots, line, anchor=(int(columns[0]), 0)), np.uint8)


def frost(image: Image8, severity: float, rng: Rng) -> Image8:
    """Ice on the glass that grows from its rim: opacity 0 / .45 / .75 / 1."""
    opacity = knots(severity, (0, 0.45, 0.75, 1))
    size = height, width = plane_size(image, 1)
    of_cover, of_grain, of_needles, of_ferns = rng.spawn(4)
    rim = np.maximum(*np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in (width, height))))
    milk = cv2.resize(fractal(of_cover, *plane_size(image, 4), 1.5, 6), (width, height))
    cover = np.clip(1.3 * milk + rim + np.float32(0.55 * opacity - 0.9), 0, 1)
    crystals = cv2.addWeighted(_needles(of_needles, size), 0.8, _ferns(of_ferns, size), 0.8, 0)
    crystals = cv2.add(crystals, soften(of_grain.integers(0, 96, size, np.uint8), 0.7))
    ice = np.clip(cover * (crystals * np.float32(1 / 170) + np.float32(0.22)), 0, 1) * np.float32(opacity)
    return blend(image, plain(image, (232, 242, 250)), stretch(ice, image))


def _needles(rng: Rng, size: tuple[int, int]) -> Image8:
    """Patches of parallel ice needles of 22 pixels on a black plane [H, W]."""
    first, patches = rng.uniform(0, math.pi), rng.standard_normal((9, 9, 5), dtype=np.float32)
    kinds = cv2.resize(patches, (72, 72), interpolation=cv2.INTER_CUBIC).argmax(axis=2).astype(np.uint8)
    kinds = cv2.resize(kinds, size[::-1], interpolation=cv2.INTER_NEAREST)
    seeds = rng.integers(0, 2**16, size, np.uint16)
    dots, out = (seeds % 256).astype(np.uint8) * (seeds < 600), np.zeros(size, np.uint8)
    for k in range(5):
        angle = (first + k * math.pi / 5) % math.pi
        cv2.max(out, _draw_out(dots * (kinds == k), 22 * min(size) / 512, angle), dst=out)
    return soften(out, 0.5)


def _ferns(rng: Rng, size: tuple[int, int]) -> Image8:
    """Ice ferns on a black plane [H, W]: curved stems with curved side branches."""
    short, count = min(size), min(round(20 * sum(size) / min(size)), 200)
    start, angle = rng.random((count, 2)) * size, rng.uniform(0, 2 * math.pi, count)
    stems = _curves(start, angle, short * rng.uniform(0.1, 0.35, count), rng.normal(0, 0.9, count), 32)
    ahead = np.diff(stems, axis=1)
    reach = np.hypot(*ahead[:, 0].T)[:, None] * np.linspace(14, 1, 31) * rng.uniform(0.3, 1, (count, 31))
    heading = np.arctan2(ahead[..., 0], ahead[..., 1])
    plane = np.zeros(size, np.uint8)
    for side in (0.8, -0.8):
        _draw(plane, _curves(stems[:, :-1], heading + side, reach, -side * 0.6, 4), 110)
    _draw(plane, stems, 220)
    return plane


def _curves(start: Points, angle: Points, length: Points, bend: Points | float, nodes: int) -> Points:
    """Points [..., nodes, 2] as (y, x) of curves that set out at an angle and turn by `bend` over their length."""
    heading = angle[..., None] + np.multiply.outer(bend, np.linspace(0, 1, nodes))
    steps = np.stack([np.sin(heading), np.cos(heading)], axis=-1) * (length / (nodes - 1))[..., None, None]
    return start[..., None, :] + np.cumsum(steps, axis=-2)


def _draw(plane: Image8, curves: Points, level: int) -> None:
    points = np.rint(curves[..., ::-1] * 8).astype(np.int32).reshape(-1, curves.shape[-2], 2)
    cv2.polylines(plane, list(points), False, level, 1, cv2.LINE_AA, 3)


def turbulence(image: Image8, severity: float, rng: Rng) -> Image8:
    """Hot air refracts: shifts of 0 / 1.2 / 2.7 / 5.4 pixels rms, waves of 20; blur of sigma 0 / .4 / .8 / 1.4."""
    shift = np.float32(0.6 * knots(severity, (0, 2, 4.5, 9)) * unit(image))
    right, down = (waves(part, image, 20) * shift for part in rng.spawn(2))
    return soften(displace(image, right, down), knots(severity, (0, 0.4, 0.8, 1.4)) * unit(image))


ENTRIES = {
    "motion_blur": Corruption("Motion blur", "environment", "camera or object moves during exposure", motion_blur),
    "bright_light": Corruption(
        "Over-exposure", "environment", "too much light: highlights clip and bloom", bright_light
    ),
    "low_light": Corruption("Low light", "environment", "too few photons, dark and noisy", low_light),
    "occlusion": Corruption("Obstacle", "environment", "an opaque thing in front of the scene", local=occlusion),
    "fog": Corruption("Fog", "environment", "a scattering veil of uneven density", fog),
    "snow": Corruption("Snow", "environment", "bright falling flakes in a whitened scene", snow),
    "rain": Corruption("Rain", "environment", "thin bright streaks in a dimmer scene", rain),
    "frost": Corruption("Frost", "environment", "ice crystals on the glass", frost),
    "turbulence": Corruption(
        "Heat haze", "environment", "hot air refracts, the scene wobbles", turbulence, geometry=Geometry.SHIFTED
    ),
}
