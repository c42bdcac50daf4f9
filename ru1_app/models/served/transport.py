"""One small HTTP client: time-outs, tries, cancellation. Errors are sentences that name the server, never the key."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from ru1_app.errors import ModelFailed
from ru1_app.models.served.address import Address
from ru1_app.models.served.failures import Failure, Sentences
from ru1_app.models.served.loop import Emit, pull
from ru1_app.models.served.options import Options
from ru1_app.models.served.sse import Events

if TYPE_CHECKING:
    import ssl

    import httpx

Cancelled = Callable[[], bool] | None
T = TypeVar("T")
LOOK = 0.1  # seconds between looks at whether the caller still wants it
BEAT = 5  # of these make a beat, at which the caller may close
LONGEST_PAUSE = 30.0  # seconds between two tries, where the server names no time
MOST_BYTES = 256 << 20  # of an answer; a PNG of the largest image that the app takes, as base64
MOST_STREAMED = 16 << 20  # of a stream of text
_MOST_ERROR = 65_536


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `path` is put behind the base, or behind the root of the server where `root` says so."""

    path: str
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes, str]] | None = None  # field -> name, bytes, media type
    method: str = "POST"
    root: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream. `attempt` counts tries from 0: where it changes, the stream began anew."""

    attempt: int
    data: Mapping[str, Any]


_Read = Callable[[Emit[T], int, "httpx.Response"], Awaitable[None]]


class Transport:
    """Requests to one server. Any number may run at the same time, from any threads."""

    def __init__(self, address: Address, key: str | None, options: Options) -> None:
        self.sentences = Sentences(address.base, key)
        self._address, self._options = address, options
        self._headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}

    def ask(self, call: Call, cancelled: Cancelled = None) -> Generator[Reply | None, None, None]:
        """Yield None every half second while the server works, then its `Reply`. Closing it closes the connection.

        Raises:
            Refused: the server said no.
            ModelFailed: no answer after all tries, or `cancelled` came true; the message says what to do.
        """
        return self._run(call, self._whole, cancelled)

    def watch(self, call: Call, cancelled: Cancelled = None) -> Generator[Event | None, None, None]:
        """Yield events as they come, and None every half second without any. A server that does not stream gives one.

        Raises: as `ask`.
        """
        return self._run(call, self._events, cancelled)

    def parsed(self, body: bytes | str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """The JSON object of an answer; anything else is `ModelFailed`."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            kind = headers.get("content-type", "").split(";")[0].strip().lower()
            if kind == "text/html":
                what = "answered with a web page instead of JSON. Check that its address ends with '/v1'."
            else:
                what = "sent JSON that cannot be read. Try again; if it stays so, update the server."
            raise self.sentences.wrong(what) from None
        if not isinstance(value, dict):
            raise self.sentences.wrong("sent JSON that is no object. Check the address and the kind of server.")
        return value

    def _run(self, call: Call, read: _Read[T], cancelled: Cancelled) -> Generator[T | None, None, None]:
        def work(emit: Emit[T]) -> Any:
            return self._persist(call, partial(read, emit))

        looks = 0
        with closing(pull(work, LOOK)) as items:
            for item in items:
                if cancelled is not None and cancelled():
                    raise ModelFailed("The request was cancelled.")
                looks = looks + 1 if item is None else 0
                if item is not None or looks % BEAT == 0:
                    yield item

    async def _persist(self, call: Call, read: Callable[[int, httpx.Response], Awaitable[None]]) -> None:
        """Try until it works, a further try cannot help, or tries or time have run out."""
        import httpx

        options = self._options
        deadline = asyncio.get_running_loop().time() + options.total
        times = httpx.Timeout(options.timeout, connect=options.connect, pool=None)
        try:
            async with (
                asyncio.timeout_at(deadline),
                httpx.AsyncClient(
                    headers=self._headers, timeout=times, verify=_trusted(), trust_env=not self._address.local
                ) as client,
            ):
                for attempt in range(options.retries + 1):
                    failure = await self._try(client, call, partial(read, attempt))
                    if failure is None:
                        return
                    left = deadline - asyncio.get_running_loop().time()
                    wait = pause(attempt, options.backoff) if failure.wait is None else failure.wait
                    if not failure.again or attempt == options.retries or wait >= left:
                        raise failure.error
                    await asyncio.sleep(wait)
        except TimeoutError:
            raise self.sentences.late(options.total) from None

    async def _try(
        self, client: httpx.AsyncClient, call: Call, read: Callable[[httpx.Response], Awaitable[None]]
    ) -> Failure | None:
        import httpx

        url = (self._address.root if call.root else self._address.base) + call.path
        say = self.sentences
        try:
            async with client.stream(call.method, url, json=call.json, data=call.form, files=call.files) as response:
                if not response.is_success:
                    body = await self._body(response, _MOST_ERROR, cut=True)
                    return say.status(response.status_code, body, response.headers.get("retry-after"))
                await read(response)
                return None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            distrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            return Failure(say.distrusted() if distrusted else say.absent(), not distrusted)
        except httpx.InvalidURL:
            return Failure(say.absent(), False)
        except httpx.TimeoutException:
            return Failure(say.silent(self._options.timeout), True)
        except httpx.HTTPError:
            return Failure(say.cut(), True)

    async def _whole(self, emit: Emit[Reply], attempt: int, response: httpx.Response) -> None:
        body = await self._body(response, MOST_BYTES)
        emit(Reply(dict(response.headers), body))

    async def _events(self, emit: Emit[Event], attempt: int, response: httpx.Response) -> None:
        import httpx

        if "text/event-stream" not in response.headers.get("content-type", ""):
            emit(Event(attempt, self.parsed(await self._body(response, MOST_STREAMED), response.headers)))
            return
        events, taken, finished = Events(), 0, False
        async for chunk in response.aiter_raw():
            taken += len(chunk)
            if taken > MOST_STREAMED:
                raise self.sentences.large(MOST_STREAMED)
            for data in events.feed(chunk):
                if data.strip() == "[DONE]":
                    return
                event = self.parsed(data, {})
                finished = finished or _finished(event)
                emit(Event(attempt, event))
        for data in events.end():
            finished = finished or data.strip() == "[DONE]"
        if not finished:
            raise httpx.RemoteProtocolError("the stream ended without its end mark")

    async def _body(self, response: httpx.Response, most: int, *, cut: bool = False) -> bytes:
        """The body; one longer than `most` is cut off there or refused."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > most:
                if cut:
                    break
                raise self.sentences.large(most)
        return bytes(body)


def pause(tried: int, first: float, share: Callable[[], float] = random.random) -> float:
    """Seconds before the next try: exponential back-off with equal jitter (half of it fixed, half at random).

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    whole = min(LONGEST_PAUSE, first * 2.0 ** min(tried, 32))
    return whole * (0.5 + 0.5 * share())


def last(replies: Generator[Reply | None, None, None]) -> Reply:
    """The reply, waited for."""
    with closing(replies):
        return next(reply for reply in replies if reply is not None)


def _finished(event: Mapping[str, Any]) -> bool:
    choices = event.get("choices")
    return isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than a request on the same machine."""
    import httpx

    return httpx.create_ssl_context()
