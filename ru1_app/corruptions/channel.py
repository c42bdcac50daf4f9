"""What a lossy channel does: packets that are lost, swapped or repeated."""

from __future__ import annotations

import numpy as np

from ru1_app.corruptions.base import Corruption, Mask, Rng, knots, unit
from ru1_app.images import Image8

BLOCK = 32  # side of a packet's block in pixels at 512


def block_lost(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Lost packets: a share 0 / .05 / .15 / .35 of 32-pixel blocks turns black or mid gray."""
    share = knots(severity, (0, 0.05, 0.15, 0.35))
    fill = 0 if rng.random() < 0.5 else 128
    side = max(round(BLOCK * unit(image)), 2)
    rows, columns = (-(-n // side) for n in image.shape[:2])
    order = rng.permutation(rows * columns)
    out, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
    for index in order[: round(share * rows * columns)]:
        y, x = divmod(int(index), columns)
        block = slice(y * side, (y + 1) * side), slice(x * side, (x + 1) * side)
        out[block], mask[block] = fill, True
    return out, mask


ENTRIES = {
    "block_lost": Corruption("Lost blocks", "channel", "lost packets leave blank blocks", local=block_lost),
}
