"""What a format is: one small module that writes the rows of a release as some trainer or tool reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally


class Write(Protocol):
    """Writes below `folder`, which is there and empty, in memory that does not grow with the rows.

    Returns how many rows each split has; what it cannot use it counts in the tally, under the format's name.
    """

    def __call__(self, source: Source, folder: Path, tally: Tally) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its name. `configs` are what `load_dataset(release, name)` reads: folders of Parquet by split."""

    name: str
    title: str
    consumer: str  # whose code reads it
    trains: str  # what it can train, one sentence
    cannot: str  # what it cannot
    write: Write
    configs: Mapping[str, str] = field(default_factory=dict)  # config -> folder below the format's
