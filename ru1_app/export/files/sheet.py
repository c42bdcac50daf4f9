"""CSV that a spreadsheet may open: no value of a release is run as a formula there.

A cell that begins with = + - @, a tab or a line break is one (OWASP, "CSV Injection"); so is, in a spreadsheet that
separates by another character than the file does, what comes after that character. An apostrophe before it makes it
text. Numbers are left alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STARTS_FORMULA = re.compile(r"(^[\s\"]*|[;,|\t\r\n\"][\s\"]*)(?=[=+\-@＝＋－＠])")
WITH_MARK, PLAIN = "utf-8-sig", "utf-8"  # the mark tells spreadsheets that it is UTF-8; scripts stumble over it


def cell(value: Any) -> Any:
    """The value as it is written: empty for None, true and false, texts without formulas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    text = STARTS_FORMULA.sub(r"\1'", value)
    return f"'{text}" if text[:1] in ("\t", "\r", "\n") else text


class Sheet:
    """An open file of rows."""

    def __init__(self, columns: Sequence[str], writer: Any) -> None:
        self._columns, self._writer = columns, writer
        self._write(columns)

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row; it has a value for every column."""
        self._write([row[name] for name in self._columns])

    def _write(self, values: Iterable[Any]) -> None:
        self._writer.writerow([cell(value) for value in values])


@contextmanager
def sheet(path: Path, columns: Sequence[str], encoding: str = WITH_MARK) -> Iterator[Sheet]:
    """A new CSV file with these columns."""
    with path.open("w", encoding=encoding, newline="") as file:
        yield Sheet(columns, csv.writer(file, lineterminator="\n"))
