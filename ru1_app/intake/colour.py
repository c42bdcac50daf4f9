"""From whatever a file holds to RGB: 16 bits to 8, colours to sRGB, transparency on white, the right way up.

Colours are converted before transparency is laid on white, as browsers do: the white is sRGB white. Each function
appends to `notes` what it did.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

from ru1_app.intake.refused import Refused

ORIENTATION, BITS, PHOTOMETRIC, WHITE_IS_ZERO = 0x0112, 258, 262, 0
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MAX_EXIF = 1_000_000  # bytes; beyond that it is not read (one number of Pillow's takes 30 times its size in the file)
SAME = 2  # levels by which a profile may move a colour and still count as sRGB
PROFILE_OF = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
DEEP_COLOUR = "16 bits per colour: the upper 8 are used"  # Pillow's reading; within one level of value / 257
TURNED = "turned as its EXIF orientation says"
_SPREAD = {"L;2": 85, "L;4": 17}  # Pillow scales these pixels to 0..255, but not their transparent level


def depth_of(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words (`RGB;16B`); to be asked before they are loaded."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) and args else args or "")


def orientation_of(image: Image.Image) -> int:
    """1 to 8; 1 where there is none, or none that makes sense."""
    exif = image.info.get("exif")
    if isinstance(exif, bytes) and len(exif) > MAX_EXIF:
        return 1
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF is not a broken picture
        return 1
    return value if isinstance(value, int) and value in TURNS else 1


def to_rgb(image: Image.Image, depth: str, notes: list[str]) -> Image.Image:
    """The RGB picture of a loaded image whose pixels lay as `depth` in the file.

    Raises:
        Refused: floating point, signed or 32-bit values, whose range nobody knows.
    """
    if image.mode in ("I", "F"):
        raise Refused("holds 32-bit, signed or floating-point values without a known range; save it with 8 bits")
    if image.mode.startswith("I;16"):
        notes.append("16-bit gray scaled to 8 bits")
        image = _gray8(image)
    elif ";16" in depth and image.format in ("PNG", "TIFF"):
        notes.append(DEEP_COLOUR)
    colours, alpha = _split(image, depth)
    rgb = _in_srgb(colours, image.info.get("icc_profile"), notes)
    if alpha is not None and alpha.getextrema() != (255, 255):
        notes.append("transparency laid on white")
        rgb.paste((255, 255, 255), (0, 0), ImageChops.invert(alpha))
    return rgb


def turned(rgb: Image.Image, orientation: int, notes: list[str]) -> Image.Image:
    """The picture the right way up; `orientation` is 2 to 8."""
    notes.append(TURNED)
    return rgb.transpose(TURNS[orientation])


def _gray8(image: Image.Image) -> Image.Image:
    """16-bit gray as 8-bit gray, with alpha where one level is transparent: value / 257, to the nearest."""
    tags = getattr(image, "tag_v2", {})
    top = 4095 if tags.get(BITS) in (12, (12,)) else 65535
    table = np.minimum((np.arange(65536) * 255 + top // 2) // top, 255).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        table = 255 - table
    levels = np.asarray(image)
    gray = Image.fromarray(table[levels])
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray.putalpha(Image.fromarray((levels != clear).astype(np.uint8) * 255))
    gray.info["icc_profile"] = image.info.get("icc_profile")
    return gray


def _split(image: Image.Image, depth: str) -> tuple[Image.Image, Image.Image | None]:
    """Colours as L, RGB, CMYK or LAB, and alpha where there is any. Premultiplied colours are divided."""
    clear = image.info.get("transparency")
    if clear is not None:
        if isinstance(clear, int) and depth in _SPREAD:
            image.info["transparency"] = clear * _SPREAD[depth]
        elif isinstance(clear, tuple) and ";16" in depth:
            image.info["transparency"] = tuple(level >> 8 for level in clear)
        image = image.convert("LA" if image.mode in ("1", "L") else "RGBA")
    elif image.mode in ("PA", "RGBa"):
        image = image.convert("RGBA")
    elif image.mode == "La":
        image = image.convert("LA")
    elif image.mode == "P" and image.palette is not None and image.palette.mode == "RGBA":
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA"):
        return _as(image, image.mode[:-1]), image.getchannel("A")
    if image.mode in ("1", "L"):
        return _as(image, "L"), None
    return (image if image.mode in ("CMYK", "LAB") else _as(image, "RGB")), None


def _as(image: Image.Image, mode: str) -> Image.Image:
    """`convert` without its copy: a picture of 64 megapixels takes 256 MB."""
    return image if image.mode == mode else image.convert(mode)


def _in_srgb(image: Image.Image, profile: object, notes: list[str]) -> Image.Image:
    if isinstance(profile, bytes) and profile and image.mode in PROFILE_OF:
        try:
            converted = _converted(image, profile)
        except Exception:  # a profile is a stranger's program: whatever it breaks, the picture is still one
            notes.append("its colour profile is broken or of another kind and was ignored")
        else:
            if converted is not None:
                notes.append("colours converted to sRGB")
                return converted
    return _as(image, "RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The image in sRGB, or none where its profile is sRGB within `SAME` levels, whatever its name is.

    Raises:
        ValueError: the profile is of another kind of image. ImageCms.PyCMSError: it is broken.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != PROFILE_OF[image.mode]:
        raise ValueError(source.profile.xcolor_space)
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
    if image.mode != "CMYK":
        probe = _probe(image.mode)
        moved = ImageChops.difference(probe.convert("RGB"), transform.apply(probe))
        if np.asarray(moved).max() <= SAME:
            return None
    return transform.apply(image)


def _probe(mode: str) -> Image.Image:
    """Every colour on a grid of 16^3, or every gray."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(64, 64, 3))
