"""The one door by which every image enters: page, command line and batch alike.

Order: size of the file, kind by content, header limits, decode, alpha on white, colours to sRGB, EXIF
orientation, RGB without metadata, longest side. Every refusal is one sentence that says what is allowed.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, digest

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "JPEG2000")
ALLOWED = "a PNG, JPEG, WebP, AVIF, BMP, GIF, TIFF or JPEG 2000 picture"
_SIXTEEN_BIT = {"I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True, slots=True)
class Intake:
    """An accepted image: RGB uint8 pixels, the digest of the file's bytes, and what was done to it."""

    image: Image8
    source_sha: str
    name: str
    notes: tuple[str, ...] = ()


def read_file(path: Path, settings: Settings) -> Intake:
    """`read_image` of a file; a file that is not there or too large is refused before it is read."""
    if not path.is_file():
        raise InvalidInput(f"{path.name!r} is not a file. Give {ALLOWED}.")
    _check_bytes(path.stat().st_size, path.name, settings)
    return read_image(path.read_bytes(), path.name, settings)


def read_image(data: bytes, name: str, settings: Settings) -> Intake:
    """Decode and normalise the bytes of one image file.

    Raises:
        InvalidInput: empty, too large, not an image of an allowed kind, broken, or of extreme shape.
    """
    _check_bytes(len(data), name, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _open(data, name) as image:
            notes = _check_header(image, name, settings)
            rgb = _decode(image, name, notes)
    if max(rgb.size) > settings.max_side:
        before = rgb.size
        rgb.thumbnail((settings.max_side, settings.max_side), Image.Resampling.LANCZOS)
        notes.append(f"scaled from {before[0]}x{before[1]} to {rgb.width}x{rgb.height}")
    return Intake(np.array(rgb, dtype=np.uint8), digest(data), name, tuple(notes))


def _check_bytes(count: int, name: str, settings: Settings) -> None:
    if count == 0:
        raise InvalidInput(f"{name!r} is empty. Give {ALLOWED}.")
    if count > settings.max_bytes:
        limit = settings.max_bytes / 1e6
        raise InvalidInput(f"{name!r} has {count / 1e6:.1f} MB; up to {limit:.0f} MB are allowed.")


def _open(data: bytes, name: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise InvalidInput(f"{name!r} claims more pixels than are allowed. Give a smaller picture.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise InvalidInput(f"{name!r} is not a picture that can be read. Give {ALLOWED}.") from None


def _check_header(image: Image.Image, name: str, settings: Settings) -> list[str]:
    width, height = image.size
    if width * height > settings.max_pixels:
        raise InvalidInput(
            f"{name!r} has {width}x{height} pixels; up to {settings.max_pixels / 1e6:.0f} megapixels are allowed."
        )
    if min(width, height) < settings.min_side:
        raise InvalidInput(f"{name!r} is {width}x{height}; both sides need at least {settings.min_side} pixels.")
    if max(width, height) > settings.max_aspect * min(width, height):
        raise InvalidInput(
            f"{name!r} is {width}x{height}; the longer side may be at most {settings.max_aspect:g} times the shorter."
        )
    return ["animated: the first frame is used"] if getattr(image, "n_frames", 1) > 1 else []


def _decode(image: Image.Image, name: str, notes: list[str]) -> Image.Image:
    try:
        image.seek(0)
        image.load()
        return _oriented(_rgb(image, name, notes), image, notes)
    except InvalidInput:
        raise
    except Exception as error:  # decoders raise whatever they like on broken files
        raise InvalidInput(f"{name!r} is broken and cannot be decoded. Save it again as PNG or JPEG.") from error


def _rgb(image: Image.Image, name: str, notes: list[str]) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in _SIXTEEN_BIT:
        notes.append("16-bit gray scaled to 8 bits")
        levels = np.asarray(image).astype(np.float64) / 257
        return Image.fromarray((levels + 0.5).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise InvalidInput(f"{name!r} has 32-bit values without a known range. Save it with 8 or 16 bits.")
    if "A" in image.getbands() or "transparency" in image.info:
        notes.append("transparency laid on white")
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK"):
        converted = _to_srgb(image, profile)
        if converted is not None:
            notes.append("colours converted to sRGB")
            return converted
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """None for a profile that is broken or does not fit: the pixels are then taken as sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _oriented(rgb: Image.Image, original: Image.Image, notes: list[str]) -> Image.Image:
    try:
        orientation = original.getexif().get(0x0112, 1)
    except Exception:  # broken EXIF is not a broken picture
        return rgb
    if orientation not in range(2, 9):
        return rgb
    notes.append("turned as its EXIF orientation says")
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb.info.clear()
    rgb.info["exif"] = exif.tobytes()
    return ImageOps.exif_transpose(rgb)
