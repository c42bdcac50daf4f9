"""One small picture of every corruption on the current image, side by side in one sprite. No Gradio."""

from __future__ import annotations

import cv2
import numpy as np

from ru1_app.corruptions import CORRUPTIONS, LEVELS, CorruptionSpec, corrupt
from ru1_app.images import Image8
from ru1_app.ui.view import jpeg_uri

SIDE = 96  # of one tile in pixels
COLUMNS = 10


def sprite(image: Image8) -> Image8:
    """All corruptions at mid severity on the centre square of the image, in the registry's order, row by row."""
    tile = _square(image)
    rows = -(-len(CORRUPTIONS) // COLUMNS)
    sheet = np.zeros((rows * SIDE, COLUMNS * SIDE, 3), np.uint8)
    for number, name in enumerate(CORRUPTIONS):
        y, x = divmod(number, COLUMNS)
        sheet[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE] = corrupt(
            tile, CorruptionSpec.of(name, LEVELS["mid"])
        )
    return sheet


def sprite_style(image: Image8) -> str:
    """The sprite as a CSS variable that the picker's tiles use; JPEG, since it is only looked at."""
    return f"<style>:root{{--ru1-sprite:url({jpeg_uri(sprite(image))})}}</style>"


def _square(image: Image8) -> Image8:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
