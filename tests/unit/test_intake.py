"""The one door: what is accepted comes in right, what is refused is refused with a sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, from_png, png_bytes
from ru1_app.intake import read_file, read_image

SETTINGS = Settings()


def encode(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format_, **options)
    return buffer.getvalue()


def halves(mode: str = "RGB") -> Image.Image:
    """40x20: the left half red, the right half blue."""
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (20, 0, 40, 20))
    return image.convert(mode)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_lossless_formats_keep_their_pixels(format_: str) -> None:
    options = {"lossless": True} if format_ == "WEBP" else {}
    intake = read_image(encode(halves(), format_, **options), "x", SETTINGS)
    assert intake.image.shape == (20, 40, 3)
    assert intake.image[10, 5].tolist() == [255, 0, 0]
    assert intake.image[10, 35].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    format_ = "TIFF" if mode == "CMYK" else "PNG"
    intake = read_image(
        encode(halves().convert("L").convert(mode) if mode == "LA" else halves(mode), format_), "x", SETTINGS
    )
    assert intake.image.dtype == np.uint8
    assert intake.image.shape == (20, 40, 3)


def test_transparency_is_laid_on_white() -> None:
    intake = read_image(encode(Image.new("RGBA", (20, 20), (200, 0, 0, 0))), "x", SETTINGS)
    assert intake.image[0, 0].tolist() == [255, 255, 255]
    assert "transparency laid on white" in intake.notes


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    levels = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    image = read_image(encode(Image.fromarray(levels)), "x", SETTINGS).image
    assert abs(int(image.mean()) - 127) <= 1
    assert image.max() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_then_gone(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(encode(halves(), "PNG", exif=exif), "x", SETTINGS).image
    assert image.shape == ((20, 40, 3) if orientation < 5 else (40, 20, 3))
    red_first = image[0, 0].tolist() == [255, 0, 0]
    assert red_first is (orientation in {1, 4, 5, 6})
    assert b"eXIf" not in png_bytes(image)


def test_a_profile_is_converted_to_srgb() -> None:
    lab_free = ImageCms.createProfile("sRGB")
    plain = read_image(encode(halves(), "PNG", icc_profile=ImageCms.ImageCmsProfile(lab_free).tobytes()), "x", SETTINGS)
    assert plain.image[10, 5].tolist() == [255, 0, 0]
    broken = read_image(encode(halves(), "PNG", icc_profile=b"no profile"), "x", SETTINGS)
    assert np.array_equal(broken.image, plain.image)


def test_an_animation_gives_its_first_frame_and_says_so() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    intake = read_image(data, "x", SETTINGS)
    assert intake.image[0, 0].tolist() == [255, 0, 0]
    assert any("first frame" in note for note in intake.notes)


def test_a_long_side_is_scaled_once_and_said() -> None:
    intake = read_image(encode(Image.new("RGB", (3000, 1000))), "x", SETTINGS)
    assert intake.image.shape == (341, 1024, 3)
    assert any("3000x1000" in note for note in intake.notes)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims width x height and whose data are a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"hello, this is no picture", "not a picture"),
    "html": (b"<html><body>x</body></html>", "not a picture"),
    "svg": (b"<svg xmlns='x'></svg>", "not a picture"),
    "pdf": (b"%PDF-1.7 ...", "not a picture"),
    "bomb": (bomb(60_000, 60_000), "pixels"),
    "large": (bomb(9_000, 9_000), "megapixels"),
    "tiny": (encode(Image.new("RGB", (4, 4))), "at least 16"),
    "strip": (encode(Image.new("RGB", (1000, 16))), "32 times"),
    "truncated": (encode(Image.effect_noise((64, 64), 80))[:900], "broken"),
    "float": (encode(Image.new("F", (32, 32)), "TIFF"), "32-bit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_what_is_wrong(case: str) -> None:
    data, words = REFUSED[case]
    with pytest.raises(InvalidInput, match=words) as caught:
        read_image(data, "photo.png", SETTINGS)
    assert "'photo.png'" in str(caught.value)


def test_too_many_bytes_are_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(b"x" * 2000)
    with pytest.raises(InvalidInput, match="MB"):
        read_file(path, Settings(max_bytes=1000))


@given(st.binary(max_size=300))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_image(data, "x", SETTINGS)


@given(cut=st.integers(0, 700), flip=st.integers(0, 699))
def test_damaged_pngs_are_accepted_or_refused(cut: int, flip: int) -> None:
    data = bytearray(encode(halves().resize((60, 60))))
    data[flip % len(data)] ^= 0xFF
    try:
        intake = read_image(bytes(data[: max(cut, 1)]), "x", SETTINGS)
    except InvalidInput:
        return
    assert intake.image.ndim == 3


def test_png_bytes_are_lossless(photo: Image8) -> None:
    assert np.array_equal(from_png(png_bytes(photo)), photo)
