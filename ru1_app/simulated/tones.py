"""How a view renders colours: fitted curves from the drawing to the view, over the image and then around one thing.

A recovery may keep a cast, a veil or another contrast; what it says of a thing is read after that is allowed for. The
fits leave out the places that are in question, so that the colour of a car is not taken for a cast.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bools: TypeAlias = NDArray[np.bool_]

KNOTS = (0.0, 64.0, 128.0, 192.0, 255.0)  # of a tone curve
SMOOTH, SMALL = 30.0, 1.0  # how strongly curves are kept straight, and near 0 where nothing speaks for another value
ROUNDS = 4  # of the reweighting
OUTLIER = 10.0  # levels: the least difference beyond which a pixel counts for less
SPARSE = 2  # every so many pixels, in each direction, are enough for the curves of the whole image
STIFF_GAIN, STIFF_OFFSET = 80_000.0, 100.0
"""How strongly the fit around a thing is kept to that of the image: as if 200 pixels of contrast 20, and 100 pixels,
spoke for no change."""


def blurred(picture: Floats, sigma: float) -> Floats:
    """The picture [H, W, 3] out of focus; `sigma` in pixels, 0 leaves it."""
    return picture if sigma == 0 else np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def squared(difference: Floats) -> Floats:
    """The mean of the squares over the channels: [..., 3] to [...]."""
    return np.asarray(np.einsum("...c,...c->...", difference, difference) / 3, np.float32)


class Curves:
    """Colours of the drawing to those of the view: a sum of one curve for each pair of channels, clipped to levels."""

    def __init__(self, drawn: Floats, view: Floats, free: Bools) -> None:
        """Fit over the pixels of `free` [H, W], those that no curve explains counting less (Cauchy's weights)."""
        chosen = free[::SPARSE, ::SPARSE]
        levels = _levels(drawn[::SPARSE, ::SPARSE][chosen])
        x = np.concatenate([_HATS[levels[:, channel]] for channel in range(3)], axis=1)
        y: Floats = view[::SPARSE, ::SPARSE][chosen]
        weights: Floats = np.ones(len(x), np.float32)
        for _ in range(ROUNDS):
            weighed = x * weights[:, None]
            curves = np.linalg.solve(x.T @ weighed + _PENALTY, weighed.T @ y)
            rest = squared(y - x @ curves)
            weights = np.asarray(1 / (1 + rest / max(OUTLIER**2, 4 * float(np.median(rest)))), np.float32)
        self._tables = [(_HATS @ part).astype(np.float32) for part in np.split(curves, 3)]

    def __call__(self, drawn: Floats) -> Floats:
        """What a drawing [..., 3] looks like in the view."""
        levels = _levels(drawn)
        first, second, third = (table[levels[..., channel]] for channel, table in enumerate(self._tables))
        return np.asarray(np.clip(first + second + third, 0, 255), np.float32)


def settled(pictures: Floats, view: Floats, ring: Bools, outlier: float) -> tuple[Floats, float]:
    """The pictures [V, H, W, 3] with the gain and offset that the view has around a thing, and the mean gain.

    They are fitted for each channel over `ring` [H, W], where all pictures are alike; `outlier` is the squared
    difference from which a pixel counts for less.
    """
    drawn, seen = pictures[0][ring], view[ring]
    weights = (1 / (1 + squared(seen - drawn) / outlier))[:, None]
    total, x, y = weights.sum() + STIFF_OFFSET, (weights * drawn).sum(0), (weights * seen).sum(0)
    xx, xy = (weights * drawn * drawn).sum(0) + STIFF_GAIN, (weights * drawn * seen).sum(0) + STIFF_GAIN
    gain = (xy * total - x * y) / (xx * total - x * x)
    offset = (y - gain * x) / total
    return np.asarray(pictures * gain + offset, np.float32), float(gain.mean())


def _levels(picture: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def _hats() -> Floats:
    """Of each level [256, K]: how near it is to each knot; a sum of them is a curve of straight pieces."""
    levels = np.arange(256)
    return np.stack([np.interp(levels, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1).astype(np.float32)


def _penalty() -> Floats:
    bend = np.diff(np.eye(len(KNOTS)), 2, axis=0)
    return np.asarray(np.kron(np.eye(3), SMOOTH * bend.T @ bend + SMALL * np.eye(len(KNOTS))), np.float32)


_HATS, _PENALTY = _hats(), _penalty()
