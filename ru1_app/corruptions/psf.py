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


def path_psf(path: Float) -> Float:
    """The points (x, y) of a path [N, 2] in pixels, each spread over its four neighbours; a delta for one point."""
    half = math.ceil(float(np.abs(path).max())) + 1
    psf = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    points = _resampled(np.asarray(path, np.float64)) + half
    corner = np.floor(points).astype(np.int64)
    for dx in (0, 1):
        for dy in (0, 1):
            at = corner + (dx, dy)
            weight = np.prod(1 - np.abs(points - at), axis=1)
            np.add.at(psf, (at[:, 1], at[:, 0]), weight.astype(np.float32))
    return psf


def _resampled(path: Float) -> Float:
    """Points along the path at most half a pixel apart."""
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, steps[-1], max(math.ceil(2 * steps[-1]), 1) + 1)
    return np.stack([np.interp(at, steps, path[:, k]) for k in range(2)], axis=1)


def _grid(half: int) -> tuple[Float, Float]:
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    return y, x
