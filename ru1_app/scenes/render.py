"""Draws a scene. The same scene and size give the same bytes."""

from __future__ import annotations

import numpy as np

from ru1_app.images import Image8
from ru1_app.scenes.canvas import Canvas, Colour, shade
from ru1_app.scenes.objects import draw
from ru1_app.scenes.scene import Box, Scene, generator, layout, sample_scene

__all__ = ["Scene", "render", "sample_scene"]

_SKY: dict[str, tuple[Colour, Colour]] = {
    "day": ((96, 164, 232), (214, 234, 248)),
    "overcast": ((150, 160, 172), (206, 210, 214)),
    "dusk": ((88, 84, 140), (246, 176, 128)),
    "night": ((18, 24, 52), (58, 66, 104)),
}
_AMBIENT = {"day": 1.0, "overcast": 0.9, "dusk": 0.82, "night": 0.62}
_WALLS: tuple[Colour, ...] = (
    (184, 96, 80), (206, 178, 140), (150, 160, 170), (120, 140, 120), (196, 196, 188), (140, 110, 130),
    (90, 110, 150), (214, 190, 110),
)  # fmt: skip


def render(scene: Scene, size: int = 384) -> Image8:
    """Draw `scene` as RGB uint8 [size, size, 3]."""
    rng = generator(scene.seed, 2)
    ambient = _AMBIENT[scene.lighting] * rng.uniform(0.93, 1.05)
    canvas = Canvas(size, *_SKY[scene.lighting])
    places = layout(scene)
    for place in places:
        if place.name == "cloud":
            _cloud(canvas, place.box, ambient)
    _town(canvas, rng, scene.lighting, ambient)
    _road(canvas, rng, ambient)
    for place in sorted(places, key=lambda item: max(item.box[3], 0.57)):  # signs stand before trees
        draw(canvas, place, rng, ambient)
    return canvas.pixels()


def _town(canvas: Canvas, rng: np.random.Generator, lighting: str, ambient: float) -> None:
    x = -0.05
    while x < 1:
        width, top = rng.uniform(0.12, 0.26), rng.uniform(0.24, 0.42)
        wall = shade(_WALLS[rng.integers(len(_WALLS))], 0.85 * ambient)
        canvas.rectangle((x, top, x + width, 0.56), wall)
        lit = rng.random((5, 4)) < (0.6 if lighting in ("night", "dusk") else 0.0)
        for row in range(5):
            for column in range(4):
                left, upper = x + width * (0.1 + 0.23 * column), top + 0.02 + 0.045 * row
                pane = (250, 214, 130) if lit[row, column] else shade((92, 112, 132), ambient)
                if upper < 0.53:
                    canvas.rectangle((left, upper, left + width * 0.13, upper + 0.024), pane)
        x += width + rng.uniform(0, 0.03)


def _road(canvas: Canvas, rng: np.random.Generator, ambient: float) -> None:
    pavement = shade((170, 166, 158), ambient * rng.uniform(0.85, 1.05))
    asphalt = shade((88, 90, 96), ambient * rng.uniform(0.8, 1.15))
    canvas.rectangle((0, 0.55, 1, 1), pavement)
    top = rng.uniform(0.64, 0.72)
    canvas.rectangle((0, top, 1, 1), asphalt)
    canvas.rectangle((0, top - 0.012, 1, top), shade((208, 206, 200), ambient))
    offset = rng.uniform(0, 0.2)
    for index in range(-1, 6):
        left = index * 0.2 + offset
        dash = [(left, 0.93), (left + 0.1, 0.93), (left + 0.095, 0.948), (left - 0.01, 0.948)]
        canvas.polygon(dash, shade((232, 232, 226), ambient))


def _cloud(canvas: Canvas, box: Box, ambient: float) -> None:
    x0, y0, x1, y1 = box
    width, height, fill = x1 - x0, y1 - y0, shade((250, 250, 252), ambient)
    for left, upper, right in ((0.0, 0.35, 0.45), (0.22, 0.0, 0.72), (0.5, 0.3, 1.0)):
        canvas.ellipse((x0 + left * width, y0 + upper * height, x0 + right * width, y1), fill)
