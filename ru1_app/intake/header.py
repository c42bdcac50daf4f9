"""Opening and judging a picture before a pixel is decoded: size, shape, scans, frames."""

from __future__ import annotations

import io
import re
import struct

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ru1_app.config import Settings
from ru1_app.intake.refused import Refused

OPEN_READS = 10_000  # pieces a header may be read in; a thousandfold what real files need
LOAD_READS = 500_000
MAX_SEGMENTS = 20_000  # of a JPEG
MAX_SCANS = 100  # of a JPEG; encoders write up to about 20
LARGE_SCANS = 20  # of a JPEG of as many pixels as are allowed
MAX_TAG_VALUES = 300_000  # of one TIFF tag; a 64-megapixel picture in 16x16 tiles has 250 000
MAX_FRACTIONS = 100  # of one TIFF tag: Pillow makes an object of each
DNG_VERSION = 50706
HEAVY = {"WEBP", "AVIF", "JPEG2000"}  # their decoders hold the picture several times
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_SOS, _END = 0xDA, 0xD9
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}


class Patience(io.BytesIO):
    """Bytes that may be read in a limited number of pieces: a file of millions of tiny parts ends early."""

    left = OPEN_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise Refused("is cut into far more pieces than a picture needs; save it again as PNG or JPEG")
        return super().read(size)


def open_picture(data: bytes, kind: str, settings: Settings) -> Image.Image:
    """The picture with its header read, its pixels not.

    Raises:
        Refused: the header alone claims too much. Anything else: it is broken, in Pillow's words.
    """
    stream = Patience(data)
    if kind == "TIFF":
        _check_tags(data)
    if kind == "JPEG":  # opened directly: Pillow's own limit would refuse what can be read reduced
        image: Image.Image = JpegImageFile(stream)
    else:
        try:
            image = Image.open(stream, formats=(kind,))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            megapixels = f"{settings.max_pixels / 1e6:.0f}"
            raise Refused(f"claims more pixels than can be read; up to {megapixels} megapixels are allowed") from None
    stream.left = LOAD_READS
    return image


def check_header(image: Image.Image, data: bytes, settings: Settings, notes: list[str]) -> None:
    """Judge the size in the header; set a JPEG of more pixels than are decoded to be read reduced.

    Raises:
        Refused: too many pixels, too small, too long and thin, a JPEG of too many scans.
    """
    width, height = image.size
    if min(width, height) < settings.min_side:
        raise Refused(f"is {width}x{height}; both sides need at least {settings.min_side} pixels")
    limit = _limit(image, data, settings)
    if width * height > limit:
        raise Refused(f"has {width}x{height} pixels; up to {limit / 1e6:.0f} megapixels are allowed")
    if max(width, height) > settings.max_aspect * min(width, height):
        most = f"{settings.max_aspect:g}"
        raise Refused(f"is {width}x{height}; the longer side may be at most {most} times the shorter")
    if width * height > settings.max_pixels:
        side = max(width, height)
        scale = next((s for s in (8, 4) if side // s >= settings.max_side), 2)
        image.draft(None, (width // scale, height // scale))
        notes.append(f"read at 1/{scale} of its size, being over {settings.max_pixels / 1e6:.0f} megapixels")
    if _has_more_frames(image, data):
        many = "several pages: the first is used" if image.format == "TIFF" else "animated: the first frame is used"
        notes.append(many)


def _limit(image: Image.Image, data: bytes, settings: Settings) -> int:
    if image.format in HEAVY:
        return min(settings.max_heavy_pixels, settings.max_pixels)
    if image.format != "JPEG":
        return settings.max_pixels
    scans, whole = jpeg_scans(data)
    pixels = min(image.size[0] * image.size[1], settings.max_pixels)
    if scans > MAX_SCANS or scans * pixels > LARGE_SCANS * settings.max_pixels:
        raise Refused("has more scans than can be decoded in good time; save it again as PNG or JPEG")
    # A JPEG of several scans is held whole in memory, at full size, whatever it is reduced to.
    in_one_go = whole and scans == 1 and not image.info.get("progressive")
    return settings.max_jpeg_pixels if in_one_go else settings.max_pixels


def jpeg_scans(data: bytes) -> tuple[int, bool]:
    """How many scans a JPEG has (counted up to one past `MAX_SCANS`), and whether its first holds every component."""
    at, scans, components, whole = 2, 0, 0, True
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1][0] == _END or scans > MAX_SCANS or found.end() + 2 > len(data):
            return scans, whole
        marker, at = found[1][0], found.end()
        if marker in _FRAME_HEADERS:
            components = data[at + 7] if at + 7 < len(data) else 0
        elif marker == _SOS:
            scans += 1
            whole = whole and data[at + 2 : at + 3] >= bytes([components])
        at += int.from_bytes(data[at : at + 2], "big")
    return MAX_SCANS + 1, whole


def _has_more_frames(image: Image.Image, data: bytes) -> bool:
    if image.format == "GIF":  # Pillow would step through the first frame in Python
        return gif_frames(data) > 1
    return bool(getattr(image, "is_animated", False))


def gif_frames(data: bytes) -> int:
    """1 or 2: whether a GIF has a second frame; a GIF that ends early has what was found."""
    at, frames = 13 + _palette_bytes(data, 10), 0
    for _ in range(OPEN_READS):
        kind = data[at : at + 1]
        if kind == b"," and frames:
            return 2
        if kind == b",":
            frames, at = 1, at + 11 + _palette_bytes(data, at + 9)
        elif kind == b"!":
            at += 2
        else:
            return frames
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def _palette_bytes(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 128 else 0


def _check_tags(data: bytes) -> None:
    """Look through a TIFF's first directory for tags of absurd length, and for the mark of a camera raw file."""
    order = "<" if data[:1] == b"I" else ">"
    big = 43 in data[2:4]
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        for index in range(min(entries, MAX_SEGMENTS)):
            place = at + (8 + 20 * index if big else 2 + 12 * index)
            tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, place)
            _check_tag(tag, kind, min(count, len(data) // _TIFF_SIZES.get(kind, 1)))
    except struct.error:
        return  # cut short: Pillow says so


def _check_tag(tag: int, kind: int, count: int) -> None:
    if tag == DNG_VERSION:
        raise Refused("is not a picture that can be read: it is a camera raw file; develop and save it as JPEG or PNG")
    if count > (MAX_FRACTIONS if kind in (5, 10) else MAX_TAG_VALUES) and kind not in (1, 2, 6, 7):
        raise Refused("holds a TIFF tag of absurd length; save it again as PNG or JPEG")
