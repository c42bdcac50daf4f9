"""Random warps that are smooth."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ru1_app.corruptions.base import Float, Rng
from ru1_app.corruptions.fields import displace
from ru1_app.images import Image8


def wobbled(image: Image8, rng: Rng, pull: float, sigma: float) -> Image8:
    """Each pixel comes from `pull` pixels away in each direction (root mean square), smooth over `sigma` pixels."""
    height, width = image.shape[:2]
    right, down = (smooth_noise(rng, height, width, sigma) * np.float32(pull) for _ in range(2))
    return displace(image, right, down)


def smooth_noise(rng: Rng, height: int, width: int, sigma: float) -> Float:
    """Normal noise of variance 1 [H, W], smoothed with `sigma` pixels, from a grid of half that spacing."""
    spacing, margin = max(sigma / 2, 1.0), 6
    rows, columns = (math.ceil(n / spacing) + 2 * margin for n in (height, width))
    kernel = cv2.getGaussianKernel(2 * margin + 1, 2.0, cv2.CV_32F)
    grid = cv2.sepFilter2D(
        rng.standard_normal((rows, columns), dtype=np.float32), -1, *[kernel / np.linalg.norm(kernel)] * 2
    )[margin:-margin, margin:-margin]
    size = max(round(grid.shape[1] * spacing), width), max(round(grid.shape[0] * spacing), height)
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)[:height, :width], np.float32)
