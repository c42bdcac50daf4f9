"""Time at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """Seconds at work, without those that the caller takes between steps."""

    def __init__(self) -> None:
        self.seconds, self._since = 0.0, 0.0

    def __enter__(self) -> Clock:
        self._since = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._since

    def timed(self, events: Iterator[T]) -> Iterator[T]:
        """The events, with the time that each took."""
        while True:
            with self:
                try:
                    event = next(events)
                except StopIteration:
                    return
            yield event
