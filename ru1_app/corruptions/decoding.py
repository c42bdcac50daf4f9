"""What a receiver does wrong when it decodes: colour planes, white point, levels."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ru1_app.corruptions.base import Corruption, Rng, knots, lut, unit
from ru1_app.images import Image8

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def color_shift(image: Image8, severity: float, rng: Rng) -> Image8:
    """Colour planes out of register with the brightness: by 0 / 6 / 14 / 30 pixels at 512, in any direction."""
    distance = knots(severity, (0, 6, 14, 30)) * unit(image)
    angle = rng.uniform(0, 2 * math.pi)
    move = np.array([[1, 0, distance * math.cos(angle)], [0, 1, distance * math.sin(angle)]])
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    chroma = cv2.subtract(image, gray, dtype=cv2.CV_16S)
    moved = cv2.warpAffine(chroma, move, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.add(gray, moved, dtype=cv2.CV_8U), np.uint8)


def white_balance(image: Image8, severity: float, rng: Rng) -> Image8:
    """A colour cast, warm or cold: red gains and blue loses exp(.7 t), or the reverse; t 0 / .18 / .4 / .75."""
    sign = 1 if rng.random() < 0.5 else -1
    gain = np.exp(np.float32(0.7 * sign * knots(severity, (0, 0.18, 0.4, 0.75))) * np.array([1, 0, -1], np.float32))
    return lut(image, _LEVELS[:, None] * gain)


def brighten(image: Image8, severity: float, rng: Rng) -> Image8:
    """The display's gamma is too low: exponent 1 over 1 / 1.5 / 2.3 / 3.8."""
    return lut(image, _LEVELS ** np.float32(1 / knots(severity, (1, 1.5, 2.3, 3.8))))


def darken(image: Image8, severity: float, rng: Rng) -> Image8:
    """The display's gamma is too high: exponent 1 / 1.6 / 2.6 / 4.5."""
    return lut(image, _LEVELS ** np.float32(knots(severity, (1, 1.6, 2.6, 4.5))))


def mean_shift(image: Image8, severity: float, rng: Rng) -> Image8:
    """All levels moved up or down with clipping: by 0 / .10 / .22 / .38."""
    sign = 1 if rng.random() < 0.5 else -1
    return lut(image, _LEVELS + np.float32(sign * knots(severity, (0, 0.10, 0.22, 0.38))))


ENTRIES = {
    "color_shift": Corruption("Chroma shift", "decoding", "colour planes out of register", color_shift),
    "white_balance": Corruption("Wrong white point", "decoding", "a warm or cold colour cast", white_balance),
    "brighten": Corruption("Brighten", "decoding", "the display's gamma is too low", brighten),
    "darken": Corruption("Darken", "decoding", "the display's gamma is too high", darken),
    "mean_shift": Corruption("Level shift", "decoding", "an offset of all levels, with clipping", mean_shift),
}
