"""Files that are small on disk and huge once they are opened."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from tests.hostile.file import Hostile, Probe, accept, reject
from tests.hostile.pieces import chunk, encode, gif, gray_jpeg, png, quarters, resized, zeros


def gray_png(side: int) -> bytes:
    """A bilevel PNG: a few kilobytes for any number of pixels."""
    width = height = side
    squeeze = zlib.compressobj(9)
    row = b"\0" + bytes(-(-width // 8))
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    return png((width, height), 1, 0, b"", filler=data)


def many_frames() -> bytes:
    frames = [Image.new("P", (600, 600), k % 256) for k in range(300)]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:])


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def many_pieces() -> bytes:
    """A PNG whose pixels come in a quarter of a million empty chunks."""
    whole = png((40, 40), 8, 0, bytes(40))
    at = whole.index(b"IDAT") - 4
    return whole[:at] + chunk(b"IDAT", b"") * 250_000 + whole[at:]


def many_scans() -> bytes:
    """A JPEG whose one scan is repeated a thousand times."""
    data = encode(quarters(size=(512, 512)), "JPEG", progressive=True)
    at = data.index(b"\xff\xda")
    return data[:-2] + data[at:-2] * 1000 + b"\xff\xd9"


TRAPS: tuple[Hostile, ...] = (
    # huge
    reject("12000x9000.png", "huge", lambda: png((12000, 9000), 1, 0, b"", filler=b""), "megapixels"),
    accept("12000x9000.jpg", "huge", lambda: gray_jpeg(12000, 9000), (1024, 768), Probe(500, 300, (128, 128, 128), 2),
           says=("of its size",), seconds=5, megabytes=300),
    accept("8000x8000.png", "huge", lambda: gray_png(8000), (1024, 1024), Probe(5, 5, (0, 0, 0), 0), seconds=8,
           megabytes=450),
    # bombs
    reject("46000.png", "bombs", lambda: png((46000, 46000), 1, 0, b"", filler=zeros(265)), "megapixels"),
    reject("100000.png", "bombs", lambda: png((100_000, 100_000), 8, 2, b"", filler=b""), "megapixels"),
    reject("canvas.gif", "bombs", lambda: gif((65_535, 65_535)), "megapixels"),
    reject("65500.jpg", "bombs", lambda: resized(encode(quarters(), "JPEG"), 65_500, 65_500), "megapixels"),
    reject("wide.bmp", "bombs", lambda: bmp(60_000, 60_000), "megapixels"),
    reject("text.png", "bombs", lambda: png((40, 40), 8, 0, bytes(40), chunk(b"zTXt", b"c\0\0" + zeros(120))), "text",
           megabytes=150),
    reject("profile.png", "bombs", lambda: png((40, 40), 8, 0, bytes(40), chunk(b"iCCP", b"c\0\0" + zeros(80))),
           "profile",
           megabytes=150),
    accept("300-frames.gif", "bombs", many_frames, (600, 600), Probe(5, 5, (0, 0, 0), 0), says=("first frame",)),
    reject("pieces.png", "bombs", many_pieces, "pieces"),
    reject("scans.jpg", "bombs", many_scans, "scans"),
)  # fmt: skip
