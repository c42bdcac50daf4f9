"""Names that lie, hide, climb or shout; the picture itself is sound."""

from __future__ import annotations

from tests.hostile.file import Hostile, accept
from tests.hostile.good import SIZE, corners
from tests.hostile.pieces import encode, quarters

STRANGE = (
    "фото отпуск 写真.png",
    "café ☕️ 😀.png",
    "invoice\u202egnp.exe.png",  # right-to-left override
    "two\nlines\tand a tab.png",
    "a" * 200 + ".png",
    "<img src=x onerror=alert(1)>.png",
    "'; DROP TABLE samples; --.png",
    "..%2f..%2fetc%2fpasswd.png",
    "-rf.png",
    "C:\\temp\\photo.png",
    "no suffix",
    ".hidden",
)
NAMES: tuple[Hostile, ...] = tuple(
    accept(name, "names", lambda: encode(quarters()), SIZE, *corners()) for name in STRANGE
)
