"""Server-sent events from bytes (WHATWG HTML, 9.2.6): the data of each event, whatever the chunks are."""

from __future__ import annotations

from collections.abc import Iterator


class Events:
    """Takes chunks as they come and gives the data of the events that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of each event that `chunk` ends."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield from self._line(line.rstrip(b"\r").decode("utf-8", "replace"))

    def end(self) -> Iterator[str]:
        """The last event, of a server that leaves out the blank line after it."""
        yield from self.feed(b"\n\n")

    def _line(self, line: str) -> Iterator[str]:
        if not line and self._data:
            yield "\n".join(self._data)
            self._data = []
        elif line.startswith("data:"):
            self._data.append(line.removeprefix("data:").removeprefix(" "))
