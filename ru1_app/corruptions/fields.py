"""Planes that are laid over an image: their size, smooth noise, displacement and blending.

A plane is at most as fine as an image of 512 pixels, so that its draws, its look and its time hardly depend on
the image's size.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions.base import Float, Rng, unit
from ru1_app.images import Image8


def plane_size(image: Image8, cell: float) -> tuple[int, int]:
    """Height and width of a plane with pixels `cell` wide, in pixels at 512, and never finer than the image's."""
    scale = max(cell * unit(image), 1.0)
    height, width = image.shape[:2]
    return max(round(height / scale), 1), max(round(width / scale), 1)


def stretch(plane: NDArray[Any], image: Image8, interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """The plane at the image's size."""
    return np.asarray(cv2.resize(plane, image.shape[1::-1], interpolation=interpolation))


def soften(plane: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur of a plane or an image, reflecting borders; nothing for a sigma of 0."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma, 1e-3), borderType=cv2.BORDER_REFLECT_101))


def waves(rng: Rng, image: Image8, cell: float) -> Float:
    """Smooth noise [H, W] of mean square about 1, its nodes `cell` pixels apart at 512."""
    spacing = max(cell * unit(image), 1.0)
    nodes = [math.ceil(n / spacing) + 1 for n in image.shape[:2]]
    return stretch(rng.standard_normal(nodes, dtype=np.float32) * np.float32(1.17), image, cv2.INTER_CUBIC)


def displace(image: Image8, right: Float, down: Float) -> Image8:
    """Take every pixel from so many pixels further right and down; reflecting borders. Overwrites the offsets."""
    right += np.arange(image.shape[1], dtype=np.float32)
    down += np.arange(image.shape[0], dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(image, right, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def blend(image: Image8, other: Image8, alpha: Float) -> Image8:
    """`other` over the image with an opacity [H, W] in [0, 1]; where that is 0, the image's own bytes."""
    return np.asarray(cv2.blendLinear(image, other, 1 - alpha, alpha), np.uint8)


def screen(image: Image8, light: Image8) -> Image8:
    """Light added the way it never exceeds white."""
    return np.asarray(~cv2.multiply(~image, ~light, scale=1 / 255), np.uint8)


def plain(image: Image8, color: tuple[int, int, int]) -> Image8:
    """One colour in the image's size."""
    height, width = image.shape[:2]
    return np.asarray(cv2.rectangle(np.empty_like(image), (0, 0), (width, height), color, cv2.FILLED), np.uint8)
