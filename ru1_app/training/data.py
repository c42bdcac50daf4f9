"""Training data of the recoverer: photos (and rendered scenes), corrupted on the fly, cut into crops."""

from __future__ import annotations

import logging
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.corruptions.spec import MAX_SEED
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8
from ru1_app.intake import read_file
from ru1_app.models.embedded.net import STRIDE, thumbnail

log = logging.getLogger(__name__)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LEAST_SIDE = 96  # of a photo that shows enough to learn from


class Images(Sequence[Image8]):
    """Images in a file of their own, mapped into memory: a process that is spawned opens it and is sent no image.

    Were 400 MB sent, every process would start only after the one before it had read them all. The file lies in the
    folder for temporary ones and goes with the object or the process; a process that is killed leaves it there.
    """

    def __init__(self, images: Iterable[Image8]) -> None:
        descriptor, self.path = tempfile.mkstemp(prefix="ru1-images-")
        weakref.finalize(self, os.unlink, self.path)
        with os.fdopen(descriptor, "wb") as file:
            self._shapes = [(image.shape, file.write(np.ascontiguousarray(image).tobytes())) for image in images]
        self._map()

    def _map(self) -> None:
        self._ends = np.cumsum([size for _, size in self._shapes], dtype=np.int64)
        self._bytes = np.memmap(self.path, np.uint8, "r") if self._shapes else np.empty(0, np.uint8)

    def __len__(self) -> int:
        return len(self._shapes)

    @overload
    def __getitem__(self, index: int) -> Image8: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image8]: ...
    def __getitem__(self, index: int | slice) -> Image8 | list[Image8]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        shape, size = self._shapes[index]
        end = int(self._ends[index])
        return self._bytes[end - size : end].view(np.ndarray).reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_shapes": self._shapes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map()


def load_photos(folder: Path, crop: int, largest: int = 384) -> Images:
    """All photos below `folder` as RGB uint8, scaled to at most `largest` a side.

    Left out are broken ones, and those with a side shorter than `LEAST_SIDE` or than a crop.

    Raises:
        InvalidInput: the folder holds no usable photo.
    """
    limits, smallest = Settings(max_side=largest), max(LEAST_SIDE, crop)

    def read(path: Path) -> list[Image8]:
        try:
            photo = read_file(path, limits).image
        except InvalidInput as error:
            log.warning("%s", error)
            return []
        return [photo] if min(photo.shape[:2]) >= smallest else []

    with ThreadPoolExecutor() as pool:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        photos = Images(photo for found in pool.map(read, paths) for photo in found)
    if not photos:
        raise InvalidInput(f"{folder} holds no photo ({', '.join(sorted(SUFFIXES))}) of {smallest} pixels or more.")
    return photos


def load_scenes(count: int, crop: int) -> Images:
    """Rendered road scenes of 320 pixels a side, or of a crop's, from seeds that no held-out check uses."""
    from ru1_app.scenes import render, sample_scene

    return Images(render(sample_scene(1_000_000 + k), max(320, crop)) for k in range(count))


@dataclass(frozen=True)
class Mix:
    """What share of the inputs is left clean, corrupted twice, or a rendered scene; how often each corruption is drawn.

    `weights` are relative, by name. `aligned` is the share of images whose crops begin at multiples of the network's
    stride, as whole images do: there the blocks of JPEG and of pixelation lie where they lie in use. Crops from
    anywhere stand for pictures that were cut after they had been compressed.
    """

    clean: float
    second: float
    scene: float
    aligned: float
    weights: Mapping[str, float]


def loader(data: IterableDataset[Any], workers: int, device: str = "cpu", *, ahead: int = 4) -> DataLoader[Any]:
    """The batches of `data` from `workers` processes, `ahead` from each; each draws from a stream of its own.

    The processes are spawned: OpenCV and OpenMP leave a fork with locks of threads that it does not have.
    """
    return DataLoader(
        data,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=ahead if workers else None,
        pin_memory=device != "cpu",
        worker_init_fn=_alone,
        multiprocessing_context="spawn" if workers else None,
    )


def _alone(_: int) -> None:
    cv2.setNumThreads(1)  # the other cores belong to the other workers


class CorruptedCrops(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Endless batches: corrupted and clean crops [B, 3, c, c] in [0, 1], and thumbnails [B, 8, 48, 48].

    The thumbnail is that of the whole corrupted image, as in use. `per_image` crops share one image.
    """

    def __init__(
        self,
        photos: Sequence[Image8],
        scenes: Sequence[Image8],
        mix: Mix,
        *,
        batch: int,
        per_image: int,
        crop: int,
        seed: int,
    ) -> None:
        self.photos, self.scenes, self.mix = photos, scenes, mix
        self.batch, self.per_image, self.crop, self.seed = batch, per_image, crop, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            rows = [row for _ in range(self.batch // self.per_image) for row in self._crops(rng)]
            corrupted, clean, thumbs = (torch.stack(column) for column in zip(*rows, strict=True))
            yield corrupted, clean, thumbs

    def _crops(self, rng: np.random.Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
        clean = self._source(rng)
        if rng.random() < 0.5:
            clean = np.ascontiguousarray(clean[:, ::-1])
        damaged = self._damage(clean, rng)
        whole = _tensor(damaged)
        thumb = thumbnail(whole[None])[0]
        grid = STRIDE if rng.random() < self.mix.aligned else 1
        rows = []
        for _ in range(self.per_image):
            y, x = (grid * int(rng.integers(0, (side - self.crop) // grid + 1)) for side in clean.shape[:2])
            window = (slice(y, y + self.crop), slice(x, x + self.crop))
            rows.append((whole[:, *window], _tensor(clean[window]), thumb))
        return rows

    def _source(self, rng: np.random.Generator) -> Image8:
        pool = self.scenes if self.scenes and rng.random() < self.mix.scene else self.photos
        return pool[int(rng.integers(len(pool)))]

    def _damage(self, clean: Image8, rng: np.random.Generator) -> Image8:
        if rng.random() < self.mix.clean:
            return clean
        count = 2 if rng.random() < self.mix.second else 1
        damaged = clean
        names, weights = list(self.mix.weights), np.array(list(self.mix.weights.values()))
        for name in rng.choice(names, size=count, replace=False, p=weights / weights.sum()):
            severity = float(rng.uniform(0.05, 1.0)) / count
            damaged = corrupt(damaged, CorruptionSpec.of(str(name), severity, int(rng.integers(MAX_SEED))))
        return damaged


def _tensor(image: Image8) -> Tensor:
    return torch.tensor(image).permute(2, 0, 1).float() / 255
