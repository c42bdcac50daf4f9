"""Scores as maps [H, W] of the image's size, and their means over a part."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.images import Image8
from ru1_app.scoring.ssim import WINDOW, as_float, components

Map: TypeAlias = NDArray[np.float32]


def ssim_map(a: Image8, b: Image8) -> Map:
    """SSIM per pixel [H, W] in [-1, 1], mean over channels; sides >= 11.

    The window fits nowhere within 5 pixels of the border: there, the nearest value is repeated.
    """
    luminance, structure = components(as_float(a), as_float(b))
    inner = (luminance * structure).mean(axis=2)
    return np.asarray(_padded(inner), np.float32)


def difference_map(a: Image8, b: Image8) -> Map:
    """Absolute difference per pixel [H, W] in grey levels, mean over channels."""
    return np.asarray(cv2.absdiff(a, b).mean(axis=2), np.float32)


def mean_within(values: Map, mask: Any) -> float | None:
    """Mean of a map [H, W] where the boolean mask [H, W] is true; None where it nowhere is."""
    chosen = values[mask]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else None


def touched_by_windows(mask: Any) -> Any:
    """Where `ssim_map` may have been moved by the masked pixels [H, W]; sides >= 11."""
    half = WINDOW // 2
    grown = cv2.dilate(np.asarray(mask, np.uint8), np.ones((WINDOW, WINDOW), np.uint8))
    return _padded(grown[half:-half, half:-half]).astype(bool)


def _padded(inner: Any) -> Any:
    """The nearest value repeated where the window fits nowhere."""
    half = WINDOW // 2
    return cv2.copyMakeBorder(inner, half, half, half, half, cv2.BORDER_REPLICATE)
