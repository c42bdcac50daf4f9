"""Draws the things a question can be about, each into its box."""

from __future__ import annotations

import numpy as np

from ru1_app.scenes.canvas import Canvas, Colour, shade
from ru1_app.scenes.scene import Box, Placement

_LAMP: dict[str, Colour] = {"red": (255, 48, 40), "yellow": (255, 206, 40), "green": (40, 230, 96)}
_PAINT: dict[str, Colour] = {
    "red": (206, 34, 38),
    "blue": (36, 84, 206),
    "green": (34, 150, 70),
    "yellow": (244, 204, 40),
    "white": (244, 244, 240),
    "black": (34, 34, 38),
    "purple": (138, 62, 176),
}
_CLOTHES: tuple[Colour, ...] = (
    (200, 60, 60), (60, 90, 190), (50, 150, 90), (230, 190, 60), (235, 235, 235), (150, 80, 170),
    (230, 130, 50), (70, 70, 80),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = ((246, 212, 184), (224, 172, 130), (170, 116, 80), (108, 72, 50))
_BOARD: tuple[tuple[Colour, Colour], ...] = (
    ((176, 28, 36), (255, 255, 255)),
    ((250, 250, 246), (24, 24, 28)),
    ((20, 74, 160), (255, 255, 255)),
    ((250, 206, 44), (24, 24, 28)),
    ((22, 110, 62), (255, 255, 255)),
)  # board, ink: chosen by the seed alone, so a board's colour never tells its word
_POST: Colour = (118, 122, 128)


def draw(canvas: Canvas, place: Placement, rng: np.random.Generator, ambient: float) -> None:
    """Draw one placed object. Every branch takes its chances from its own child of `rng`."""
    own = np.random.Generator(np.random.PCG64(int(rng.integers(2**62))))
    match place.name:
        case "light":
            _light(canvas, place, own)
        case "arrow":
            _arrow(canvas, place, own, ambient)
        case "speed":
            _speed(canvas, place, ambient)
        case "word":
            _word(canvas, place, own, ambient)
        case "car":
            _car(canvas, place, own, ambient)
        case "person":
            _person(canvas, place.box, own, ambient)
        case "tree":
            _tree(canvas, place.box, own, ambient)
        case "traffic cone":
            _cone(canvas, place.box, ambient)


def _post(canvas: Canvas, box: Box) -> None:
    x = (box[0] + box[2]) / 2
    canvas.rectangle((x - 0.008, box[3] - 0.02, x + 0.008, 0.63), _POST)


def _light(canvas: Canvas, place: Placement, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = place.box
    _post(canvas, place.box)
    body = shade((44, 46, 50), rng.uniform(0.7, 1.2))
    canvas.rectangle((x0 + 0.01, y0, x1 - 0.01, y1), body, 0.02)
    x, radius, step = (x0 + x1) / 2, (y1 - y0) * 0.145, (y1 - y0) / 3
    for index, name in enumerate(_LAMP):
        y = y0 + step * (index + 0.5)
        lit = name == place.value
        if lit:
            glow = radius * 1.14
            canvas.ellipse((x - glow, y - glow, x + glow, y + glow), shade(_LAMP[name], 0.6))
        fill = _LAMP[name] if lit else shade(_LAMP[name], 0.2)
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill)


def _arrow(canvas: Canvas, place: Placement, rng: np.random.Generator, ambient: float) -> None:
    x0, y0, x1, y1 = place.box
    _post(canvas, place.box)
    light = max(ambient, 0.8)
    round_sign, (board, ink) = rng.random() < 0.5, _BOARD[rng.integers(1, len(_BOARD))]
    rim = shade(ink, light)
    if round_sign:
        canvas.ellipse(place.box, rim)
        canvas.ellipse((x0 + 0.008, y0 + 0.008, x1 - 0.008, y1 - 0.008), shade(board, light))
    else:
        canvas.rectangle(place.box, rim, 0.02)
        canvas.rectangle((x0 + 0.008, y0 + 0.008, x1 - 0.008, y1 - 0.008), shade(board, light), 0.015)
    # An arrow that points up in a unit square, centre 0; the other directions are quarter turns.
    shape = [
        (0, -0.36),
        (0.28, -0.04),
        (0.1, -0.04),
        (0.1, 0.34),
        (-0.1, 0.34),
        (-0.1, -0.04),
        (-0.28, -0.04),
    ]
    turn = {"up": (1, 0), "right": (0, 1), "left": (0, -1)}[place.value]
    width, height = x1 - x0, y1 - y0
    points = [
        (x0 + width * (0.5 + u * turn[0] - v * turn[1]), y0 + height * (0.5 + u * turn[1] + v * turn[0]))
        for u, v in shape
    ]
    canvas.polygon(points, rim)


def _speed(canvas: Canvas, place: Placement, ambient: float) -> None:
    x0, y0, x1, y1 = place.box
    _post(canvas, place.box)
    light = max(ambient, 0.8)
    canvas.ellipse(place.box, shade((204, 28, 36), light))
    canvas.ellipse((x0 + 0.02, y0 + 0.02, x1 - 0.02, y1 - 0.02), shade((252, 252, 248), light))
    canvas.text((x0 + 0.035, y0 + 0.055, x1 - 0.035, y1 - 0.055), place.value, (20, 20, 24))


def _word(canvas: Canvas, place: Placement, rng: np.random.Generator, ambient: float) -> None:
    x0, y0, x1, y1 = place.box
    _post(canvas, place.box)
    light = max(ambient, 0.8)
    board, ink = _BOARD[rng.integers(len(_BOARD))]
    canvas.rectangle(place.box, shade(ink, light), 0.012)
    canvas.rectangle((x0 + 0.006, y0 + 0.006, x1 - 0.006, y1 - 0.006), shade(board, light), 0.01)
    canvas.text((x0 + 0.016, y0 + 0.025, x1 - 0.016, y1 - 0.025), place.value, shade(ink, light))


def _car(canvas: Canvas, place: Placement, rng: np.random.Generator, ambient: float) -> None:
    x0, y0, x1, y1 = place.box
    width, height = x1 - x0, y1 - y0
    flip, van = rng.random() < 0.5, rng.random() < 0.4
    paint = shade(_PAINT[place.value], ambient * rng.uniform(0.92, 1.06))

    def at(u: float, v: float) -> tuple[float, float]:
        return x0 + width * (1 - u if flip else u), y0 + height * v

    canvas.ellipse((x0, y1 - 0.02, x1, y1 + 0.015), shade((40, 40, 44), ambient))
    roof = [(0.06, 0.45), (0.1, 0.02), (0.72, 0.02), (0.86, 0.45)]
    if not van:
        roof = [(0.16, 0.45), (0.3, 0.04), (0.66, 0.04), (0.82, 0.45)]
    canvas.polygon([at(u, v) for u, v in roof], paint)
    (left, top), (right, bottom) = at(0.0, 0.4), at(1.0, 0.86)
    canvas.rectangle((min(left, right), top, max(left, right), bottom), paint, 0.025)
    glass = shade((150, 186, 206), ambient)
    panes = (
        [(0.27, 0.42), (0.35, 0.13), (0.47, 0.13), (0.47, 0.42)],
        [(0.51, 0.42), (0.51, 0.13), (0.64, 0.13), (0.74, 0.42)],
    )
    for pane in panes:
        canvas.polygon([at(u, v) for u, v in pane], glass)
    for u, colour in ((0.97, (255, 240, 180)), (0.03, (190, 30, 30))):
        x, y = at(u, 0.55)
        canvas.ellipse((x - 0.012, y - 0.012, x + 0.012, y + 0.012), colour)
    for u in (0.22, 0.78):
        x, y = at(u, 0.84)
        canvas.ellipse((x - 0.036, y - 0.036, x + 0.036, y + 0.036), (24, 24, 26))
        canvas.ellipse((x - 0.017, y - 0.017, x + 0.017, y + 0.017), shade((176, 178, 182), ambient))


def _person(canvas: Canvas, box: Box, rng: np.random.Generator, ambient: float) -> None:
    x0, y0, x1, y1 = box
    height, x = y1 - y0, (x0 + x1) / 2
    skin = shade(_SKIN[rng.integers(len(_SKIN))], ambient)
    shirt, trousers = (shade(_CLOTHES[i], ambient) for i in rng.integers(len(_CLOTHES), size=2))
    stride = rng.uniform(0.008, 0.022)
    for foot in (-stride, stride):
        canvas.line([(x, y0 + 0.58 * height), (x + foot, y1)], shade(trousers, 0.7), 0.021)
    canvas.rectangle((x - 0.026, y0 + 0.27 * height, x + 0.026, y0 + 0.65 * height), shirt, 0.015)
    for side in (-1, 1):
        arm = [(x + side * 0.024, y0 + 0.32 * height), (x + side * 0.038, y0 + 0.58 * height)]
        canvas.line(arm, shade(shirt, 0.85), 0.014)
    canvas.ellipse((x - 0.024, y0, x + 0.024, y0 + 0.048), skin)


def _tree(canvas: Canvas, box: Box, rng: np.random.Generator, ambient: float) -> None:
    x0, y0, x1, y1 = box
    width, height, x = x1 - x0, y1 - y0, (x0 + x1) / 2
    leaf = shade((58, 128, 56), ambient * rng.uniform(0.8, 1.15))
    canvas.rectangle((x - 0.012, y0 + 0.5 * height, x + 0.012, y1), shade((104, 74, 50), ambient))
    for left, upper, right, lower in (
        (0.0, 0.25, 0.6, 0.75),
        (0.4, 0.22, 1.0, 0.72),
        (0.18, 0.0, 0.82, 0.55),
    ):
        canvas.ellipse((x0 + left * width, y0 + upper * height, x0 + right * width, y0 + lower * height), leaf)


def _cone(canvas: Canvas, box: Box, ambient: float) -> None:
    x0, y0, x1, y1 = box
    width, height, x = x1 - x0, y1 - y0, (x0 + x1) / 2
    orange = shade((242, 112, 30), max(ambient, 0.75))
    canvas.rectangle((x0, y1 - 0.016, x1, y1), shade(orange, 0.8))
    canvas.polygon(
        [(x - 0.1 * width, y0), (x + 0.1 * width, y0), (x + 0.38 * width, y1), (x - 0.38 * width, y1)], orange
    )
    band = [(x - 0.2 * width, y0 + 0.4 * height), (x + 0.2 * width, y0 + 0.4 * height)]
    canvas.line(band, (250, 250, 250), 0.016)
