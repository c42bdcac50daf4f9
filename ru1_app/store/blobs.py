"""Images as files: PNG bytes named by their SHA-256, written once, never changed."""

from __future__ import annotations

import os
import re
import struct
from functools import lru_cache
from pathlib import Path

from ru1_app.errors import InvalidInput, NotFound, Unavailable
from ru1_app.files import write_whole
from ru1_app.images import digest

PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
SHA = re.compile(r"[0-9a-f]{64}")
REMEMBERED = 2**16  # files of which it is known whether they are whole


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height from the header; anything but a PNG raises `InvalidInput`."""
    if not png.startswith(PNG_HEAD) or len(png) < 24:
        raise InvalidInput("Only PNG images are stored; these bytes are not a PNG.")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


class Blobs:
    """A folder of `ab/abcd….png` files. Safe to use from many threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha: str) -> Path:
        """Where the image is; a text that is no digest raises `NotFound`, so no path leaves the folder."""
        if not SHA.fullmatch(sha):
            raise NotFound(f"No image is named {sha!r}.")
        return self.root / sha[:2] / f"{sha}.png"

    def put(self, png: bytes) -> str:
        """Store the bytes and return their digest; done when they are safely on disk."""
        png_size(png)
        sha = digest(png)
        path = self.path(sha)
        try:
            if not _holds(path, png):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, png)
        except OSError as error:
            raise Unavailable(f"The image could not be stored: {error.strerror}.") from error
        return sha

    def sound(self, sha: str) -> bool:
        """Whether the image is there and whole; a file that was read and has not changed since is not read again."""
        path = self.path(sha)
        try:
            return _whole(str(path), sha, _state(path))
        except OSError:
            return False

    def get(self, sha: str) -> bytes:
        """The bytes, always read and checked against their name."""
        try:
            data = self.path(sha).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"No image is named {sha!r}.") from None
        except OSError as error:
            raise Unavailable(f"Image {sha[:12]} could not be read: {error.strerror}.") from error
        if digest(data) != sha:
            _whole.cache_clear()  # a disk may lose bytes without a change of the file's times
            raise Unavailable(f"Image {sha[:12]} is damaged on disk; restore it from a backup.")
        return data


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file is there and has these bytes: one that was damaged is written again."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _state(path: Path) -> tuple[int, ...]:
    """What differs once a file was written again or another one took its name."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(REMEMBERED)
def _whole(path: str, sha: str, state: tuple[int, ...]) -> bool:
    return digest(Path(path).read_bytes()) == sha
