"""The journal of a run: one JSON line for what is measured with what, then one for each finished cell.

A cell that was being written when a run was cut is dropped and measured again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ru1_app.errors import InvalidInput

Row: TypeAlias = dict[str, Any]
Header: TypeAlias = Mapping[str, Any]


class Journal:
    """The finished cells of a run, by name; `add` makes one durable before it returns."""

    def __init__(self, path: Path, header: Header) -> None:
        """Start a journal, or go on with the one at `path`.

        Raises:
            InvalidInput: the file is no journal, or one of other models, inputs or settings.
        """
        self._path = path
        self.cells: dict[str, list[Row]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]
        if whole:
            self._read(whole, json.loads(json.dumps(header)))
        if len(whole) != len(lines):
            os.truncate(path, sum(map(len, whole)))
        if not whole:
            self._append({"header": dict(header)})

    def __contains__(self, cell: str) -> bool:
        return cell in self.cells

    def add(self, cell: str, items: list[Row]) -> None:
        """Keep the measurements of a cell."""
        self._append({"cell": cell, "items": items})
        self.cells[cell] = items

    def _read(self, lines: list[bytes], header: Row) -> None:
        try:
            first, *rest = (json.loads(line) for line in lines)
            kept = first["header"]
            self.cells = {row["cell"]: row["items"] for row in rest}
        except (ValueError, KeyError, TypeError):
            raise InvalidInput(
                f"{str(self._path)!r} is not a journal of `ru1 eval embedded`. Name another --out."
            ) from None
        if other := sorted(name for name in kept.keys() | header.keys() if kept.get(name) != header.get(name)):
            told = "; ".join(f"{name} was {kept.get(name)!r} and is {header.get(name)!r}" for name in other)
            raise InvalidInput(
                f"{str(self._path)!r} was begun with something else: {told}. Name another --out, or remove that file."
            )

    def _append(self, row: Row) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(row, separators=(",", ":"), allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
