"""Images as files: PNG bytes named by their SHA-256, written once, never changed."""

from __future__ import annotations

import os
import re
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

from ru1_app.errors import InvalidInput, NotFound, Unavailable
from ru1_app.images import digest

PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
SHA = re.compile(r"[0-9a-f]{64}")


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
            if not path.exists() or path.stat().st_size != len(png):
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, png)
        except OSError as error:
            raise Unavailable(f"The image could not be stored: {error.strerror}.") from error
        return sha

    def get(self, sha: str) -> bytes:
        """The bytes, checked against their name."""
        try:
            data = self.path(sha).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"No image is named {sha!r}.") from None
        except OSError as error:
            raise Unavailable(f"Image {sha[:12]} could not be read: {error.strerror}.") from error
        if digest(data) != sha:
            raise Unavailable(f"Image {sha[:12]} is damaged on disk; restore it from a backup.")
        return data


def _write(path: Path, data: bytes) -> None:
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the file system lets a folder be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
