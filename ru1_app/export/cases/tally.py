"""What was left out of a release and why, by part: counted where it is lost, told in the manifest and on the page."""

from __future__ import annotations

from collections import Counter


class Tally:
    """Counts by part (a format's name, or "release") and reason."""

    def __init__(self) -> None:
        self._lost: dict[str, Counter[str]] = {}

    def lose(self, part: str, reason: str, count: int = 1) -> None:
        """Count something that was left out."""
        self._lost.setdefault(part, Counter())[reason] += count

    def of(self, part: str) -> dict[str, int]:
        """The reasons of a part with their counts, by reason."""
        return dict(sorted(self._lost.get(part, Counter()).items()))
