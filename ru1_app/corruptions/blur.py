"""Blurs, as point-spread functions that grow continuously from a delta. Lengths are for 512 pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ru1_app.corruptions.base import Float, Rng, filter_psf, knots, unit
from ru1_app.images import Image8


def gaussian_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Over-smoothing: sigma 0 / 2 / 5 / 11."""
    sigma = knots(severity, (0, 2, 5, 11)) * unit(image)
    blurred = cv2.GaussianBlur(image, (0, 0), max(sigma, 1e-3), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.uint8)


def motion_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Straight path during the exposure: length 1 / 11 / 25 / 51, any angle."""
    angle = rng.uniform(0, math.pi)
    return filter_psf(image, line_psf(knots(severity, (1, 11, 25, 51)) * unit(image), angle))


def defocus_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Circle of confusion: radius .3 / 4 / 9 / 18."""
    return filter_psf(image, disk_psf(knots(severity, (0.3, 4, 9, 18)) * unit(image)))


def line_psf(length: float, angle: float) -> Float:
    """An antialiased line of `length` pixels through the centre; a delta for lengths up to 1."""
    half = max(length - 1, 0) / 2
    y, x = _grid(math.ceil(half) + 1)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = -x * math.sin(angle) + y * math.cos(angle)
    ends = np.clip(half + 0.5 - np.abs(along), 0, 1) if half > 0 else np.clip(1 - np.abs(along), 0, 1)
    return np.asarray(ends * np.clip(1 - np.abs(across), 0, 1), np.float32)


def disk_psf(radius: float) -> Float:
    """An antialiased disk of `radius` pixels; a delta for radii up to 1/2."""
    y, x = _grid(math.ceil(radius) + 1)
    return np.asarray(np.clip(radius + 0.5 - np.hypot(x, y), 0, 1), np.float32)


def _grid(half: int) -> tuple[Float, Float]:
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    return y, x
