"""Images on their way to a server and back: PNG data URLs out, whatever comes back checked before it is used."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np
from PIL import Image

from ru1_app.images import Image8, png_bytes

MOST_PIXELS = 64_000_000
LEAST_SIDE = 16
MOST_STRETCH = 2.0  # of the ratio of sides; servers round sides to multiples of 8-32, some give squares
_FORMATS = ("PNG", "JPEG", "WEBP")
_LITTLE = 16  # sides of the pictures that `likeness` compares


class NoPicture(ValueError):
    """What came is no image that can be used; the text continues "The server sent ..."."""


def data_url(image: Image8) -> str:
    """The image [H, W, 3] as the data URL of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(image)).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of base64, or of a data URL that holds base64.

    Raises:
        NoPicture: the text is neither.
    """
    if text.startswith(("http:", "https:", "/")):
        raise NoPicture("a link instead of an image")
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise NoPicture("a data URL without base64")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise NoPicture("base64 that cannot be decoded") from None


def decoded(data: bytes, like: Image8) -> tuple[Image8, tuple[int, int]]:
    """RGB pixels in the size of `like` [H, W, 3], and the width and height that the server made.

    Raises:
        NoPicture: no PNG, JPEG or WebP; broken; of an absurd size; or one single colour where `like` is not.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            width, height = picture.size
            _check_size(width, height, like)
            rgb = _flat(picture)
    except NoPicture:
        raise
    except Exception:  # Pillow fails on broken files in many ways
        raise NoPicture("something that is no PNG, JPEG or WebP image, or a broken one") from None
    size = (like.shape[1], like.shape[0])
    pixels = np.asarray(rgb if rgb.size == size else rgb.resize(size, Image.Resampling.LANCZOS))
    if _plain(pixels) and not _plain(like):
        raise NoPicture("an image of one single colour, as a model does that has failed or a filter that was set off")
    return pixels, (width, height)


def likeness(image: Image8, other: Image8) -> float:
    """The correlation (-1 to 1) of the two as grey pictures of 16x16; 1 where either has no structure at all."""
    a, b = (
        np.asarray(Image.fromarray(each).convert("L").resize((_LITTLE, _LITTLE), Image.Resampling.BOX), np.float64)
        for each in (image, other)
    )
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / spread) if spread > 1.0 else 1.0


def _check_size(width: int, height: int, like: Image8) -> None:
    if width * height > MOST_PIXELS or min(width, height) < min(LEAST_SIDE, *like.shape[:2]):
        raise NoPicture(f"an image of {width} x {height} pixels")
    stretch = (width / height) / (like.shape[1] / like.shape[0])
    if max(stretch, 1 / stretch) > MOST_STRETCH:
        raise NoPicture(f"an image of {width} x {height} pixels for one of {like.shape[1]} x {like.shape[0]}")


def _flat(picture: Image.Image) -> Image.Image:
    """Without transparency, which is laid on white."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _plain(image: Image8) -> bool:
    return bool((image == image[0, 0]).all())
