"""The order of the door, and the sentences of its refusals.

Size of the file, kind by content, header limits, decode, 16 bits to 8, colours to sRGB, alpha on white, EXIF
orientation, RGB without metadata, longest side. Every refusal is one sentence: what is wrong; what is allowed.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, digest
from ru1_app.intake.colour import TURNED, depth_of, orientation_of, to_rgb, turned
from ru1_app.intake.header import check_header, open_picture
from ru1_app.intake.names import safe_name
from ru1_app.intake.refused import Refused
from ru1_app.intake.sniff import ALLOWED, foreign_kind, is_heic, picture_kind

BROKEN = "is broken and cannot be decoded; save it again as PNG or JPEG"
STUFFED = "carries more text or profile data than is allowed; save it again without metadata"
_FILE_ERRORS = {
    errno.ENOENT: "is not a file; give {allowed}",
    errno.ENOTDIR: "is not a file; give {allowed}",
    errno.ELOOP: "is a link that leads to itself; give {allowed}",
    errno.ENAMETOOLONG: "is not a file, its name being longer than names can be; give {allowed}",
    errno.EACCES: "may not be read by this program; give it read permission",
}
_DECODING = threading.Lock()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # Pillow's own lines about strangers' files stay unsaid


@dataclass(frozen=True, slots=True)
class Intake:
    """An accepted image: RGB uint8 pixels, the digest of the file's bytes, and what was done to it."""

    image: Image8
    source_sha: str
    name: str
    notes: tuple[str, ...] = ()


def read_file(path: Path, settings: Settings) -> Intake:
    """`read_image` of a regular file, or of one that a symbolic link leads to.

    Raises:
        InvalidInput: missing, a folder, a pipe or a device (none of which is opened), unreadable, or as `read_image`.
    """
    name = safe_name(os.fspath(path))
    with _named(name):
        data = _read(path, settings)
    return read_image(data, name, settings)


def read_image(data: bytes, name: str, settings: Settings) -> Intake:
    """Decode and normalise the bytes of one image file.

    Raises:
        InvalidInput: empty, too large, not an image of an allowed kind, broken, or of extreme shape.
    """
    name = safe_name(name)
    notes: list[str] = []
    with _named(name):
        _check_bytes(len(data), settings)
        kind = _kind(data)
        with _strict():
            rgb = _decoded(data, kind, settings, notes)
    return Intake(np.array(rgb, dtype=np.uint8), digest(data), name, tuple(notes))


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Refusals, with the file's name before them."""
    try:
        yield
    except Refused as error:
        raise InvalidInput(f"{name!r} {error}.") from error.__cause__


@contextmanager
def _strict() -> Iterator[None]:
    """One picture at a time, with Pillow's bomb warning as an error, its others unsaid, and no half pictures.

    The lock is needed because warning filters belong to the whole process; it also bounds the memory of many uploads.
    """
    with _DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _read(path: Path, settings: Settings) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise Refused(f"is a folder; give {ALLOWED}")
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"is not a file but a pipe or a device; give {ALLOWED}")
        _check_bytes(found.st_size, settings)
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            return file.read(settings.max_bytes + 1)
    except OSError as error:
        words = _FILE_ERRORS.get(error.errno or 0, f"cannot be read ({error.strerror})")
        raise Refused(words.format(allowed=ALLOWED)) from error
    except ValueError as error:  # a null character in the path
        raise Refused(f"is not a file; give {ALLOWED}") from error


def _check_bytes(count: int, settings: Settings) -> None:
    if count == 0:
        raise Refused(f"is empty; give {ALLOWED}")
    if count > settings.max_bytes:
        raise Refused(f"has {count / 1e6:.1f} MB; up to {settings.max_bytes / 1e6:g} MB are allowed")


def _kind(data: bytes) -> str:
    if kind := picture_kind(data):
        return kind
    if is_heic(data):
        raise Refused("is a HEIC picture, which cannot be read here; save or share it as JPEG or PNG first")
    foreign = foreign_kind(data)
    what = f": it is {foreign}" if foreign else ""
    raise Refused(f"is not a picture that can be read{what}; give {ALLOWED}")


def _decoded(data: bytes, kind: str, settings: Settings, notes: list[str]) -> Image.Image:
    """The finished RGB picture.

    Raises:
        Refused: for every reason there is; decoders raise whatever they like on broken files.
    """
    try:
        with open_picture(data, kind, settings) as image:
            return _normalised(image, data, settings, notes)
    except Refused:
        raise
    except MemoryError as error:
        raise Refused("needs more memory than there is; give a smaller picture") from error
    except Exception as error:
        if any(words in str(error) for words in ("PngImagePlugin", "MAX_TEXT_MEMORY")):
            raise Refused(STUFFED) from error
        raise Refused(BROKEN) from error


def _normalised(image: Image.Image, data: bytes, settings: Settings, notes: list[str]) -> Image.Image:
    full = image.size
    check_header(image, data, settings, notes)
    image.seek(0)
    depth = depth_of(image)
    asked = orientation_of(image) if image.format == "TIFF" else 1  # Pillow turns a TIFF itself as it loads it
    image.load()
    rgb = to_rgb(image, depth, notes)
    left = orientation_of(image)
    if left != 1:
        rgb, full = turned(rgb, left, notes), (full if left < 5 else full[::-1])
    elif asked != 1:
        notes.append(TURNED)
    return _scaled(rgb, full, settings, notes)


def _scaled(rgb: Image.Image, full: tuple[int, int], settings: Settings, notes: list[str]) -> Image.Image:
    """The longest side at most `max_side`; `full` is the size that the file has, the right way up."""
    if max(rgb.size) > settings.max_side:
        rgb.thumbnail((settings.max_side, settings.max_side), Image.Resampling.LANCZOS)
    if rgb.size != full:
        notes.append(f"scaled from {full[0]}x{full[1]} to {rgb.width}x{rgb.height}")
    return rgb
