"""What kind of file bytes are, by their beginning and never by their name."""

from __future__ import annotations

ALLOWED = "a PNG, JPEG, WebP, AVIF, BMP, GIF, TIFF or JPEG 2000 picture"

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
}
_FOREIGN = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "a PostScript file",
    b"PK": "a ZIP archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"8BPS": "a Photoshop document",
    b"\0\0\x01\0": "an icon",
    b"\0\0\x02\0": "a cursor",
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"qoif": "a QOI picture",
    b"DDS ": "a DDS texture",
    b"\x8aMNG": "an MNG animation",
    b"\x93NUMPY": "a NumPy array",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x1aE\xdf\xa3": "a video",
    b"ID3": "a sound file",
    b"OggS": "a sound or video file",
    b"fLaC": "a sound file",
    b"SQLite format 3": "a database",
    b"{\\rtf": "a text document",
}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"heif"}


def picture_kind(data: bytes) -> str | None:
    """Pillow's name of an allowed format, or none."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if _brands(data) & {b"avif", b"avis"}:
        return "AVIF"
    if data[:10] == b"II*\0\x10\0\0\0CR":  # Canon's raw format is a TIFF whose first picture is a preview
        return None
    return next((kind for magic, kind in _PICTURES.items() if data.startswith(magic)), None)


def is_heic(data: bytes) -> bool:
    """Apple's camera format, which Pillow cannot read."""
    return picture_kind(data) is None and bool(_brands(data) & _HEIC)


def foreign_kind(data: bytes) -> str | None:
    """What a file that is no allowed picture is, in words; none where it is not known."""
    for magic, words in _FOREIGN.items():
        if data.startswith(magic):
            return words
    if _brands(data):
        return "a camera raw file" if data[8:12] == b"crx " else "a video"
    if data[:10] == b"II*\0\x10\0\0\0CR":
        return "a camera raw file"
    if data[:1] == b"P" and data[1:2] in b"1234567FfH" and data[2:3].isspace():
        return "a PNM picture"
    return _markup(data[:1024])


def _brands(data: bytes) -> set[bytes]:
    """The brands of an ISO media file (AVIF, HEIC, MP4): the major one and those it is compatible with."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 512)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end - 3, 4)}


def _markup(head: bytes) -> str | None:
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text:
        return "an SVG drawing"
    return "a web page" if b"<html" in text or b"<!doctype html" in text else "an XML or HTML file"
