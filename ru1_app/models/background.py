"""Work that reports through callbacks, turned into a generator: it runs in a thread and can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """Raised inside the work when nobody waits for it any more."""


class Line(Generic[T]):
    """What the work holds: it sends events and learns whether it should end."""

    def __init__(self) -> None:
        self._events: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self._stop = threading.Event()

    def send(self, event: T) -> None:
        """Hand an event over; the work goes on while the reader looks at it.

        Raises:
            Stopped: the reader closed the generator.
        """
        self.check()
        self._events.put((event,))

    def check(self) -> None:
        """Raise `Stopped` if the reader closed the generator."""
        if self._stop.is_set():
            raise Stopped

    def wait_for(self, lock: threading.Lock) -> None:
        """Take the lock, or raise `Stopped` while waiting for it."""
        while not lock.acquire(timeout=0.05):
            self.check()

    def _run(self, work: Callable[[Line[T]], None]) -> None:
        try:
            work(self)
            self._events.put(None)
        except BaseException as error:  # it belongs to the reader, whatever it is
            self._events.put(error)

    def _read(self, work: Callable[[Line[T]], None]) -> Iterator[T]:
        thread = threading.Thread(target=self._run, args=(work,), name="ru1-model", daemon=True)
        thread.start()
        try:
            while (event := self._events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event[0]
        finally:
            self._stop.set()
            thread.join()  # so that the device is free once the generator is closed


def in_background(work: Callable[[Line[T]], None]) -> Iterator[T]:
    """Yield what `work` sends; what it raises is raised here.

    Closing the generator raises `Stopped` at the next `send` or `check` of the work, and waits for that.
    """
    line: Line[T] = Line()
    return line._read(work)
