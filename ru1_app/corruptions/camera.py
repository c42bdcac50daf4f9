"""What the lens does, and what is on it. Lengths are for 512 pixels."""

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
    mixed,
    unit,
)
from ru1_app.corruptions.psf import disk_psf, filter_psf, path_psf
from ru1_app.images import Image8

BLOBS, SMUDGES = 120, 10  # drawn at most; severity shows a prefix of them
ZOOMS = 5  # doublings: 32 zooms are averaged


def defocus_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Circle of confusion: radius .3 / 4 / 9 / 18."""
    return filter_psf(image, disk_psf(knots(severity, (0.3, 4, 9, 18)) * unit(image)))


def lens_distortion(image: Image8, severity: float, rng: Rng) -> Image8:
    """Barrel or pincushion: r (1 + k r^2) with k 0 / .08 / .18 / .35 of either sign, r 1 at the corner."""
    height, width = image.shape[:2]
    k = np.float32(knots(severity, (0, 0.08, 0.18, 0.35)) * (1 if rng.random() < 0.5 else -1))
    x, y = (np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in (width, height))
    far = np.float32(max(math.hypot((width - 1) / 2, (height - 1) / 2), 1.0))
    stretch = 1 + k * ((x[None] / far) ** 2 + (y[:, None] / far) ** 2)
    map_x = x[None] * stretch + np.float32((width - 1) / 2)
    map_y = y[:, None] * stretch + np.float32((height - 1) / 2)
    return np.asarray(cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)


def lens_dirt(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Smudges and specks out of focus on the front lens: opacity 0 / .55 / .75 / .92, specks 0 / 25 / 60 / 120."""
    height, width = image.shape[:2]
    places = rng.random((SMUDGES + BLOBS, 2))
    sizes, turns = rng.uniform(0.5, 1.0, (SMUDGES + BLOBS, 2)), rng.uniform(0, 180, SMUDGES + BLOBS)
    shown = knots(severity, (0, 25, 60, BLOBS)) / BLOBS
    share = np.zeros(_quarter(height, width), np.float32)
    scale = share.shape[0] / height * unit(image)
    for k in range(SMUDGES + BLOBS):
        smudge = k < SMUDGES
        number, count = (k, SMUDGES) if smudge else (k - SMUDGES, BLOBS)
        ripe = min(max(shown * count - number, 0.0), 1.0)  # the next one fades in
        if ripe > 0:
            radii = sizes[k] * ((95, 50) if smudge else (10, 10)) * scale
            _ellipse(share, places[k], radii, turns[k], 0.75 * ripe if smudge else ripe)
    share = cv2.GaussianBlur(share, (0, 0), max(3.5 * scale, 0.3))
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    share *= np.float32(knots(severity, (0, 0.55, 0.75, 0.92)))
    veil = cv2.GaussianBlur(_small(image), (0, 0), max(12 * scale, 0.3)) * np.float32(0.45) + np.float32(18)
    return mixed(image, cv2.resize(veil, (width, height), interpolation=cv2.INTER_LINEAR), share), share > 1e-4


def lens_shake(image: Image8, severity: float, rng: Rng) -> Image8:
    """Hand tremor: a curved path of extent 1 / 13 / 29 / 59."""
    turns = np.cumsum(rng.normal(0, 0.35, 64)) + rng.uniform(0, 2 * math.pi)
    path = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
    path = (path - (path.max(0) + path.min(0)) / 2) / max(float(np.ptp(path, axis=0).max()), 1e-6)
    return filter_psf(image, path_psf(path * max(knots(severity, (1, 13, 29, 59)) * unit(image) - 1, 0)))


def lens_flare(image: Image8, severity: float, rng: Rng) -> Image8:
    """Stray light: a glow, rays and a row of ghosts through the centre, screened: strength 0 / .35 / .65 / 1."""
    height, width = image.shape[:2]
    along = rng.uniform(0, 2 * math.pi)
    sun = 0.5 + 0.46 * np.array([math.cos(along), math.sin(along)])  # toward the border
    places, sizes = np.sort(rng.uniform(0.3, 1.9, 6)), rng.uniform(10, 42, 6)
    tints = rng.uniform(0.3, 1.0, (6, 3))
    rows, columns = _quarter(height, width)
    y, x = (np.linspace(0, 1, n, dtype=np.float32) for n in (rows, columns))
    short = min(height, width)
    distance = np.hypot((x[None] - sun[0]) * width, (y[:, None] - sun[1]) * height) / short
    glow = np.exp(-distance / 0.14) + 0.35 * np.exp(-((distance / 0.45) ** 2))
    light = (glow[..., None] * np.array([1.0, 0.95, 0.82])).astype(np.float32)
    scale = rows / height * unit(image)
    for place, size, tint in zip(places, sizes, tints, strict=True):
        at = sun + (0.5 - sun) * place * 1.1
        ghost = np.zeros((rows, columns), np.float32)
        _ellipse(ghost, at, np.array([size, size]) * scale, 0.0, 0.28)
        light += ghost[..., None] * tint.astype(np.float32)
    light = cv2.resize(cv2.GaussianBlur(light, (0, 0), max(2 * scale, 0.3)), (width, height))
    share = np.clip(light * np.float32(knots(severity, (0, 0.35, 0.65, 1))), 0, 1)
    return np.asarray(image + (255 - image) * share + np.float32(0.5), np.uint8)


