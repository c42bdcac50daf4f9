"""What the lens does, and what is on it. Lengths are for 512 pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions.base import Corruption, Float, Geometry, Mask, Rng, fractal, knots, unit
from ru1_app.corruptions.fields import blend, displace, plain, plane_size, screen, soften, stretch
from ru1_app.corruptions.psf import disk_psf, filter_psf, path_psf
from ru1_app.images import Image8


def defocus_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Circle of confusion: radius .3 / 4 / 9 / 18."""
    return filter_psf(image, disk_psf(knots(severity, (0.3, 4, 9, 18)) * unit(image)))


def lens_distortion(image: Image8, severity: float, rng: Rng) -> Image8:
    """Barrel or pincushion: the radius r, 1 in the corners, is off by k r^3, k 0 / .08 / .18 / .35; no edge shows."""
    k = np.float32(knots(severity, (0, 0.08, 0.18, 0.35)))
    height, width = image.shape[:2]
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    y, x = y - y.mean(), x - x.mean()
    corner = max(float(y[-1, 0]) ** 2 + float(x[-1]) ** 2, 1.0)
    bend = (y * y + x * x) * (k / np.float32(corner))
    off = (bend - k) / (1 + k) if rng.random() < 0.5 else -bend / (1 + bend)
    return displace(image, x * off, y * off)


