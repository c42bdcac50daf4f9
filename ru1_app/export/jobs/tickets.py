"""Words that are good for fetching one file for a while: a browser's download carries no token of a sign-in."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path

from ru1_app.errors import NotFound

GOOD = 3600  # seconds


class Tickets:
    """Safe to use from many threads. In memory: a server that starts again knows none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Path]] = {}

    def give(self, path: Path) -> str:
        """A word for the file, which nobody can guess."""
        now, word = time.monotonic(), secrets.token_urlsafe(24)
        with self._lock:
            self._known = {each: kept for each, kept in self._known.items() if kept[0] > now}
            self._known[word] = (now + GOOD, path)
        return word

    def file(self, word: str) -> Path:
        """The file of a word; `NotFound` where it is good for none any more."""
        until, path = self._known.get(word, (0.0, Path()))
        if until <= time.monotonic() or not path.is_file():
            raise NotFound("This link is not good any more. Press “Download .zip” on the page again.")
        return path