def spatter(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Drops of water or mud: area 0 / .06 / .14 / .28, opacity 0 / .6 / .8 / .95."""
    height, width = image.shape[:2]
    mud = rng.random() < 0.5
    field = fractal(rng, height, width, 0.95, octaves=6)
    field = cv2.GaussianBlur(field, (0, 0), max(2.5 * unit(image), 0.3))
    cut = float(np.quantile(field, 1 - knots(severity, (0, 0.06, 0.14, 0.28))))
    edge = np.float32(max(float(field.max()) * 0.02, 1e-6))
    share = np.clip((field - cut) / edge, 0, 1) * np.float32(knots(severity, (0, 0.6, 0.8, 0.95)))
    if mud:
        return mixed(image, (72.0, 50.0, 28.0), share), share > 0
    shade = np.clip(0.75 + (np.roll(field, 2, axis=0) - field) * 18, 0.45, 1.15).astype(np.float32)
    color = np.minimum(shade[..., None] * np.array([196, 214, 226], np.float32), 255)
    return mixed(image, color, share), share > 0


def zoom_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """The focal length changes during the exposure: mean of zooms from 1 to 1 + 0 / .06 / .15 / .30.

    Averaging with a zoom by a factor, then by its square, and so on gives all 2^n zooms with n warps.
    """
    height, width = image.shape[:2]
    step = (1 + knots(severity, (0, 0.06, 0.15, 0.30))) ** (1 / (2**ZOOMS - 1))
    total = image.astype(np.float32)
    for k in range(ZOOMS):
        factor = step ** (2**k)
        about = np.array([[factor, 0, (1 - factor) * (width - 1) / 2], [0, factor, (1 - factor) * (height - 1) / 2]])
        zoomed = cv2.warpAffine(total, about, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        total = (total + zoomed) * np.float32(0.5)
    return np.asarray(total + np.float32(0.5), np.uint8)


def glass_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Frosted glass: each pixel comes from up to 0 / 2 / 4.5 / 9 pixels away, between blurs of 0 / .8 / 1.2 / 1.8."""
    height, width = image.shape[:2]
    reach = np.float32(knots(severity, (0, 2, 4.5, 9)) * unit(image))
    sigma = max(knots(severity, (0, 0.8, 1.2, 1.8)) * unit(image), 1e-3)
    x, y = rng.random((2, height, width), dtype=np.float32) * (2 * reach) - reach
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    soft = cv2.GaussianBlur(image, (0, 0), sigma)
    moved = cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), np.uint8)


def _quarter(height: int, width: int) -> tuple[int, int]:
    return max(height // 4, 1), max(width // 4, 1)


def _small(image: Image8) -> Float:
    rows, columns = _quarter(*image.shape[:2])
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _ellipse(share: Float, at: Float, radii: Float, angle: float, value: float) -> None:
    """Raise `share` [h, w] to `value` within an antialiased ellipse; `at` is (x, y) in fractions, radii in pixels."""
    drawn = np.zeros_like(share)
    height, width = share.shape
    center = (round(float(at[0]) * width * 16), round(float(at[1]) * height * 16))
    axes = (max(round(float(radii[0]) * 16), 1), max(round(float(radii[1]) * 16), 1))
    cv2.ellipse(drawn, center, axes, angle, 0, 360, value, -1, cv2.LINE_8, 4)
    np.maximum(share, drawn, out=share)


ENTRIES = {
    "defocus_blur": Corruption("Defocus blur", "camera", "the lens is out of focus", defocus_blur),
    "lens_distortion": Corruption(
        "Lens distortion", "camera", "barrel or pincushion", lens_distortion, geometry=Geometry.MOVED
    ),
    "lens_dirt": Corruption("Dirty lens", "camera", "smudges and specks on the front lens", local=lens_dirt),
    "lens_shake": Corruption("Lens shake", "camera", "hand tremor draws a curved path", lens_shake),
    "lens_flare": Corruption("Lens flare", "camera", "stray light: glow and ghosts", lens_flare),
    "spatter": Corruption("Spatter", "camera", "drops of water or mud on the lens", local=spatter),
    "zoom_blur": Corruption(
        "Zoom blur", "camera", "the focal length changes during the exposure", zoom_blur, geometry=Geometry.SHIFTED
    ),
    "glass_blur": Corruption(
        "Frosted glass", "camera", "random local refraction", glass_blur, geometry=Geometry.SHIFTED
    ),
}
