"""Pictures of every kind that must be accepted with the right pixels, or refused for their shape."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, PngImagePlugin

from tests.hostile.file import Hostile, Probe, accept, reject
from tests.hostile.pieces import (
    BLUE,
    LIME,
    RED,
    YELLOW,
    chunk,
    cmyk_profile,
    encode,
    exif,
    gray_jpeg,
    gray_profile,
    plain_tags,
    png,
    quarters,
    rgb_profile,
    stored,
    tiff,
)

SIZE = (48, 32)
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
Make = Callable[[], bytes]


def corners(size: tuple[int, int] = SIZE, off: int = 1) -> tuple[Probe, ...]:
    """`quarters`, upright."""
    (w, h), places = size, ((0.25, 0.25, RED), (0.75, 0.25, LIME), (0.25, 0.75, BLUE), (0.75, 0.75, YELLOW))
    return tuple(Probe(int(x * w), int(y * h), rgb, off) for x, y, rgb in places)


def flat(*rgb: int, off: int = 1) -> Probe:
    return Probe(20, 20, (rgb[0], rgb[1], rgb[2]), off)


def plain(mode: str, color: object, format_: str = "PNG", **options: object) -> Make:
    return lambda: encode(Image.new(mode, (40, 40), color), format_, **options)  # type: ignore[arg-type]


def deep(channels: int, levels: tuple[int, ...], colour: int) -> Make:
    """A 16-bit PNG of one colour."""
    return lambda: png((40, 40), 16, colour, struct.pack(f">{channels}H", *levels) * 40)


def deep_tiff(value: int, *, white_is_zero: bool = False) -> Make:
    tags = plain_tags((40, 40), (16,), 0 if white_is_zero else 1)
    return lambda: tiff(struct.pack("<H", value) * 1600, tags)


def numbers(kind: str, fill: float) -> Make:
    return lambda: encode(Image.fromarray(np.full((40, 40), fill, kind)), "TIFF")


def with_text(**items: str) -> Make:
    def make() -> bytes:
        info = PngImagePlugin.PngInfo()
        for key, value in items.items():
            info.add_text(key, value)
        return encode(quarters(), pnginfo=info)

    return make


def frames(format_: str) -> Make:
    others = [Image.new("RGB", SIZE, color) for color in ("black", "white")]
    return lambda: encode(quarters(), format_, save_all=True, append_images=others)


def broken_exif() -> bytes:
    return encode(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\x99" * 40, quality=95, subsampling=0)


def gps() -> bytes:
    made = exif(1)
    made.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    return encode(quarters(), "JPEG", exif=made, quality=95, subsampling=0)


def cmyk_tiff() -> bytes:
    return encode(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "TIFF")


def turned(orientation: int) -> Make:
    return lambda: encode(stored(orientation), "JPEG", exif=exif(orientation), quality=95, subsampling=0)


def turned_png() -> bytes:
    return encode(stored(6), exif=exif(6))


def hidden_colour() -> bytes:
    """Red beneath full transparency."""
    return encode(Image.new("RGBA", (40, 40), (255, 0, 0, 0)))


def palette_clear() -> bytes:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    return encode(image, transparency=1)


def gray_clear() -> bytes:
    return png((40, 40), 8, 0, b"\x40" * 40, chunk(b"tRNS", b"\0\x40"))


def rgb_clear() -> bytes:
    return png((40, 40), 8, 2, b"\x10\x20\x30" * 40, chunk(b"tRNS", b"\0\x10\0\x20\0\x30"))


def icc(profile: bytes, mode: str = "RGB", color: object = (200, 40, 40), format_: str = "PNG") -> Make:
    return lambda: encode(Image.new(mode, (40, 40), color), format_, icc_profile=profile)  # type: ignore[arg-type]


def interlaced() -> bytes:
    """Adam7, as hardly anybody writes it any more: all seven passes of one flat colour."""
    rows = b""
    for x0, y0, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        wide, high = -(-(40 - x0) // dx), -(-(40 - y0) // dy)
        rows += (b"\0" + b"\x0a\xc8\x1e" * wide) * high
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def noise() -> bytes:
    return encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))


def _jpeg(**options: object) -> Make:
    return lambda: encode(quarters(), "JPEG", quality=95, subsampling=0, **options)


GOOD: tuple[Hostile, ...] = (
    # size
    reject("1x1.png", "size", lambda: encode(Image.new("RGB", (1, 1))), "1x1", "16"),
    reject("2x3.png", "size", lambda: encode(Image.new("RGB", (2, 3))), "2x3"),
    reject("10x10.png", "size", lambda: encode(Image.new("RGB", (10, 10))), "at least 16"),
    reject("3000x20.png", "size", lambda: encode(Image.new("RGB", (3000, 20))), "32 times"),
    accept("16x16.png", "size", lambda: encode(quarters(size=(16, 16))), (16, 16), *corners((16, 16))),
    accept("512x16.png", "size", lambda: encode(quarters(size=(512, 16))), (512, 16), *corners((512, 16))),
    accept("2048x1024.png", "size", lambda: encode(quarters(size=(2048, 1024))), (1024, 512), *corners((1024, 512)),
           says=("scaled from 2048x1024 to 1024x512",)),
    # modes
    accept("bilevel.png", "modes", plain("1", 1), (40, 40), flat(255, 255, 255)),
    accept("gray.png", "modes", plain("L", 77), (40, 40), flat(77, 77, 77)),
    accept("palette.png", "modes", lambda: encode(quarters().quantize(4)), SIZE, *corners()),
    accept("cmyk.jpg", "modes", plain("CMYK", (0, 255, 255, 0), "JPEG", quality=95), (40, 40), flat(255, 0, 0, off=4)),
    accept("cmyk.tif", "modes", cmyk_tiff, (40, 40), flat(255, 0, 0, off=2)),
    accept("lab.tif", "modes", plain("LAB", (128, 128, 128), "TIFF"), (40, 40), flat(119, 119, 119, off=3)),
    accept("ycbcr.jpg", "modes", _jpeg(), SIZE, *corners(off=6)),
    # alpha
    accept("hidden.png", "alpha", hidden_colour, (40, 40), flat(255, 255, 255), says=("trans",)),
    accept("half-clear.png", "alpha", plain("RGBA", (255, 0, 0, 128)), (40, 40), flat(255, 127, 127), says=("trans",)),
    accept("opaque.png", "alpha", plain("RGBA", (9, 99, 199, 255)), (40, 40), flat(9, 99, 199), silent=("trans",)),
    accept("gray-alpha.png", "alpha", plain("LA", (0, 51)), (40, 40), flat(204, 204, 204)),
    accept("palette-clear.png", "alpha", palette_clear, (40, 40), flat(255, 255, 255)),
    accept("gray-clear.png", "alpha", gray_clear, (40, 40), flat(255, 255, 255)),
    accept("rgb-clear.png", "alpha", rgb_clear, (40, 40), flat(255, 255, 255)),
    # bit depth
    accept("gray16.png", "depth", deep(1, (0x8000,), 0), (40, 40), flat(128, 128, 128), says=("16-bit gray",)),
    accept("gray16-low.png", "depth", deep(1, (300,), 0), (40, 40), flat(1, 1, 1)),
    accept("rgb16.png", "depth", deep(3, (0xFFFF, 0x8000, 0x0100), 2), (40, 40), flat(255, 128, 1), says=("16 bits",)),
    accept("rgba16.png", "depth", deep(4, (0, 0, 0, 0x8000), 6), (40, 40), flat(127, 127, 127)),
    accept("gray16.tif", "depth", deep_tiff(0x4000), (40, 40), flat(64, 64, 64)),
    accept("white-is-zero16.tif", "depth", deep_tiff(0xFFFF, white_is_zero=True), (40, 40), flat(0, 0, 0)),
    reject("float.tif", "depth", numbers("float32", 0.5), "floating-point"),
    reject("nan.tif", "depth", numbers("float32", float("nan")), "floating-point"),
    reject("int32.tif", "depth", numbers("int32", 70000), "32-bit"),
    # orientation
    *(
        accept(f"turned-{n}.jpg", "exif", turned(n), SIZE, *corners(off=6), says=("turned",))
        for n in range(2, 9)
    ),
    accept("turned.png", "exif", turned_png, SIZE, *corners(), says=("turned",)),
    accept("turned.webp", "exif", lambda: encode(stored(8), "WEBP", lossless=True, exif=exif(8)), SIZE, *corners()),
    accept("turned.tif", "exif", lambda: encode(stored(3), "TIFF", exif=exif(3)), SIZE, *corners(), says=("turned",)),
    accept("orientation-99.jpg", "exif", lambda: encode(quarters(), "JPEG", exif=exif(99), quality=95, subsampling=0),
           SIZE, *corners(off=6), silent=("turned",)),
    accept("exif-garbage.jpg", "exif", broken_exif, SIZE, *corners(off=6)),
    accept("gps.jpg", "gps", gps, SIZE, *corners(off=6)),
    # animated
    accept("animated.gif", "animated", frames("GIF"), SIZE, *corners(), says=("first frame",)),
    accept("animated.webp", "animated", lambda: encode(quarters(), "WEBP", lossless=True, save_all=True,
           append_images=[Image.new("RGB", SIZE)]), SIZE, *corners(), says=("first frame",)),
    accept("animated.png", "animated", frames("PNG"), SIZE, *corners(), says=("first frame",)),
    accept("pages.tif", "animated", frames("TIFF"), SIZE, *corners(), says=("first is used",)),
    # formats
    accept("plain.png", "formats", lambda: encode(quarters()), SIZE, *corners(), silent=("scaled",)),
    accept("interlaced.png", "formats", interlaced, (40, 40), flat(10, 200, 30)),
    accept("progressive.jpg", "formats", _jpeg(progressive=True), SIZE, *corners(off=6)),
    accept("lossless.webp", "formats", lambda: encode(quarters(), "WEBP", lossless=True), SIZE, *corners()),
    accept("picture.bmp", "formats", lambda: encode(quarters(), "BMP"), SIZE, *corners()),
    accept("picture.gif", "formats", lambda: encode(quarters(), "GIF"), SIZE, *corners(), silent=("frame",)),
    accept("picture.avif", "formats", lambda: encode(quarters(), "AVIF", quality=100), SIZE, *corners(off=8)),
    accept("picture.jp2", "formats", lambda: encode(quarters(), "JPEG2000"), SIZE, *corners()),
    accept("lzw.tif", "formats", lambda: encode(quarters(), "TIFF", compression="tiff_lzw"), SIZE, *corners()),
    accept("deflate.tif", "formats", lambda: encode(quarters(), "TIFF", compression="tiff_adobe_deflate"), SIZE,
           *corners()),
    accept("big-endian.tif", "formats", lambda: tiff(b"\x0a\xc8\x1e" * 1600, plain_tags((40, 40), (8, 8, 8), 2), ">"),
           (40, 40), flat(10, 200, 30)),
    accept("wrong-suffix.gif", "formats", lambda: encode(quarters()), SIZE, *corners()),
    # profiles
    accept("swapped.png", "icc", icc(rgb_profile("grb")), (40, 40), Probe(20, 20, (40, 200, 40), 30), says=("sRGB",)),
    accept("srgb-like.png", "icc", icc(rgb_profile()), (40, 40), flat(200, 40, 40, off=8)),
    accept("gray-gamma1.png", "icc", icc(gray_profile(1.0), "L", 64), (40, 40), flat(137, 137, 137, off=3)),
    accept("profile-garbage.png", "icc", icc(b"\x00" * 200), (40, 40), flat(200, 40, 40), says=("ignored",)),
    accept("printer.jpg", "icc", icc(cmyk_profile(), "CMYK", (255, 0, 0, 0), "JPEG"), (40, 40),
           Probe(20, 20, (255, 0, 0), 60), says=("sRGB",)),
    # values
    accept("black.png", "values", plain("RGB", (0, 0, 0)), (40, 40), flat(0, 0, 0, off=0)),
    accept("only-0-and-1.png", "values", plain("RGB", (1, 0, 1)), (40, 40), flat(1, 0, 1, off=0)),
    accept("noise.png", "values", noise, (64, 64), Probe(0, 0, (217, 163, 130), 255)),
    # control
    accept("remarks.png", "control", with_text(Comment="<script>alert(1)", Author="x" * 5000), SIZE, *corners()),
    accept("gray-200.jpg", "control", lambda: gray_jpeg(200, 120), (200, 120), Probe(99, 60, (128, 128, 128), 2)),
)  # fmt: skip
