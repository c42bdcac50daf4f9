"""Files that are no picture, or not one any more."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

from PIL import Image

from tests.hostile.file import Hostile, either, reject
from tests.hostile.pieces import encode, quarters

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>alert(1)</script></svg>'
XXE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("picture.png", encode(quarters()))
    return buffer.getvalue()


def heic() -> bytes:
    return struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(200)


def png() -> bytes:
    return encode(quarters())


def jpeg() -> bytes:
    return encode(Image.effect_noise((200, 200), 80).convert("RGB"), "JPEG", quality=90)


def rough() -> Image.Image:
    return Image.effect_noise((90, 90), 80).convert("RGB")


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


KINDS: tuple[Hostile, ...] = (
    # not an image
    reject("empty.png", "no image", lambda: b"", "is empty"),
    reject("drawing.svg", "no image", lambda: SVG, "SVG"),
    reject("drawing.png", "no image", lambda: SVG, "SVG"),
    reject("entity.xml", "no image", lambda: XXE, "XML"),
    reject("page.jpg", "no image", lambda: b"<!doctype html><html><body>hello</body></html>", "web page"),
    reject("paper.png", "no image", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    reject("archive.png", "no image", archive, "ZIP"),
    reject("squeezed.png", "no image", lambda: gzip.compress(png()), "gzip"),
    reject("print.eps", "no image", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n", "PostScript"),
    reject("phone.heic", "no image", heic, "HEIC", "JPEG or PNG"),
    reject("phone.jpg", "no image", heic, "HEIC"),
    reject("words.jpg", "no image", lambda: "Grüße aus dem Urlaub\n".encode() * 50, "not a picture"),
    reject("random.png", "no image", lambda: bytes((i * 197 + 31) % 251 for i in range(5000)), "not a picture"),
    reject("film.webp", "no image", lambda: struct.pack(">I", 24) + b"ftypisom" + bytes(300), "video"),
    reject("pixels.ppm", "no image", lambda: b"P6\n40 40\n255\n" + bytes(4800), "PNM"),
    # broken
    reject("only-magic.png", "broken", lambda: b"\x89PNG\r\n\x1a\n", "broken"),
    reject("half.png", "broken", lambda: encode(Image.effect_noise((200, 200), 80))[:9000], "broken"),
    reject("half.jpg", "broken", lambda: jpeg()[:4000], "broken"),
    reject("half.gif", "broken", lambda: encode(Image.effect_noise((90, 90), 80), "GIF")[:3000], "broken"),
    reject("half.webp", "broken", lambda: encode(rough(), "WEBP")[:600], "broken"),
    reject("half.tif", "broken", lambda: encode(quarters(), "TIFF")[:700], "broken"),
    reject("checksum.png", "broken", lambda: flipped(png(), 45), "broken"),
    either("flipped.jpg", "broken", lambda: flipped(jpeg(), 700)),
    either("tail.png", "broken", lambda: png() + b"<script>alert(1)</script>" * 100),
)
