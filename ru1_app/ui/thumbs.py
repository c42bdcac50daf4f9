"""Small JPEG pictures of stored images, made once: for lists, which are looked at and not measured. No Gradio."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ru1_app.errors import Ru1Error
from ru1_app.images import from_png
from ru1_app.ui import view

SIDE = 288  # longest side
KEPT = 2000  # of some 15 KB


class Thumbs:
    """Safe to use from many threads."""

    def __init__(self, blob: Callable[[str], bytes], side: int = SIDE) -> None:
        self._make = lru_cache(KEPT)(lambda sha: view.jpeg_uri(view.reduced(from_png(blob(sha)), side)))

    def __call__(self, sha: str) -> str:
        """The picture as a data address; "" where the image cannot be read."""
        try:
            return self._make(sha)
        except (Ru1Error, OSError, ValueError):
            return ""
