"""Point-spread functions that grow continuously from a delta, and convolution with them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ru1_app.corruptions.base import Float
from ru1_app.images import Image8


def filter_psf(image: Image8, psf: Float) -> Image8:
    """Convolve with a point-spread function of odd sides, normalised here; reflecting borders."""
    kernel = psf / max(float(psf.sum()), 1e-12)
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


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
