"""What a lossy channel does: packets that are lost, swapped or repeated. Lengths are for 512 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ru1_app.corruptions.base import Corruption, Mask, Rng, knots, unit
from ru1_app.images import Image8

BLOCK = 32  # side of a packet's block in pixels at 512


@dataclass(frozen=True, slots=True)
class Blocks:
    """The grid of packets over an image; those at the right and lower border may be cut off."""

    side: int
    rows: int
    columns: int

    @classmethod
    def of(cls, image: Image8) -> Blocks:
        """The grid for an image of this size."""
        side = max(round(BLOCK * unit(image)), 2)
        return cls(side, -(-image.shape[0] // side), -(-image.shape[1] // side))

    @property
    def count(self) -> int:
        """How many there are."""
        return self.rows * self.columns

    def corner(self, index: int) -> tuple[int, int]:
        """Top and left of a block, counted in raster order."""
        row, column = divmod(int(index), self.columns)
        return row * self.side, column * self.side

    def at(self, index: int) -> tuple[slice, slice]:
        """Its pixels."""
        y, x = self.corner(index)
        return slice(y, y + self.side), slice(x, x + self.side)


def block_exchange(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Packets arrive in the wrong order: a share 0 / .08 / .22 / .5 of the blocks change places in pairs."""
    blocks = Blocks.of(image)
    order = rng.permutation(blocks.count)
    pairs = order[: blocks.count // 2 * 2].reshape(-1, 2)
    out, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
    for a, b in pairs[: round(knots(severity, (0, 0.08, 0.22, 0.5)) * blocks.count / 2)]:
        _copy(image, blocks, a, b, out, mask)
        _copy(image, blocks, b, a, out, mask)
    return out, mask


def block_repeat(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """A packet sticks: a share 0 / .05 / .15 / .35 of the blocks is shown again in the next 1 to 3 places."""
    blocks = Blocks.of(image)
    order, runs = rng.permutation(blocks.count), rng.integers(1, 4, blocks.count)
    out, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
    damaged = set[int]()
    for start in order[: round(knots(severity, (0, 0.05, 0.15, 0.35)) * blocks.count)]:
        after = range(start + 1, min(start + 1 + runs[start], blocks.count))
        for index in after:
            if index not in damaged:
                _copy(image, blocks, start, index, out, mask)
        damaged.update(after)
    return out, mask


def block_lost(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Lost packets: a share 0 / .05 / .15 / .35 of 32-pixel blocks turns black or mid gray."""
    fill = 0 if rng.random() < 0.5 else 128
    blocks = Blocks.of(image)
    order = rng.permutation(blocks.count)
    out, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
    for index in order[: round(knots(severity, (0, 0.05, 0.15, 0.35)) * blocks.count)]:
        block = blocks.at(index)
        out[block], mask[block] = fill, True
    return out, mask


def block_interpolate(image: Image8, severity: float, rng: Rng) -> tuple[Image8, Mask]:
    """Concealed losses: a share 0 / .12 / .35 / .7 of the blocks is filled in between four pixels around."""
    blocks = Blocks.of(image)
    height, width = image.shape[:2]
    order = rng.permutation(blocks.count)
    far = (np.arange(blocks.side, dtype=np.float32) + 1) / np.float32(blocks.side + 1)
    weights = np.stack([1 - far, far], axis=1)
    out, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
    for index in order[: round(knots(severity, (0, 0.12, 0.35, 0.7)) * blocks.count)]:
        (y, x), block = blocks.corner(index), blocks.at(index)
        rows = [max(y - 1, 0), min(y + blocks.side, height - 1)]
        columns = [max(x - 1, 0), min(x + blocks.side, width - 1)]
        corners = image[np.ix_(rows, columns)].astype(np.float32).transpose(2, 0, 1)
        filled = (weights @ corners @ weights.T + 0.5).astype(np.uint8).transpose(1, 2, 0)
        part = out[block]
        part[:] = filled[: part.shape[0], : part.shape[1]]
        mask[block] = True
    return out, mask


def scan_lines(image: Image8, severity: float, rng: Rng) -> Image8:
    """Dropped video lines: .25 / .25 / .4 / .6 of each 8 rows lose 0 / .35 / .65 / .95 of their brightness."""
    loss = knots(severity, (0, 0.35, 0.65, 0.95))
    period = max(8 * unit(image), 2)
    dark = knots(severity, (0.25, 0.25, 0.4, 0.6)) * period
    edges = np.arange(image.shape[0] + 1) + np.floor(rng.random() * period)
    covered = np.diff(edges // period * dark + np.minimum(edges % period, dark))
    rows = np.flatnonzero(covered > 1e-6)
    out = image.copy()
    out[rows] = image[rows] * (1 - loss * covered[rows]).astype(np.float32)[:, None, None] + np.float32(0.5)
    return out


def _copy(image: Image8, blocks: Blocks, source: int, target: int, out: Image8, mask: Mask) -> None:
    """Show the block `source` of the image at `target`; where it is cut off, less of it."""
    (y, x), (to_y, to_x) = blocks.corner(source), blocks.corner(target)
    height = min(blocks.side, image.shape[0] - max(y, to_y))
    width = min(blocks.side, image.shape[1] - max(x, to_x))
    part = slice(to_y, to_y + height), slice(to_x, to_x + width)
    out[part], mask[part] = image[y : y + height, x : x + width], True


ENTRIES = {
    "block_exchange": Corruption(
        "Block exchange", "channel", "packets arrive in the wrong order", local=block_exchange
    ),
    "block_repeat": Corruption("Block repeat", "channel", "a stuck packet is shown again", local=block_repeat),
    "block_lost": Corruption("Lost blocks", "channel", "lost packets leave blank blocks", local=block_lost),
    "block_interpolate": Corruption(
        "Concealed blocks", "channel", "lost packets are filled in from their corners", local=block_interpolate
    ),
    "scan_lines": Corruption("Scan lines", "channel", "dropped video lines", scan_lines),
}
