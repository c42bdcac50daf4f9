"""What all corruptions share: the call, the knots of their parameters, and smooth random fields.

Every draw comes from the generator that is passed in, and the number of draws does not depend on the
severity: a slider makes the same obstacle grow instead of drawing a new one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.images import Image8

Float: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]  # [H, W], true where a local corruption may have changed the image
Rng: TypeAlias = np.random.Generator
Apply: TypeAlias = Callable[[Image8, float, Rng], Image8]
ApplyLocal: TypeAlias = Callable[[Image8, float, Rng], tuple[Image8, Mask]]

KNOTS = (0.0, 1 / 3, 2 / 3, 1.0)  # none, low, mid, high
STEPS = {
    "environment": "Environment",
    "camera": "Camera",
    "sensor": "Sensor",
    "encoding": "Source encoding",
    "channel": "Transmission",
    "decoding": "Receiver decoding",
    "enhancement": "Enhancement",
}  # of the imaging chain (R-Bench), in order


class Geometry(StrEnum):
    """What a corruption does to where things are, and so whether scores against the clean image mean quality."""

    KEPT = "kept"
    SHIFTED = "shifted"  # by a few pixels, locally: such scores fall although the content is whole
    MOVED = "moved"  # such scores are withheld


@dataclass(frozen=True, slots=True)
class Corruption:
    """A registry entry: how it is called, shown and applied.

    Exactly one of `apply` and `local` is given; they are called with severities in (0, 1] only. A `local`
    corruption damages part of the image by its nature and returns the mask of that part.
    """

    label: str
    step: str  # a key of STEPS
    physics: str  # one line: what happens in the world
    apply: Apply | None = None
    local: ApplyLocal | None = None
    geometry: Geometry = Geometry.KEPT


def knots(severity: float, values: Sequence[float]) -> float:
    """Piecewise linear between the values at none, low, mid and high."""
    return float(np.interp(severity, KNOTS, values))


def log_knots(severity: float, values: Sequence[float]) -> float:
    """Piecewise linear in the logarithm of the values at none, low, mid and high."""
    return float(np.exp(np.interp(severity, KNOTS, np.log(values))))


def unit(image: Image8) -> float:
    """The factor for lengths given in pixels at 512: the shorter side / 512."""
    height, width = image.shape[:2]
    return float(min(height, width)) / 512


def to_float(image: Image8) -> Float:
    """[0, 255] uint8 to [0, 1] float32."""
    return np.asarray(image, np.float32) / np.float32(255)


def to_u8(image: NDArray[Any]) -> Image8:
    """[0, 1] float to uint8, clipped and rounded."""
    return np.asarray(np.clip(image, 0.0, 1.0) * 255 + 0.5, np.float32).astype(np.uint8)


def lut(image: Image8, curve: Float) -> Image8:
    """Apply a tone curve given as 256 values in [0, 1], [256] for all channels or [256, 3] for each."""
    table = to_u8(curve)
    return np.asarray(cv2.LUT(image, table if table.ndim == 1 else table[None]), np.uint8)


def fractal(rng: Rng, height: int, width: int, decay: float, octaves: int = 7) -> Float:
    """Smooth random field [H, W] in [0, 1]: octaves of bicubic noise, amplitudes 1/decay^k.

    Grids are square powers of two whatever the image's size, so the draws depend on nothing else.
    """
    side = max(height, width)
    field = np.zeros((height, width), np.float32)
    for k in range(octaves):
        nodes = 2 ** (k + 1) + 1
        grid = rng.standard_normal((nodes, nodes), dtype=np.float32)
        rows, columns = (math.ceil(n * nodes / side) + 3 for n in (height, width))
        octave = cv2.resize(
            grid[:rows, :columns], None, fx=side / nodes, fy=side / nodes, interpolation=cv2.INTER_CUBIC
        )
        field += octave[:height, :width] * np.float32(decay**-k)
    low, high = float(field.min()), float(field.max())
    return (field - low) / max(high - low, 1e-6)
