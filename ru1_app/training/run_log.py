"""What a run says of itself: `log.csv`, TensorBoard where it is installed, and grids of samples."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor


class RunLog:
    """Means of named values over every `every` steps. A resumed run goes on in the same files."""

    def __init__(self, folder: Path, every: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._every = folder, every
        self._sums: dict[str, float | Tensor] = {}
        self._count = 0
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))

    def add(self, step: int, values: Mapping[str, float | Tensor]) -> None:
        """One step's values; every so often their means become a row. Until then nothing waits for a device."""
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}
        self._count += 1
        if step % self._every:
            return
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        path = self._folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([["step", *means]] if new else [])
            writer.writerow([step, *(f"{value:.6g}" for value in means.values())])
        if self._board is not None:
            for name, value in means.items():
                self._board.add_scalar(name, value, step)
        self._sums, self._count = {}, 0

    def samples(self, step: int, *columns: Tensor) -> None:
        """A row for each image: the columns [N, 3, H, W] in [0, 1] side by side, as PNG (and in TensorBoard)."""
        grid = np.concatenate([np.concatenate(list(_pixels(column)), 0) for column in columns], 1)
        folder = self._folder / "samples"
        folder.mkdir(exist_ok=True)
        Image.fromarray(grid).save(folder / f"{step:07d}.png")
        if self._board is not None:
            self._board.add_image("samples", grid, step, dataformats="HWC")

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> dict[str, list[float]]:
    """The columns of a `log.csv`."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}


def _pixels(images: Tensor) -> Any:
    return (images.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
