"""Training data from a release: judged recoveries as inputs with what people prefer to them. Read from its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ru1_app.errors import InvalidInput
from ru1_app.images import from_png
from ru1_app.models.embedded.net import STRIDE, thumbnail
from ru1_app.rewards.human import hard_weight
from ru1_app.store.blobs import png_size

IMAGES = ("corrupted", "recovered", "reference")
LEAST_SIDE = 32
FALSE = ("misleading", "unusable")
Regions = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Example:
    """One input with a better and a worse recovery of it, as PNG of one size `sides` (height, width).

    `better` is the clean image where no recovery was preferred; `marked` are the regions where people say that the
    worse one misleads.
    """

    corrupted: bytes
    better: bytes
    worse: bytes
    clean: bytes | None
    marked: Regions
    weight: float  # how often it is drawn
    sides: tuple[int, int]


class Batch(NamedTuple):
    """Tensors [N, 3, h, w] in [0, 1] of one size; `marked` [N, 1, h, w], `known` [N] whether there is a clean image."""

    corrupted: Tensor
    better: Tensor
    worse: Tensor
    clean: Tensor
    marked: Tensor
    known: Tensor
    thumbnails: Tensor


def read_examples(release: Path, split: str = "train", *, with_clean: bool = True) -> list[Example]:
    """Preferences between recoveries, and recoveries that mislead beside their clean images.

    Not `with_clean`, all is as though no input had a clean image: preferences between recoveries are left.

    Raises:
        InvalidInput: the release lacks the tables, or nothing in it says better or worse.
    """
    tables = release / "tables"
    samples, pairs = (tables / name / f"{split}.parquet" for name in ("samples", "pairs"))
    if not samples.is_file() and not pairs.is_file():
        raise InvalidInput(f"{str(release)!r} has no tables of {split!r}. Make a release with the format tables.")
    found: list[Example] = []
    marked: dict[str, Regions] = {}
    for row in rows_of(samples, ["id", "verdict", "mean_severity", "elusive", "regions", *IMAGES]):
        marked[row["id"]] = row["regions"]
        if with_clean and row["verdict"] in FALSE and row["reference"] is not None:
            corrupted, worse, clean = (row[name]["bytes"] for name in IMAGES)
            weight = hard_weight(row["verdict"], row["mean_severity"], row["elusive"])
            found += _example(corrupted, clean, worse, clean, row["regions"], weight)
    for row in rows_of(pairs, ["rejected_id", "margin", "corrupted", "chosen", "rejected", "reference"]):
        corrupted, better, worse = (row[name]["bytes"] for name in ("corrupted", "chosen", "rejected"))
        known = row["reference"]["bytes"] if with_clean and row["reference"] else None
        found += _example(corrupted, better, worse, known, marked.get(row["rejected_id"], []), max(row["margin"], 0.1))
    if not found:
        raise InvalidInput("Nothing in the release says which recovery is better: no preference, none that misleads.")
    return found


def shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    """The same examples, a coin saying which of the two is better: what a control learns from."""
    coins = np.random.default_rng(seed).random(len(examples)) < 0.5
    return [
        replace(each, better=each.worse, worse=each.better) if turned else each
        for each, turned in zip(examples, coins, strict=True)
    ]


def rows_of(path: Path, columns: list[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of a Parquet file, read piece by piece; none where it is not there."""
    import pyarrow.parquet as pq

    if path.is_file():
        for batch in pq.ParquetFile(path).iter_batches(batch_size=32, columns=columns):
            yield from batch.to_pylist()


def mask_of(regions: Regions, sides: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The regions of people as [height, width] of {0, 1}; a point marks a tenth of the image around it."""
    height, width = sides
    mask = np.zeros((height, width), np.float32)
    for region in regions:
        x0, y0, x1, y1 = (region[name] for name in ("x0", "y0", "x1", "y1"))
        if x1 - x0 < 0.01 and y1 - y0 < 0.01:
            x0, y0, x1, y1 = x0 - 0.05, y0 - 0.05, x1 + 0.05, y1 + 0.05
        top, left = max(int(y0 * height), 0), max(int(x0 * width), 0)
        mask[top : max(int(np.ceil(y1 * height)), top + 1), left : max(int(np.ceil(x1 * width)), left + 1)] = 1
    return mask


class Batches:
    """Endless batches of aligned crops around what people marked; whole images where they are not larger."""

    def __init__(self, examples: list[Example], batch: int, crop: int, seed: int) -> None:
        self._examples, self._batch, self._rng = examples, batch, np.random.default_rng(seed)
        weights = np.array([each.weight for each in examples])
        self._chances = weights / weights.sum()
        least = min(min(each.sides) for each in examples)
        self._crop = min(crop, least // STRIDE * STRIDE)

    def __iter__(self) -> Iterator[Batch]:
        while True:
            drawn = self._rng.choice(len(self._examples), size=self._batch, p=self._chances)
            rows = [self._row(self._examples[k]) for k in drawn]
            yield Batch(*(torch.stack(column) for column in zip(*rows, strict=True)))

    def _row(self, example: Example) -> tuple[Tensor, ...]:
        pngs = (example.corrupted, example.better, example.worse, example.clean or example.better)
        images = [torch.tensor(from_png(png)).permute(2, 0, 1).float() / 255 for png in pngs]
        told = thumbnail(images[0][None])[0]
        mask = mask_of(example.marked, example.sides)
        top, left = self._corner(mask)
        window = (..., slice(top, top + self._crop), slice(left, left + self._crop))
        parts = [image[window] for image in (*images, torch.tensor(mask)[None])]
        return (*parts, torch.tensor(example.clean is not None), told)

    def _corner(self, marked: np.ndarray[Any, Any]) -> tuple[int, int]:
        """A corner on the network's grid whose crop holds a marked pixel, where there is one."""
        most = [(side - self._crop) // STRIDE for side in marked.shape]
        places = np.argwhere(marked > 0)
        corner = [int(self._rng.integers(0, each + 1)) for each in most]
        if len(places):
            place = places[self._rng.integers(len(places))]
            for axis in range(2):
                low = max(0, -(-(int(place[axis]) - self._crop + 1) // STRIDE))
                high = min(most[axis], int(place[axis]) // STRIDE)
                corner[axis] = int(self._rng.integers(low, high + 1)) if low <= high else corner[axis]
        return corner[0] * STRIDE, corner[1] * STRIDE


def _example(
    corrupted: bytes, better: bytes, worse: bytes, clean: bytes | None, marked: Regions, weight: float
) -> list[Example]:
    """The example, or nothing where the images are of different sizes or too small."""
    sizes = {png_size(png) for png in (corrupted, better, worse, clean) if png is not None}
    width, height = next(iter(sizes))
    if len(sizes) > 1 or min(width, height) < LEAST_SIDE:
        return []
    return [Example(corrupted, better, worse, clean, marked, weight, (height, width))]
