"""A supersampled Pillow drawing surface in fractions of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ru1_app.images import Image8
from ru1_app.scenes.scene import Box

Colour = tuple[int, int, int]
_SUPERSAMPLE = 2


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (< 1) or lighter (> 1)."""
    red, green, blue = (int(min(255, max(0, channel * factor))) for channel in colour)
    return red, green, blue


class Canvas:
    """Shapes in fractions of the image; `pixels` shrinks the drawing to its final size."""

    def __init__(self, size: int, top: Colour, bottom: Colour) -> None:
        """A square of `size` pixels filled with a vertical gradient."""
        self._size = size
        self._side = size * _SUPERSAMPLE
        ramp = np.linspace(0, 1, self._side)[:, None]
        column = np.asarray(top) * (1 - ramp) + np.asarray(bottom) * ramp
        self._image = Image.fromarray(np.repeat(column[:, None].astype(np.uint8), self._side, axis=1))
        self._draw = ImageDraw.Draw(self._image)

    def _scaled(self, values: Sequence[float]) -> list[float]:
        return [value * self._side for value in values]

    def rectangle(self, box: Box, fill: Colour, radius: float = 0.0) -> None:
        """A filled rectangle; `radius` rounds its corners."""
        self._draw.rounded_rectangle(self._scaled(box), radius=radius * self._side, fill=fill)

    def ellipse(self, box: Box, fill: Colour) -> None:
        """A filled ellipse."""
        self._draw.ellipse(self._scaled(box), fill=fill)

    def polygon(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * self._side, y * self._side) for x, y in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], fill: Colour, width: float) -> None:
        """A line with rounded joints."""
        scaled = [(x * self._side, y * self._side) for x, y in points]
        self._draw.line(scaled, fill=fill, width=max(1, round(width * self._side)), joint="curve")

    def text(self, box: Box, text: str, fill: Colour) -> None:
        """Text as large as fits the box, centred, in Pillow's bundled font, slightly emboldened."""
        width, height = (box[2] - box[0]) * self._side, (box[3] - box[1]) * self._side
        font = ImageFont.load_default(100)
        left, top, right, bottom = font.getbbox(text)
        font = ImageFont.load_default(max(4.0, 100 * min(width / (right - left), height / (bottom - top))))
        centre = ((box[0] + box[2]) / 2 * self._side, (box[1] + box[3]) / 2 * self._side)
        stroke = max(1, round(0.004 * self._side))
        left, top, right, bottom = self._draw.textbbox((0, 0), text, font=font)
        corner = (centre[0] - (left + right) / 2, centre[1] - (top + bottom) / 2)
        self._draw.text(corner, text, font=font, fill=fill, stroke_width=stroke / 2, stroke_fill=fill)

    def pixels(self) -> Image8:
        """The drawing as RGB uint8 [size, size, 3]."""
        return np.asarray(self._image.resize((self._size, self._size), Image.Resampling.BOX))
