"""The held-out pictures of a run, read when they are needed, and what names them in a journal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.evaluation.plan import FIRST_SCENE
from ru1_app.images import Image8
from ru1_app.intake import read_file
from ru1_app.jobs import SUFFIXES
from ru1_app.scenes import render, sample_scene
from ru1_app.scenes.questions import Asked, ask
from ru1_app.scenes.scene import Scene

SIDE = 384
"""Of drawn scenes, in pixels."""


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos below a folder, in order of name. Each is named by its path below the folder."""

    folder: Path
    paths: tuple[Path, ...]

    @classmethod
    def below(cls, folder: Path, every: int = 1) -> Photos:
        """Every n-th photo.

        Raises:
            InvalidInput: there is none.
        """
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[::every]
        if not paths:
            raise InvalidInput(f"{str(folder)!r} holds no photo. Give a folder of {', '.join(sorted(SUFFIXES))} files.")
        return cls(folder, tuple(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, number: int) -> str:
        """What the photo is called in the run."""
        return self.paths[number].relative_to(self.folder).as_posix()

    def image(self, number: int) -> Image8:
        """Its pixels, as intake accepts them."""
        return read_file(self.paths[number], Settings()).image

    def digest(self) -> str:
        """Names the photos by their names and bytes."""
        digest = hashlib.sha256()
        for number, path in enumerate(self.paths):
            digest.update(self.name(number).encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:12]


@lru_cache(maxsize=64)
def scene(number: int) -> tuple[Scene, Image8, tuple[Asked, ...]]:
    """Held-out scene `number`: what is in it, its picture, and what is asked about it."""
    drawn = sample_scene(FIRST_SCENE + number)
    return drawn, render(drawn, SIDE), tuple(ask(drawn, np.random.Generator(np.random.PCG64(drawn.seed))))


def scenes_digest() -> str:
    """Names the way scenes are drawn and asked about, by the first four."""
    digest = hashlib.sha256()
    for number in range(4):
        _, image, asked = scene(number)
        digest.update(image.tobytes() + repr(asked).encode())
    return digest.hexdigest()[:12]
