"""Point-spread functions that grow continuously from a delta, and convolution with them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions.base import Float
from ru1_app.images import Image8

DIRECT = 130  # taps up to which adding them one by one is faster than going through the spectrum


def filter_psf(image: Image8, psf: Float) -> Image8:
    """Convolve with a point-spread function of odd sides, normalised here; reflecting borders."""
    kernel = psf / max(float(psf.sum()), 1e-12)
    if kernel.size < DIRECT:
        return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)
    return _filter_by_spectrum(image, kernel)


def _filter_by_spectrum(image: Image8, kernel: Float) -> Image8:
    """What `filter2D` does, in a third of its time: one transform per channel of the image with its borders."""
    (height, width), (rows, columns) = image.shape[:2], kernel.shape
    tall, wide = (cv2.getOptimalDFTSize(n) for n in (height + rows - 1, width + columns - 1))
    top, left = rows // 2, columns // 2
    borders = top, tall - height - top, left, wide - width - left
    padded = cv2.copyMakeBorder(image, *borders, borderType=cv2.BORDER_REFLECT_101).astype(np.float32)
    field = np.zeros((tall, wide), np.float32)
    field[:rows, :columns] = kernel
    spectrum = cv2.dft(field)
    out = np.empty_like(image)
    for c in range(3):
        product = cv2.mulSpectrums(cv2.dft(cv2.extractChannel(padded, c)), spectrum, 0, conjB=True)
        plane = cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)[:height, :width]
        cv2.insertChannel(cv2.convertScaleAbs(plane), out, c)
    return out


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


def path_psf(path: NDArray[np.float64]) -> Float:
    """A path [N, 2] of (y, x) offsets in pixels, walked at even time steps; a delta for a point at (0, 0)."""
    half = math.ceil(float(np.abs(path).max())) + 1
    psf = np.zeros((2 * half + 1,) * 2, np.float32)
    ends = np.linspace(0, len(path) - 1, 8 * half * 2 + 1)
    fine = np.stack([np.interp(ends, np.arange(len(path)), path[:, axis]) for axis in (0, 1)]) + half
    corner = np.floor(fine).astype(int)
    (fy, fx), (y, x) = fine - corner, corner
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            np.add.at(psf, (y + dy, x + dx), (wy * wx).astype(np.float32))
    return psf
