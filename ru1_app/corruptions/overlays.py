"""Things that somebody put over an image: scribbles and text. Lengths are for 512 pixels."""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ru1_app.corruptions.base import Mask, Rng, knots, unit
from ru1_app.images import Image8

Points: TypeAlias = NDArray[np.float64]

_STROKES = 18
_POINTS = 96  # of a stroke
_SUBPIXEL = 4  # bits of a coordinate after the point
_INKS = (
    (20, 20, 20), (245, 245, 245), (215, 35, 40), (30, 70, 200), (35, 150, 60), (250, 200, 30), (225, 60, 160),
    (240, 120, 30),
)  # fmt: skip
_WORDS = ("SAMPLE", "PREVIEW", "DO NOT COPY", "PROOF")
_PITCH = 85  # between lines of text
_TEXT = 56  # size of the text


def graffiti(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Scribbles: 0 / 4 / 9 / 18 strokes, 3 to 11 wide; the last one may be unfinished, and goes under the others."""
    strokes = knots(severity, (0, 4, 9, _STROKES))
    inks = rng.integers(0, len(_INKS), _STROKES)
    widths = np.maximum(np.rint(rng.uniform(3, 11, _STROKES) * unit(image)), 1).astype(int)
    paths = np.rint(_scribbles(image, rng) * 2**_SUBPIXEL).astype(np.int32)
    out, ink = image.copy(), np.zeros(image.shape[:2], np.uint8)
    for k in reversed(range(math.ceil(strokes))):
        points = paths[k, : max(round(min(strokes - k, 1) * _POINTS), 2)]
        for canvas, colour in ((out, _INKS[inks[k]]), (ink, 255)):
            cv2.polylines(canvas, [points], False, colour, int(widths[k]), cv2.LINE_AA, _SUBPIXEL)
    return out, ink > 0


def _scribbles(image: Image8, rng: Rng) -> Points:
    """Points (x, y) in pixels [strokes, points, 2]: hasty lines that swing from side to side, some into loops."""
    height, width = image.shape[:2]
    time = np.linspace(0, 1, _POINTS)
    start = rng.uniform(0.05, 0.95, (_STROKES, 1, 2)) * (width, height)
    turn, first, phase = (rng.uniform(-math.pi, math.pi, (_STROKES, 1)) for _ in range(3))
    swing, swings = rng.uniform(0.8, 2.2, (_STROKES, 1)), rng.uniform(1.5, 5, (_STROKES, 1))
    heading = first + turn * time + swing * np.sin(2 * math.pi * swings * time + phase)
    step = rng.uniform(3, 6, (_STROKES, 1, 1)) * unit(image)
    return start + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=2) * step, axis=1)


def watermark(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Tiled translucent text: opacity 0 / .3 / .55 / .85, as many words as at a pitch of 200 / 150 / 110 / 85.

    All severities share the layout of the closest pitch, in which words fade in one after the other: what was
    covered stays covered.
    """
    word = _WORDS[rng.integers(len(_WORDS))]
    colour = 245 if rng.random() < 0.75 else 10
    tilt, phase = rng.uniform(-35, 35), rng.random(3)
    share = (_PITCH / knots(severity, (200, 150, 110, _PITCH))) ** 2
    ink = np.zeros(image.shape[:2], np.uint8)
    glyphs, across, down = _tile(word, max(_TEXT * unit(image), 5), tilt)
    for top, left, rank in _lattice(image, across, down, glyphs.shape, phase):
        _stamp(ink, glyphs, top, left, min((share - 0.9 * rank) / 0.1, 1.0))
    mask = ink > 0
    alpha = ink[mask][:, None] * np.float32(knots(severity, (0, 0.3, 0.55, 0.85)) / 255)
    out = image.copy()
    out[mask] = image[mask] * (1 - alpha) + (colour * alpha + np.float32(0.5))
    return out, mask


def _tile(word: str, size: float, tilt: float) -> tuple[Image8, Points, Points]:
    """One word, tilted, as coverage, and the steps (x, y) to the next word of the line and to the next line."""
    font, bold = ImageFont.load_default(size), size / 40
    left, top, right, bottom = font.getbbox(word, stroke_width=bold)
    flat = Image.new("L", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2))
    ImageDraw.Draw(flat).text((1 - left, 1 - top), word, fill=255, font=font, stroke_width=bold)
    along = np.array([math.cos(math.radians(tilt)), -math.sin(math.radians(tilt))])
    tilted = np.asarray(flat.rotate(tilt, Image.Resampling.BICUBIC, expand=True))
    return tilted, along * (flat.width + 0.5 * size), np.array([-along[1], along[0]]) * (size * _PITCH / _TEXT)


def _lattice(
    image: Image8, across: Points, down: Points, glyphs: tuple[int, ...], phase: Points
) -> list[tuple[int, int, float]]:
    """Corners (top, left) of the words that touch the image, in pixels, and ranks in [0, 1) spread evenly over them."""
    height, width = image.shape[:2]
    reach = math.hypot(height, width) / 2
    rows, columns = (np.arange(-n, n + 1) for n in (math.ceil(reach / np.hypot(*step)) + 1 for step in (down, across)))
    row, column = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    places = np.outer(column + row / 2 % 1 + phase[0], across) + np.outer(row + phase[1], down)
    left, top = np.rint(places + (np.array([width, height]) - glyphs[::-1]) / 2).astype(int).T
    ranks = (row * 0.7548776662 + column * 0.5698402910 + phase[2]) % 1
    seen = (left < width) & (left > -glyphs[1]) & (top < height) & (top > -glyphs[0])
    return list(zip(top[seen].tolist(), left[seen].tolist(), ranks[seen].tolist(), strict=True))


def _stamp(canvas: Image8, glyphs: Image8, top: int, left: int, strength: float) -> None:
    """Draw coverage times `strength` where it is more than what is there."""
    if strength <= 0:
        return
    y, x = max(top, 0), max(left, 0)
    part = canvas[y : max(top + glyphs.shape[0], 0), x : max(left + glyphs.shape[1], 0)]
    ink = glyphs[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]]
    np.maximum(part, np.rint(ink * np.float32(strength)).astype(np.uint8), out=part)
