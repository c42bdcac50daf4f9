"""Files put together byte by byte: what no picture library would write."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

RED, LIME, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
STORED_AS = {  # how an upright picture is stored for an orientation: the inverse of what a reader does
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encode(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format_, **options)
    return buffer.getvalue()


def quarters(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Red, lime above blue, yellow; wider than high, so that every turn shows."""
    width, height = size
    image = Image.new("RGB", size, YELLOW)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(LIME, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image.convert(mode)


def stored(orientation: int) -> Image.Image:
    """`quarters` as a camera held in that orientation stores it."""
    return quarters().transpose(STORED_AS[orientation])


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    size: tuple[int, int], bits: int, colour: int, row: bytes, *before: bytes, filler: bytes | None = None
) -> bytes:
    """A PNG whose every row is `row`; `before` are chunks before the pixels, `filler` replaces the pixels."""
    width, height = size
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    pixels = zlib.compress((b"\0" + row) * height, 6) if filler is None else filler
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """As many megabytes of nothing, deflated to a thousandth."""
    squeeze = zlib.compressobj(1)
    return b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(megabytes)) + squeeze.flush()


def gray_jpeg(width: int, height: int) -> bytes:
    """A baseline JPEG of middle gray of any size: every block is six bits, 00 (same level) and 1010 (no detail)."""
    head = encode(Image.new("L", (16, 16), 128), "JPEG")
    scan = head.index(b"\xff\xda") + 10  # marker, length and six bytes of one component
    blocks = -(-width // 8) * -(-height // 8)
    return resized(head[:scan], width, height) + b"\x28\xa2\x8a" * -(-blocks // 4) + b"\xff\xd9"


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG with another size in its frame header."""
    at = next(jpeg.index(b"\xff" + bytes([sof])) for sof in (0xC0, 0xC2) if b"\xff" + bytes([sof]) in jpeg)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def gif(canvas: tuple[int, int], blocks: bytes = b"", size: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF of one tiny frame on a canvas, with `blocks` before it; 42 bytes without them."""
    head = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    return head + blocks + b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x02\x44\x01\x00;"


TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "s", 12: "d"}


def tiff(pixels: bytes, tags: Mapping[int, tuple[int, Any]], order: str = "<") -> bytes:
    """An uncompressed TIFF of one strip. `tags` gives type and value: a number, a sequence of numbers, or bytes."""
    entries, tail = [], b""
    strip = {273: (4, 8), 278: (4, tags[257][1]), 279: (4, len(pixels))}
    merged = {**strip, **tags}
    at = 8 + len(pixels) + 2 + 12 * len(merged) + 4
    for tag, (kind, value) in sorted(merged.items()):
        data, count = _packed(order, kind, value)
        if len(data) > 4:
            entries.append(struct.pack(order + "HHII", tag, kind, count, at + len(tail)))
            tail += data + b"\0" * (len(data) % 2)
        else:
            entries.append(struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0"))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8 + len(pixels))
    return head + pixels + struct.pack(order + "H", len(merged)) + b"".join(entries) + bytes(4) + tail


def _packed(order: str, kind: int, value: Any) -> tuple[bytes, int]:
    if isinstance(value, bytes):
        return value, len(value) // (8 if kind == 5 else 2 if kind == 3 else 1)
    values = value if isinstance(value, Sequence) else [value]
    return struct.pack(f"{order}{len(values)}{TYPES[kind]}", *values), len(values)


def plain_tags(
    size: tuple[int, int], bits: Sequence[int], photometric: int, **more: tuple[int, Any]
) -> dict[int, tuple[int, Any]]:
    """The tags of an ordinary picture; `more` as t277=(3, 1)."""
    tags: dict[int, tuple[int, Any]] = {
        256: (4, size[0]), 257: (4, size[1]), 258: (3, list(bits)), 259: (3, 1), 262: (3, photometric),
        277: (3, len(bits)),
    }  # fmt: skip
    return tags | {int(name[1:]): value for name, value in more.items()}


# Profiles ------------------------------------------------------------------------------------------------------------

SRGB_XYZ = {  # the primaries of sRGB, seen from D50
    "r": (0.4361, 0.2225, 0.0139),
    "g": (0.3851, 0.7169, 0.0971),
    "b": (0.1431, 0.0606, 0.7141),
}


def profile(space: bytes, connection: bytes, tags: Mapping[bytes, bytes], *, kind: bytes = b"mntr") -> bytes:
    """An ICC profile of version 2.4."""
    tags = {
        b"desc": _text("sRGB IEC61966-2.1"),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz(0.9642, 1, 0.8249),
        **tags,
    }
    body, table = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x02400000, kind, space, connection)
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(0.9642, 1, 0.8249)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def rgb_profile(order: str = "rgb", gamma: float = 2.2) -> bytes:
    """A monitor whose channels are the sRGB primaries in this order; it always calls itself sRGB."""
    tags = {f"{name}XYZ".encode(): _xyz(*SRGB_XYZ[primary]) for name, primary in zip("rgb", order, strict=True)}
    return profile(b"RGB ", b"XYZ ", tags | {f"{name}TRC".encode(): _gamma(gamma) for name in "rgb"})


def gray_profile(gamma: float) -> bytes:
    return profile(b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """A printer with red ink in its cyan cartridge: white paper, cyan prints red, all else is black."""
    nodes = []
    for index in range(16):  # C M Y K from the slowest to the fastest
        nodes.append({0: (255, 128, 128), 8: (136, 208, 195)}.get(index, (0, 128, 128)))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (i in (0, 4, 8)) for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + bytes(v for n in nodes for v in n) + ramp * 3
    return profile(b"CMYK", b"Lab ", {b"A2B0": table}, kind=b"prtr")


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * value))


def _text(words: str) -> bytes:
    data = words.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(data)) + data + bytes(4 + 4 + 2 + 1 + 67)
