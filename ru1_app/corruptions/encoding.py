"""What encoders do to save bytes."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from ru1_app.corruptions.base import Corruption, Rng, knots, log_knots, unit
from ru1_app.images import Image8


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


ENTRIES = {
    "jpeg": Corruption("JPEG", "encoding", "coarse block transform", jpeg),
    "pixelate": Corruption("Pixelation", "encoding", "blocky down-sampling", pixelate),
}
