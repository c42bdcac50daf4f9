"""What later processing does: filters, tone curves, things drawn over the image. Lengths are for 512 pixels."""

from __future__ import annotations

import cv2
import numpy as np

from ru1_app.corruptions.base import Corruption, Geometry, Rng, knots, lut, unit
from ru1_app.corruptions.overlays import graffiti, watermark
from ru1_app.corruptions.warp import wobbled
from ru1_app.images import Image8

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def gaussian_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Over-smoothing: sigma 0 / 2 / 5 / 11."""
    sigma = knots(severity, (0, 2, 5, 11)) * unit(image)
    blurred = cv2.GaussianBlur(image, (0, 0), max(sigma, 1e-3), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.uint8)


def color_diffusion(image: Image8, severity: float, rng: Rng) -> Image8:
    """Colour bleeds over edges, brightness stays: sigma 0 / 8 / 20 / 48, at a size where it is at most 4."""
    sigma = max(knots(severity, (0, 8, 20, 48)) * unit(image), 1e-3)
    factor = max(sigma / 4, 1)
    height, width = image.shape[:2]
    gray = _gray(image)
    chroma = cv2.subtract(image, gray, dtype=cv2.CV_16S)
    small = max(round(width / factor), 1), max(round(height / factor), 1)
    spread = cv2.GaussianBlur(cv2.resize(chroma, small, interpolation=cv2.INTER_AREA), (0, 0), sigma / factor)
    return np.asarray(cv2.add(gray, cv2.resize(spread, (width, height)), dtype=cv2.CV_8U), np.uint8)


def desaturate(image: Image8, severity: float, rng: Rng) -> Image8:
    """Washed-out colour: 1 / .6 / .25 / 0 of the difference to gray."""
    return _saturated(image, knots(severity, (1, 0.6, 0.25, 0)))


def oversaturate(image: Image8, severity: float, rng: Rng) -> Image8:
    """Garish colour, clipped: 1 / 2 / 3.5 / 7 times the difference to gray."""
    return _saturated(image, knots(severity, (1, 2, 3.5, 7)))


def contrast_loss(image: Image8, severity: float, rng: Rng) -> Image8:
    """A flat tone curve about each channel's mean: factor 1 / .5 / .22 / .07."""
    factor = np.float32(knots(severity, (1, 0.5, 0.22, 0.07)))
    means = np.array([mean / 255 for mean in cv2.mean(image)[:3]], np.float32)
    return lut(image, means + (_LEVELS[:, None] - means) * factor)


def oversmooth(image: Image8, severity: float, rng: Rng) -> Image8:
    """A denoiser wipes out texture: median of 1 / 5 / 9 / 17 squared pixels, odd; small ones are mixed."""
    side = knots(severity, (1, *(max(n * unit(image), 1) for n in (5, 9, 17))))
    if side >= 5:
        return np.asarray(cv2.medianBlur(image, round((side - 1) / 2) * 2 + 1), np.uint8)
    odd = 1 if side < 3 else 3
    part = (side - odd) / 2
    both = cv2.medianBlur(image, odd), cv2.medianBlur(image, odd + 2)
    return np.asarray(cv2.addWeighted(both[0], 1 - part, both[1], part, 0), np.uint8)


def oversharpen(image: Image8, severity: float, rng: Rng) -> Image8:
    """Halos: 0 / 1.5 / 4 / 10 times what a blur of sigma 1.3 takes away is added."""
    amount = knots(severity, (0, 1.5, 4, 10))
    fine = image.astype(np.int16) * np.int16(16)
    blurred = cv2.GaussianBlur(fine, (0, 0), 1.3 * unit(image), borderType=cv2.BORDER_REFLECT_101)
    sharp = cv2.addWeighted(fine, (1 + amount) / 16, blurred, -amount / 16, 0, dtype=cv2.CV_8U)
    return np.asarray(sharp, np.uint8)


def elastic_transform(image: Image8, severity: float, rng: Rng) -> Image8:
    """A rubber sheet is pulled: by half of 0 / 5 / 11 / 22 pixels rms, smooth over sigma 22."""
    return wobbled(image, rng, knots(severity, (0, 5, 11, 22)) / 2 * unit(image), 22 * unit(image))


def _gray(image: Image8) -> Image8:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def _saturated(image: Image8, factor: float) -> Image8:
    return np.asarray(cv2.addWeighted(image, factor, _gray(image), 1 - factor, 0), np.uint8)


ENTRIES = {
    "gaussian_blur": Corruption("Gaussian blur", "enhancement", "an over-smoothing filter", gaussian_blur),
    "color_diffusion": Corruption("Colour diffusion", "enhancement", "colour bleeds over edges", color_diffusion),
    "desaturate": Corruption("Desaturate", "enhancement", "washed-out colour", desaturate),
    "oversaturate": Corruption("Over-saturate", "enhancement", "garish colour, clipped", oversaturate),
    "contrast_loss": Corruption("Contrast loss", "enhancement", "a flat tone curve", contrast_loss),
    "oversmooth": Corruption("Over-denoise", "enhancement", "a denoiser wipes out texture", oversmooth),
    "oversharpen": Corruption("Over-sharpen", "enhancement", "halos and ringing", oversharpen),
    "graffiti": Corruption("Graffiti", "enhancement", "scribbles drawn over the image", local=graffiti),
    "watermark": Corruption("Watermark", "enhancement", "tiled translucent text", local=watermark),
    "elastic_transform": Corruption(
        "Elastic warp", "enhancement", "a rubber-sheet warp", elastic_transform, geometry=Geometry.MOVED
    ),
}
