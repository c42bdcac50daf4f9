"""Folders of JSON Lines beside images: the form that most trainers of vision-language models read.

There is one file for each use of the rows, NAME/{train,test}.jsonl, and each picture once, as images/SHA256.png.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from ru1_app.export.cases.source import Source

IMAGES = "images"
IMAGE = "<image>"  # where trainers put an image into the text


class Lines:
    """The files of a folder, each made when its first row comes. `rows` counts them by file, `counts` by split."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._open: dict[tuple[str, str], IO[str]] = {}
        self.rows, self.counts = Counter[tuple[str, str]](), Counter[str]()

    def add(self, name: str, split: str, row: Mapping[str, Any]) -> None:
        """Append a row to the file of a name and a split."""
        key = (name, split)
        if key not in self._open:
            path = self._folder / name / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[key] = self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        self._open[key].write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        self.rows[key] += 1
        self.counts[split] += 1


def pictures(source: Source, folder: Path, shas: Sequence[str]) -> list[str]:
    """Write the images that are not there yet; their paths below the folder."""
    (folder / IMAGES).mkdir(exist_ok=True)
    for sha in shas:
        path = folder / IMAGES / f"{sha}.png"
        if not path.exists():
            path.write_bytes(source.image(sha))
    return [f"{IMAGES}/{sha}.png" for sha in shas]


def turn(role: str, text: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": text}


def asked(prompt: str, images: int = 2) -> dict[str, str]:
    """The user's message: a tag for each image, then the text."""
    return turn("user", IMAGE * images + prompt)
