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

from ru1_app.files import write_whole


class RunLog:
    """Means of named values over every `every` steps. A run that goes on after `step` does so in the same files.

    What they hold of later steps, from a run that was killed after its last checkpoint, is dropped. A `silent` log
    writes nothing: of processes that train together only one keeps the log.
    """

    def __init__(self, folder: Path, every: int, step: int, *, silent: bool = False) -> None:
        self._folder, self._every, self._silent = folder, every, silent
        self._sums: dict[str, float | Tensor] = {}
        self._count = 0
        self._board: Any = None
        if silent:
            return
        folder.mkdir(parents=True, exist_ok=True)
        _drop_later(folder / "log.csv", step)
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def add(self, step: int, values: Mapping[str, float | Tensor]) -> None:
        """One step's values; every so often their means become a row. Until then nothing waits for a device."""
        if self._silent:
            return
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}
        self._count += 1
        if step % self._every:
            return
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        self._write({"step": str(step), **{name: f"{value:.6g}" for name, value in means.items()}})
        if self._board is not None:
            for name, value in means.items():
                self._board.add_scalar(name, value, step)
        self._sums, self._count = {}, 0

    def _write(self, row: Mapping[str, str]) -> None:
        """A row in the columns that the file has: a run that goes on with other parts of the loss has other values."""
        path = self._folder / "log.csv"
        columns = list(row)
        if path.exists():
            with path.open(newline="") as file:
                columns = next(csv.reader(file), columns)
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="nan", extrasaction="ignore")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)

    def samples(self, step: int, *columns: Tensor) -> None:
        """A row for each image: the columns [N, 3, H, W] in [0, 1] side by side, as PNG (and in TensorBoard)."""
        if self._silent:
            return
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


def _drop_later(path: Path, step: int) -> None:
    """Keep the rows of a `log.csv` up to a step; a row that was cut off while it was written is a later one."""
    if not path.exists():
        return
    header, *rows = path.read_bytes().splitlines(keepends=True) or [b""]
    whole = [row for row in rows if row.count(b",") == header.count(b",")]
    kept = [row for row in whole if int(row.partition(b",")[0]) <= step]
    if kept:
        write_whole(path, b"".join([header, *kept]))
    else:
        path.unlink()


def _pixels(images: Tensor) -> Any:
    return (images.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