def lens_dirt(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Smudges on the front element, far out of focus: 0 / 25 / 60 / 120 of opacity 0 / .55 / .75 / .92."""
    size = plane_size(image, 2)
    short, spots = min(size) / 256, np.zeros(size, np.uint8)
    count = knots(severity, (0, 25, 60, 120))
    place, axes, turn, depth = (rng.random(shape) for shape in ((120, 2), (120, 2), 120, 120))
    place, axes = place[:, ::-1] * size[::-1], (2.5 + 24 * axes**3) * short
    level = np.clip(count - np.arange(120), 0, 1) * (0.5 + 0.5 * depth) * 255
    for i in np.argsort(level):
        box = tuple(place[i]), tuple(2 * axes[i]), float(turn[i] * 180)
        cv2.ellipse(spots, box, int(level[i]), cv2.FILLED)
    alpha = stretch(soften(spots, 2 * short), image)
    opacity = np.float32(knots(severity, (0, 0.55, 0.75, 0.92)) / 255)
    haze = cv2.resize(image, plane_size(image, 16)[::-1], interpolation=cv2.INTER_AREA)
    dirt = stretch(cv2.addWeighted(haze, 0.45, plain(haze, (62, 54, 44)), 0.55, 0), image)
    return blend(image, dirt, alpha * opacity), alpha > 0


def lens_shake(image: Image8, severity: float, rng: Rng) -> Image8:
    """A trembling hand: a curved path of extent 1 / 13 / 29 / 59."""
    push = rng.standard_normal((64, 2))
    speed = np.stack([0.85 ** np.arange(k, -1, -1) @ push[: k + 1] for k in range(64)])
    path = np.cumsum(speed, axis=0)
    path = (path - path.mean(axis=0)) / max(float(np.ptp(path, axis=0).max()), 1e-6)
    extent = max(knots(severity, (1, 13, 29, 59)) * unit(image) - 1, 0)
    return filter_psf(image, path_psf(path * extent))


def lens_flare(image: Image8, severity: float, rng: Rng) -> Image8:
    """Stray light: the glow of a lamp and its ghosts on the line through the centre: strength 0 / .35 / .65 / 1."""
    size = height, width = plane_size(image, 2)
    short, middle = min(size), np.array((width, height)) / 2
    lamp = rng.uniform((0.1, 0.05), (0.9, 0.35)) * (width, height)
    ghosts = zip(rng.uniform(-1.5, 0.7, 8), rng.uniform(0.02, 0.12, 8), rng.uniform(10, 80, (8, 3)), strict=True)
    light = np.zeros((*size, 3), np.uint8)
    for along, radius, tint in ghosts:
        ghost, at = np.zeros_like(light), middle + (lamp - middle) * along
        cv2.circle(ghost, np.rint(at * 16).astype(int), round(radius * short * 16), tint, cv2.FILLED, cv2.LINE_AA, 4)
        cv2.add(light, ghost, dst=light)
    glow = _glow(size, lamp, rng.uniform(0, math.pi))
    glow = cv2.merge([cv2.convertScaleAbs(glow, alpha=tint) for tint in (255, 238, 205)])
    light = cv2.add(soften(light, 0.004 * short), glow)
    return screen(image, stretch(cv2.convertScaleAbs(light, alpha=knots(severity, (0, 0.35, 0.65, 1))), image))


def _glow(size: tuple[int, int], lamp: NDArray[np.float64], turn: float) -> Float:
    """A lamp on a plane [H, W]: core, halo and six rays, 1 at its (x, y)."""
    y = (np.arange(size[0], dtype=np.float32)[:, None] - np.float32(lamp[1])) / np.float32(min(size))
    x = (np.arange(size[1], dtype=np.float32) - np.float32(lamp[0])) / np.float32(min(size))
    r = np.sqrt(y * y + x * x)
    rays = np.abs(np.cos(3 * np.arctan2(y, x) + np.float32(turn))) ** 24
    halo = np.exp(r * np.float32(-3.5)) * (np.float32(0.7) + np.float32(0.45) * rays)
    return np.asarray(np.exp(-((r / np.float32(0.07)) ** 2)) + halo, np.float32)


def spatter(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Drops of water or mud: they cover 0 / .06 / .14 / .28 of the lens with opacity 0 / .6 / .8 / .95."""
    muddy = rng.random() < 0.5
    height, right, down = _drops(rng, image)
    share, opacity = knots(severity, (0, 0.06, 0.14, 0.28)), knots(severity, (0, 0.6, 0.8, 0.95))
    cover = stretch(height, image, cv2.INTER_CUBIC) >= np.quantile(height, 1 - share)
    alpha = soften(cover.astype(np.uint8) * np.uint8(255), 1.2 * unit(image))
    depth = np.float32(38 * unit(image))
    if muddy:
        under = plain(image, (84, 62, 40))
    else:
        under = displace(image, stretch(right * depth, image), stretch(down * depth, image))
    glint = np.exp(-20 * ((right - 0.3) ** 2 + (down - 0.35) ** 2)) * (90 if muddy else 190)
    for change, light in ((cv2.add, glint - 50 * down), (cv2.subtract, 50 * down - glint)):
        under = change(under, cv2.merge([stretch(np.clip(light, 0, 255).astype(np.uint8), image)] * 3))
    return blend(image, under, alpha * np.float32(opacity / 255)), alpha > 0


def _drops(rng: Rng, image: Image8) -> tuple[Float, Float, Float]:
    """A plane [H, W] of drops, one in 44 x 44 pixels: their height, and the ways to their middle in radii."""
    size = plane_size(image, 4)
    cell = 44 * unit(image) * size[0] / image.shape[0]
    y, x = np.indices(size, np.float32) / np.float32(cell)
    row, column = y.astype(int), x.astype(int)
    top, left, radius, rise = rng.random((4, row.max() + 3, column.max() + 3), dtype=np.float32)
    top += np.arange(-1, len(top) - 1, dtype=np.float32)[:, None]
    left += np.arange(-1, left.shape[1] - 1, dtype=np.float32)
    radius = np.float32(0.12) + np.float32(0.6) * radius**3
    for plane, part in zip((y, x), rng.spawn(2), strict=True):
        plane += (fractal(part, *size, 1.2, 6) - np.float32(0.5)) * np.float32(0.5)
    height, right, down = np.full(size, -np.inf, np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32)
    for i, j in np.ndindex(3, 3):
        at = row + i, column + j
        own_right, own_down = (left[at] - x) / radius[at], (top[at] - y) / radius[at]
        own = rise[at] - own_right**2 - own_down**2
        wins = own > height
        for plane, part in ((height, own), (right, own_right), (down, own_down)):
            np.copyto(plane, part, where=wins)
    return height, soften(right, 0.6), soften(down, 0.6)


def zoom_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """The focal length grows by 0 / 6 / 15 / 30 % during the exposure."""
    height, width = image.shape[:2]
    zoom = 1 + knots(severity, (0, 0.06, 0.15, 0.30))
    steps = max(math.ceil(math.log2(math.hypot(height, width) / 2 * (zoom - 1) / 2.5 + 1)), 1)
    out = image
    for k in range(steps):
        ratio = zoom ** -(2**k / (2**steps - 1))
        shrink = np.array([[ratio, 0, (1 - ratio) * (width - 1) / 2], [0, ratio, (1 - ratio) * (height - 1) / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        nearer = cv2.warpAffine(out, shrink, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        out = cv2.addWeighted(out, 0.5, nearer, 0.5, 0)
    return np.asarray(out, np.uint8)


def glass_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Frosted glass: every grain refracts up to 0 / 2 / 4.5 / 9 pixels, then sigma 0 / .8 / 1.2 / 1.8."""
    reach = knots(severity, (0, 2, 4.5, 9)) * unit(image)
    grains = rng.integers(-127, 128, (2, *plane_size(image, 1)), np.int8)
    right, down = (
        stretch(part.astype(np.float32) * np.float32(reach / 127), image, cv2.INTER_NEAREST) for part in grains
    )
    sigma = knots(severity, (0, 0.8, 1.2, 1.8)) * unit(image)
    return soften(displace(image, right, down), sigma)


ENTRIES = {
    "defocus_blur": Corruption("Defocus blur", "camera", "the lens is out of focus", defocus_blur),
    "lens_distortion": Corruption(
        "Lens distortion", "camera", "barrel or pincushion", lens_distortion, geometry=Geometry.MOVED
    ),
    "lens_dirt": Corruption("Dirty lens", "camera", "smudges on the front element, out of focus", local=lens_dirt),
    "lens_shake": Corruption("Lens shake", "camera", "a trembling hand draws a curved path", lens_shake),
    "lens_flare": Corruption("Lens flare", "camera", "stray light: a glow and its ghosts", lens_flare),
    "spatter": Corruption("Spatter", "camera", "drops of water or mud on the lens", local=spatter),
    "zoom_blur": Corruption(
        "Zoom blur", "camera", "the focal length changes during exposure", zoom_blur, geometry=Geometry.SHIFTED
    ),
    "glass_blur": Corruption(
        "Frosted glass", "camera", "every grain of the glass refracts on its own", glass_blur, geometry=Geometry.SHIFTED
    ),
}
