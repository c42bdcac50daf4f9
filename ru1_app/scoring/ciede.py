"""CIEDE2000: the mean colour difference, in units of which about one can just be seen.

Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", 2005, eqs. 2-22 with kL = kC = kH = 1; sRGB with the
white point D65.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.images import Image8
from ru1_app.scoring.base import Comparison, ScorerSpec

Float: TypeAlias = NDArray[np.floating[Any]]
_TO_XYZ = np.array(  # sRGB, IEC 61966-2-1
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2 degrees
_TO_LAB = np.array([[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], np.float64)
_KNEE = np.float32(0.008856)
_SHARE = np.arange(256) / 255
_LINEAR = np.where(_SHARE > 0.04045, ((_SHARE + 0.055) / 1.055) ** 2.4, _SHARE / 12.92).astype(np.float32)
_25_TO_7 = 25.0**7
_TURN, _HALF = 2 * np.pi, np.pi + 1e-6  # opposite hues count as not beyond half a turn


def ciede2000(a: Image8, b: Image8) -> float:
    """Mean ΔE00 of two RGB uint8 images of one size; 0 = identical, 100 = black against white, 119.5 at most."""
    return float(delta_e(lab(a), lab(b)).mean(dtype=np.float64))


def lab(image: Image8) -> Float:
    """L* in [0, 100], a*, b* [H, W, 3] float32 of sRGB uint8, exact where OpenCV's conversion looks up a table."""
    ratios = cv2.transform(_LINEAR[image], _TO_XYZ / _WHITE[:, None])
    roots = np.where(ratios > _KNEE, np.cbrt(ratios), ratios * np.float32(7.787) + np.float32(16 / 116))
    return np.asarray(cv2.transform(roots, _TO_LAB), np.float32)


def delta_e(one: Float, other: Float) -> Float:
    """ΔE00 [...] of two arrays [..., 3] of L* in [0, 100], a* and b*."""
    l1, a1, b1 = (one[..., k] for k in range(3))
    l2, a2, b2 = (other[..., k] for k in range(3))
    mean_chroma = (np.sqrt(a1 * a1 + b1 * b1) + np.sqrt(a2 * a2 + b2 * b2)) / 2
    stretch = 1.5 - 0.5 * _toward_one(mean_chroma)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.sqrt(a1 * a1 + b1 * b1), np.sqrt(a2 * a2 + b2 * b2)
    h1, h2 = np.arctan2(b1, a1) % _TURN, np.arctan2(b2, a2) % _TURN
    gray = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(turn > _HALF, turn - _TURN, np.where(turn < -_HALF, turn + _TURN, turn))
    turn = np.where(gray, 0, turn)
    hue_difference = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2)
    hue = np.where(gray, h1 + h2, h1 + turn / 2)  # halfway along the shorter arc
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    return _weighted(l2 - l1, c2 - c1, hue_difference, lightness, chroma, hue)


def _weighted(dl: Float, dc: Float, dh: Float, lightness: Float, chroma: Float, hue: Float) -> Float:
    """Eqs. 15-22: the differences over their weights, and the rotation of blues."""
    t = (
        1
        - 0.17 * np.cos(hue - np.pi / 6)
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.pi / 30)
        - 0.20 * np.cos(4 * hue - np.deg2rad(63))
    )
    off = (lightness - 50) ** 2
    x = dl / (1 + 0.015 * off / np.sqrt(20 + off))
    y = dc / (1 + 0.045 * chroma)
    z = dh / (1 + 0.015 * chroma * t)
    degrees = np.rad2deg(hue) % 360
    rotation = -2 * _toward_one(chroma) * np.sin(np.deg2rad(60) * np.exp(-(((degrees - 275) / 25) ** 2)))
    total: Float = np.sqrt(np.maximum(x * x + y * y + z * z + rotation * y * z, 0))
    return total


def _toward_one(chroma: Float) -> Float:
    """sqrt(c^7 / (c^7 + 25^7)), without a power function."""
    square = chroma * chroma
    seventh = square * square * square * chroma
    share: Float = np.sqrt(seventh / (seventh + _25_TO_7))
    return share


CIEDE2000 = Comparison(
    ScorerSpec(
        name="ciede2000",
        label="Colour difference",
        version="1",
        low=0.0,
        high=120.0,
        higher_is_better=False,
        unit="ΔE00",
        definition="Mean CIEDE2000 difference over the pixels. 1 can just be seen, 5 is plain, 20 is another colour.",
        blind_to="Where the difference is, and structure: a soft and a sharp edge of one colour differ little.",
    ),
    ciede2000,
)
