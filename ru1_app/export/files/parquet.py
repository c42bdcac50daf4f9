"""Parquet files that are written in row groups of bounded size, with images as bytes, as `datasets` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROWS, BYTES = 100, 32 * 2**20  # most of one row group: what a writer and a reader hold in memory at once


def embedded(sha: str | None, png: bytes | None) -> dict[str, Any] | None:
    """An image column's value: bytes always, since a path would mean nothing elsewhere."""
    return None if sha is None or png is None else {"bytes": png, "path": f"{sha}.png"}


class Table:
    """One Parquet file of `datasets` features; `rows` is the most of one row group."""

    def __init__(self, path: Path, features: Any, rows: int = ROWS) -> None:
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = features.arrow_schema
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Mapping[str, Any]] = []
        self._most, self._size = rows, 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row."""
        self._rows.append(row)
        self._size += _weight(row)
        if len(self._rows) == self._most or self._size >= BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._size = [], 0


class Tables:
    """A folder with one Parquet file for each split, made when its first row comes: loaders refuse empty ones."""

    def __init__(self, folder: Path, features: Any, stack: ExitStack, rows: int = ROWS) -> None:
        self._folder, self._features, self._stack, self._rows = folder, features, stack, rows
        self._open: dict[str, Table] = {}
        self.counts: dict[str, int] = {}

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Append a row to a split."""
        if split not in self._open:
            table = Table(self._folder / f"{split}.parquet", self._features, self._rows)
            self._stack.callback(table.close)
            self._open[split] = table
        self._open[split].add(row)
        self.counts[split] = self.counts.get(split, 0) + 1


@contextmanager
def tables(folder: Path, features: Any) -> Iterator[Tables]:
    """The files of a folder, closed at the end."""
    with ExitStack() as stack:
        yield Tables(folder, features, stack)


def _weight(value: Any) -> int:
    """Bytes of the images in a row, however deep they lie."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list | tuple) else 0
