"""Work in the background: one thread that does one thing after the other, tells how far it is, and can be stopped."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ru1_app.errors import NotFound, Ru1Error, Unavailable

log = logging.getLogger(__name__)
WAITING = 12  # jobs that may wait at once
KEPT = 40  # jobs that are remembered once they have ended
FAILED = "Something failed on the server; nothing was written. The log has the details."
Step = Callable[[str, float], None]
"""Tells what is being done and how far it is, 0 to 1; raises `Stopped` where the work is to end."""
Work = Callable[[Step], Any]


class Stopped(Exception):
    """Somebody stopped the work."""


class State(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


ENDED = frozenset((State.DONE, State.FAILED, State.STOPPED))


@dataclass(frozen=True, slots=True)
class Job:
    """How a job stands. `result` is what the work gave; `error` is a sentence for the person."""

    id: str
    kind: str
    owner: str
    state: State
    what: str
    share: float
    ahead: int  # jobs that are done before it
    result: Any
    error: str


@dataclass
class _Running:
    id: str
    kind: str
    owner: str
    work: Work
    state: State = State.WAITING
    what: str = ""
    share: float = 0.0
    result: Any = None
    error: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def step(self, what: str, share: float) -> None:
        if self.stop.is_set():
            raise Stopped
        self.what, self.share = what, min(1.0, max(0.0, share))


class Background:
    """Safe to use from many threads. The thread ends with its last job, and with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Running] = deque()
        self._known: dict[str, _Running] = {}
        self._thread: threading.Thread | None = None

    def start(self, owner: str, kind: str, work: Work) -> str:
        """Have the work done when its turn comes; returns the job's id, which nobody can guess.

        Raises:
            Unavailable: too much is waiting.
        """
        job = _Running(secrets.token_urlsafe(16), kind, owner, work)
        with self._lock:
            if len(self._queue) >= WAITING:
                raise Unavailable("Too much is waiting to be done. Try again in a few minutes.")
            self._forget()
            self._known[job.id] = job
            self._queue.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ru1-export", daemon=True)
                self._thread.start()
        return job.id

    def job(self, id_: str) -> Job:
        """How the job stands.

        Raises:
            NotFound: there is none; jobs are forgotten when the server starts again.
        """
        with self._lock:
            job = self._find(id_)
            waiting = [each for each in self._known.values() if each.state is State.RUNNING]
            ahead = len(waiting) + self._queue.index(job) if job in self._queue else 0
            return Job(job.id, job.kind, job.owner, job.state, job.what, job.share, ahead, job.result, job.error)

    def cancel(self, id_: str) -> None:
        """Have the job end at its next step, or not begin; nothing happens where it has ended."""
        with self._lock:
            job = self._find(id_)
            job.stop.set()
            if job in self._queue:
                self._queue.remove(job)
                job.state = State.STOPPED

    def _find(self, id_: str) -> _Running:
        job = self._known.get(id_) if isinstance(id_, str) else None
        if job is None:
            raise NotFound("That job is not known any more: the server has started again since. Begin anew.")
        return job

    def _forget(self) -> None:
        ended = [each.id for each in self._known.values() if each.state in ENDED]
        for id_ in ended[: max(0, len(ended) - KEPT)]:
            del self._known[id_]

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._thread = None
                    return
                job = self._queue.popleft()
                job.state = State.RUNNING
            state = self._do(job)
            with self._lock:
                job.state = state

    def _do(self, job: _Running) -> State:
        try:
            job.result = job.work(job.step)
        except Stopped:
            return State.STOPPED
        except Ru1Error as error:
            job.error = str(error)
        except BaseException:  # a panic of a Rust library is no Exception; the thread goes on with the next job
            log.exception("%s failed", job.kind)
            job.error = FAILED
        else:
            job.share = 1.0
            return State.DONE
        return State.FAILED
