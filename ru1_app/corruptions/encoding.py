"""What encoders and lossy channels do: JPEG, pixelation, lost blocks."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from ru1_app.corruptions.base import Rng, knots, log_knots, unit
from ru1_app.images import Image8

BLOCK = 32  # pixels at 512, as in CORRUPTIONS' channel group


def jpeg(image: Image8, severity: float, rng: Rng) -> Image8:
    """Baseline JPEG, 4:2:0: quality 95 / 30 / 12 / 4."""
    buffer = io.BytesIO()
    quality = round(knots(severity, (95, 30, 12, 4)))
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality, subsampling=2)
    with Image.open(buffer, formats=("JPEG",)) as decoded:
        return np.asarray(decoded.convert("RGB"))


def pixelate(image: Image8, severity: float, rng: Rng) -> Image8:
    """Blocky down-sampling: factor 1 / 3 / 6 / 12 (logarithmic between)."""
    factor = max(log_knots(severity, (1, 3, 6, 12)) * unit(image), 1.0)
    height, width = image.shape[:2]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def block_lost(image: Image8, severity: float, rng: Rng) -> Image8:
    """Lost packets: a share 0 / .05 / .15 / .35 of 32-pixel blocks turns black or mid gray."""
    share = knots(severity, (0, 0.05, 0.15, 0.35))
    fill = 0 if rng.random() < 0.5 else 128
    side = max(round(BLOCK * unit(image)), 2)
    rows, columns = (-(-n // side) for n in image.shape[:2])
    order = rng.permutation(rows * columns)
    out = image.copy()
    for index in order[: round(share * rows * columns)]:
        y, x = divmod(int(index), columns)
        out[y * side : (y + 1) * side, x * side : (x + 1) * side] = fill
    return out
