"""Pixels as RU1 holds them: RGB uint8 [H, W, 3], named by the SHA-256 of their PNG bytes. Pure."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ru1_app.files import write_whole

Image8: TypeAlias = NDArray[np.uint8]


def png_bytes(image: Image8) -> bytes:
    """Lossless PNG bytes without metadata, from RGB uint8 [H, W, 3] or gray uint8 [H, W]."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()


def from_png(data: bytes) -> Image8:
    """The RGB pixels of PNG bytes that `png_bytes` wrote."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def digest(data: bytes) -> str:
    """SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def write_png(path: Path, image: Image8) -> None:
    """Write `image` [H, W, 3] or [H, W] to `path` whole; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, png_bytes(image))
