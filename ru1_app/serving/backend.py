"""The models that are served, one job at a time: as many requests as there are may wait for them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from typing import Any, TypeVar

from ru1_app import __version__
from ru1_app.domain import Answered, ModelRef
from ru1_app.errors import ModelFailed, NotFound
from ru1_app.models.base import (
    Answerer,
    AnswerRequest,
    Progress,
    Recovered,
    Recoverer,
    RecoverRequest,
    StreamingAnswerer,
    Words,
)
from ru1_app.models.catalogue import Role
from ru1_app.wiring import App

ENGINE = "ru1"
T = TypeVar("T")
log = logging.getLogger(__name__)


class Backend:
    """The app's default recoverer and answerer, loaded. Its methods belong to one event loop."""

    def __init__(self, app: App) -> None:
        recoverer, answerer = (app.check("", role) for role in (Role.RECOVER, Role.ANSWER))
        self.names = {Role.RECOVER: recoverer.name, Role.ANSWER: answerer.name}
        self.steps = app.settings.steps or recoverer.steps
        self.largest_batch = 0
        self._recoverer: Recoverer = app.recoverer("")
        self._answerer: Answerer = app.answerer("")
        self._thread = ThreadPoolExecutor(1, "ru1-model")  # what a job leaves running ends before the next begins
        self._turn = asyncio.Lock()

    def check(self, role: Role, name: str | None) -> None:
        """Refuse a model's name that does not do that here: rows must name the model that made them.

        Raises:
            NotFound: the message names the one that does.
        """
        if name not in (None, self.names[role]):
            raise NotFound(f"The model {name[:80]!r} does not {role} here. To {role} there is: {self.names[role]}.")

    @property
    def models(self) -> list[dict[str, str]]:
        """Name, revision and engine of each model; one that has both roles with two files of weights names both."""
        refs: dict[str, list[ModelRef]] = {}
        for role, ref in self._refs.items():
            refs.setdefault(self.names[role], []).append(ref)
        return [
            {"id": name, "revision": _both(ref.revision for ref in own), "engine": _both(ref.engine for ref in own)}
            for name, own in refs.items()
        ]

    @property
    def about(self) -> dict[str, Any]:
        """What the server is: its version, its models, and how many questions went through a model at once."""
        return {
            "version": __version__,
            "engine": ENGINE,
            "model": self.models[0],
            "roles": {role.value: asdict(ref) for role, ref in self._refs.items()},
            "largest_batch": self.largest_batch,
        }

    @property
    def streams(self) -> bool:
        """Whether there is a text to watch while it is written."""
        return isinstance(self._answerer, StreamingAnswerer) and self._answerer.streams

    async def recover(self, request: RecoverRequest) -> Recovered:
        """The recovery; a caller that is cancelled ends it at its next step."""
        gone = threading.Event()
        try:
            async with self._turn:
                return await self._run(lambda: _last(self._recoverer, request, gone))
        finally:
            gone.set()

    async def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered | Exception]:
        """An answer for each, in one call. Should that fail, each is asked alone, so that one cannot spoil another."""
        self.largest_batch = max(self.largest_batch, len(requests))
        async with self._turn:
            return await self._run(lambda: _outcomes(self._answerer, requests))

    async def stream(self, request: AnswerRequest) -> AsyncGenerator[Words | Answered, None]:
        """As `StreamingAnswerer.stream`; nothing else runs until it is closed."""
        if not isinstance(self._answerer, StreamingAnswerer):
            raise ModelFailed(f"The model {self.names[Role.ANSWER]!r} does not stream. Ask without 'stream'.")
        async with self._turn:
            events = iter(self._answerer.stream(request))
            try:
                while (event := await self._run(lambda: next(events, None))) is not None:
                    yield event
            finally:
                # Not awaited, because a cancelled caller may not wait; the thread takes it before any other job.
                self._thread.submit(getattr(events, "close", lambda: None))

    async def _run(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    @property
    def _refs(self) -> dict[Role, ModelRef]:
        return {Role.RECOVER: self._recoverer.ref, Role.ANSWER: self._answerer.ref}


def _both(words: Any) -> str:
    return "+".join(dict.fromkeys(words))


def _last(recoverer: Recoverer, request: RecoverRequest, gone: threading.Event) -> Recovered:
    events: Any = recoverer.recover(request)  # a generator, whatever the protocol calls it
    with closing(events):
        for event in events:
            if gone.is_set():
                break
            if not isinstance(event, Progress):
                done: Recovered = event
                return done
    raise ModelFailed("The recovery ended without an image. Ask again.")


def _outcomes(answerer: Answerer, requests: Sequence[AnswerRequest]) -> list[Answered | Exception]:
    try:
        return list(answerer.answer(requests))
    except Exception as error:
        if len(requests) == 1:
            return [error]
        log.exception("Answering %d questions together failed; each is asked alone", len(requests))
        return [outcome for request in requests for outcome in _outcomes(answerer, [request])]
