"""What is shown of a file's name: never a path, nothing that moves, hides or marks up text."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 120  # characters
UNNAMED = "unnamed picture"


def safe_name(name: str) -> str:
    """The cleaned base name, at most 120 characters: one line, no control or direction characters, no `<>:"|?*`.

    Both slashes end a folder, so a Windows path loses its folders too. A long name keeps its suffix.
    """
    base = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    base = unicodedata.normalize("NFC", base.encode("utf-8", "ignore").decode())
    spaced = "".join(" " if c.isspace() else c for c in base)
    shown = "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
    shown = re.sub(r'[<>:"|?*`]', "_", " ".join(shown.split()))
    if not shown.strip(". "):
        return UNNAMED
    if len(shown) <= LONGEST:
        return shown
    stem, dot, suffix = shown.rpartition(".")
    tail = f"…{dot}{suffix}" if stem and len(suffix) <= 10 else "…"
    return shown[: LONGEST - len(tail)] + tail
