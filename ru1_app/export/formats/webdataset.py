"""Shards of tar files for streaming: `s000001.corrupted.png`, `s000001.recovered.png`, `s000001.json`.

    with_reference/{train,test}-000000.tar      these have `s000001.reference.png`, the clean image, too
    without_reference/{train,test}-000000.tar

Two folders, because `datasets` refuses shards whose samples hold different files. Keys are counted over both and have
no dots: what follows the first dot is the name of the column.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.formats.format import Format
from ru1_app.export.values.plain import all_regions, marked, named, plain

NAME = "webdataset"
MOST = 10**9  # bytes of a shard
WITH, WITHOUT = "with_reference", "without_reference"
BLOCK = 512  # of a tar file: headers, and what contents are filled up to


class _Shards:
    """The tar files of one folder and split, one open at a time."""

    def __init__(self, folder: Path, split: str, stack: ExitStack) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._split, self._stack = folder, split, stack
        self._open: tarfile.TarFile | None = None
        self._number = self._size = 0
        stack.callback(self.close)

    def add(self, key: str, files: Sequence[tuple[str, bytes]]) -> None:
        size = sum(BLOCK + -(-len(data) // BLOCK) * BLOCK for _, data in files)
        if self._open and self._size + size + tarfile.RECORDSIZE > MOST:
            self.close()
        if self._open is None:
            path = self._folder / f"{self._split}-{self._number:06d}.tar"
            self._open = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed when full
            self._number, self._size = self._number + 1, 0
        for ending, data in files:
            member = tarfile.TarInfo(f"{key}.{ending}")  # of no time and nobody: the same bytes on every machine
            member.size = len(data)
            self._open.addfile(member, io.BytesIO(data))
        self._size += size

    def close(self) -> None:
        if self._open:
            self._open.close()
            self._open = None


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`."""
    counts: dict[str, int] = {}
    shards: dict[tuple[str, str], _Shards] = {}
    with ExitStack() as stack:
        for row, label in source.rows():
            where = (WITH if row.case.sample.reference_sha else WITHOUT, row.split)
            if where not in shards:
                shards[where] = _Shards(folder / where[0], where[1], stack)
            counts[row.split] = counts.get(row.split, 0) + 1
            shards[where].add(f"s{counts[row.split]:06d}", _files(source, row, label))
    return counts


def _files(source: Source, row: Row, label: Label) -> list[tuple[str, bytes]]:
    sample = row.case.sample
    images = {
        "corrupted.png": sample.corrupted_sha,
        "recovered.png": row.case.recovery.image_sha,
        "reference.png": sample.reference_sha,
    }
    files = [(name, source.image(sha)) for name, sha in images.items() if sha]
    return [*files, ("json", json.dumps(_label(row, label), ensure_ascii=False, allow_nan=False).encode())]


def _label(row: Row, label: Label) -> dict[str, Any]:
    """Categories and regions as texts: readers take the types from the first five samples, and lists may be empty."""
    return {**plain(row, label), "categories": named(label.categories), "regions": marked(all_regions(label))}


WEBDATASET = Format(
    name=NAME,
    title="WebDataset shards",
    consumer='The webdataset library; datasets: load_dataset("webdataset", data_files=…)',
    trains="The same as the folder of images, streamed, where there are too many files for a folder.",
    cannot="It has no judgements of single people and no preferences.",
    write=write,
)
