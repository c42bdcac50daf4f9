"""Images of a release as files: their names, their sizes, and JPEG where a format says JPEG."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

from PIL import Image

from ru1_app.images import from_png

JPEG_QUALITY = 95
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")


def stem(id_: str) -> str:
    """A file's name without ending for an id: the id itself, or a hash where it could not be a name everywhere."""
    return id_ if PLAIN.fullmatch(id_) else hashlib.sha256(id_.encode()).hexdigest()


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, from the header alone."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        return image.size


def jpeg(png: bytes) -> bytes:
    """The same picture as JPEG with full colour resolution."""
    buffer = io.BytesIO()
    Image.fromarray(from_png(png)).save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def keep(path: Path, png: bytes) -> None:
    """Write it once: recoveries of one input share their corrupted and their clean image."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
