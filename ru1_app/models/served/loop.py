"""Work that can be dropped at once: coroutines on one loop in the background, watched from ordinary code.

A blocking read cannot be left from outside, a task can be cancelled; so the network is read by tasks.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Emit = Callable[[T], None]
_CLOSING = 1.0  # seconds that a cancelled task may take to close its connection


@dataclass(frozen=True, slots=True)
class _Ended:
    error: BaseException | None


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The loop of a process; a fork has no threads and gets its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=f"ru1-served-{process}", daemon=True).start()
    return loop


def pull(work: Callable[[Emit[T]], Coroutine[Any, Any, None]], beat: float) -> Generator[T | None, None, None]:
    """What `work` emits, and None after each `beat` seconds without anything. Closing it cancels the work.

    Raises:
        Exception: whatever `work` raises.
    """
    loop = _loop(os.getpid())
    inbox: SimpleQueue[T | _Ended] = SimpleQueue()
    tasks: list[asyncio.Task[None]] = []
    ended = threading.Event()

    def done(task: asyncio.Task[None]) -> None:
        inbox.put(_Ended(None if task.cancelled() else task.exception()))
        ended.set()

    def start() -> None:
        tasks.append(loop.create_task(work(inbox.put)))
        tasks[0].add_done_callback(done)

    loop.call_soon_threadsafe(start)
    try:
        while True:
            try:
                item = inbox.get(timeout=beat)
            except Empty:
                yield None
                continue
            if isinstance(item, _Ended):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        if not ended.is_set():
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            ended.wait(_CLOSING)
