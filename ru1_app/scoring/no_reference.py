"""What one image shows by itself, without weights and without a clean image: sharpness, noise, blockiness.

They describe; none of them is quality. A model that invents sharp detail scores as sharp.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from ru1_app.images import Image8
from ru1_app.scoring.base import Measurement, ScorerSpec

_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
BLOCK = 8  # side of JPEG's blocks


def _luma(image: Image8) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def sharpness(image: Image8) -> float:
    """Variance of the 3x3 Laplacian of luma in grey levels squared (Pech-Pacheco et al. 2000); sides >= 3."""
    return float(cv2.Laplacian(_luma(image), cv2.CV_32F).var(dtype=np.float64))


def noise(image: Image8) -> float:
    """Standard deviation of the noise in grey levels, mean over RGB; sides >= 3.

    Immerkær 1996's mask, which cancels planes and edges along the axes, with the median of its absolute
    response instead of the mean (Donoho 1994), so that texture counts less.
    """
    response = np.abs(cv2.filter2D(image, cv2.CV_32F, _IMMERKAER)[1:-1, 1:-1])
    return float(np.mean([np.median(response[..., k]) for k in range(3)])) / (6 * 0.6745)


def blockiness(image: Image8) -> float:
    """Steps between neighbours across an 8-pixel grid over those inside the blocks; 1 = no grid; sides >= 24.

    After Wang, Sheikh and Bovik 2002: horizontal and vertical averaged. Flat images count as 1.
    """
    luma = _luma(image)
    return (_grid_ratio(luma) + _grid_ratio(luma.T)) / 2


def _grid_ratio(luma: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
    steps = np.abs(np.diff(luma, axis=1)).mean(axis=0, dtype=np.float64)
    across = np.arange(steps.size) % BLOCK == BLOCK - 1
    inside = steps[~across].mean()
    return float((steps[across].mean() + 0.1) / (inside + 0.1))


SHARPNESS = Measurement(
    ScorerSpec(
        name="sharpness",
        label="Sharpness",
        version="1",
        low=0.0,
        high=math.inf,
        higher_is_better=True,
        unit="",
        definition="Variance of the Laplacian of luma: how much fine contrast there is.",
        blind_to="Whether the detail is true. Noise and invented texture count as sharp.",
        reference=False,
        aligned=False,
    ),
    sharpness,
    least=3,
)
NOISE = Measurement(
    ScorerSpec(
        name="noise",
        label="Noise",
        version="1",
        low=0.0,
        high=255.0,
        higher_is_better=False,
        unit="levels",
        definition="Estimated standard deviation of the noise in grey levels, mean over RGB.",
        blind_to="Noise in blotches of several pixels. Fine texture counts as noise; clipped noise counts too little.",
        reference=False,
        aligned=False,
    ),
    noise,
    least=3,
)
BLOCKINESS = Measurement(
    ScorerSpec(
        name="blockiness",
        label="Blockiness",
        version="1",
        low=0.0,
        high=math.inf,
        higher_is_better=False,
        unit="",
        definition="Steps across an 8-pixel grid over those inside the blocks. 1 = no grid; JPEG raises it.",
        blind_to="Blocks of another size, or of an image that was scaled or cropped after JPEG.",
        reference=False,
        aligned=False,
    ),
    blockiness,
    least=3 * BLOCK,
)
