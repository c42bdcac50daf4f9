"""A served vision-language model as an answerer: chat completions, streamed."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any

from ru1_app.domain import Answered, ModelRef
from ru1_app.models.base import AnswerRequest, Words
from ru1_app.models.clock import Clock
from ru1_app.models.prompts import prompt
from ru1_app.models.served.draft import Draft, whole
from ru1_app.models.served.failures import Refused
from ru1_app.models.served.pictures import data_url
from ru1_app.models.served.probe import Served, connect
from ru1_app.models.served.transport import Call, Cancelled

# How many of the likeliest first tokens are asked for, until the server gives them: vLLM and OpenAI give 20 at most,
# TGI and small set-ups 5, some none.
_WEIGHED = (20, 5, 0)
_LONGEST = 100_000  # characters of an answer


class ServedAnswerer:
    """A `StreamingAnswerer`. Confidence is the model's own probability, not calibrated; see `Draft.answered`."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._weighed = _WEIGHED[0]

    @property
    def ref(self) -> ModelRef:
        """Which model answers, and what serves it."""
        return self._served.ref

    @property
    def streams(self) -> bool:
        """It writes its answers word by word."""
        return True

    def answer(self, requests: Sequence[AnswerRequest], *, cancelled: Cancelled = None) -> list[Answered]:
        """Answer the requests, several at a time. The first that fails ends the others.

        Raises:
            ModelFailed: the server gave no answer, or `cancelled` came true.
        """
        stop, failures = threading.Event(), list[BaseException]()

        def stopped() -> bool:
            return stop.is_set() or (cancelled is not None and cancelled())

        def one(request: AnswerRequest) -> Answered:
            try:
                with closing(self.stream(request, cancelled=stopped)) as events:
                    return next(event for event in events if isinstance(event, Answered))
            except BaseException as error:
                failures.append(error)
                stop.set()
                raise

        if len(requests) < 2:
            return [one(request) for request in requests]
        with ThreadPoolExecutor(min(self._served.options.parallel, len(requests)), "ru1-served") as pool:
            try:
                futures = [pool.submit(one, request) for request in requests]
                wait(futures, return_when=FIRST_EXCEPTION)
                if failures:
                    raise failures[0]  # those after it were ended by it
                return [future.result() for future in futures]
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def stream(self, request: AnswerRequest, *, cancelled: Cancelled = None) -> Generator[Words | Answered, None, None]:
        """Yield the text as it grows, and as it stands every half second, then the reply. Closing it closes the
        connection. See `StreamingAnswerer.stream`.
        """
        self._served = self._served.fresh()
        clock = Clock()
        weighed = self._weighed
        while True:
            try:
                draft = yield from self._drafted(self._call(request, weighed), clock, cancelled)
                break
            except Refused as error:
                if not weighed or error.status not in (400, 422) or "logprob" not in error.said.lower():
                    raise
                weighed = self._weighed = _WEIGHED[_WEIGHED.index(weighed) + 1]
        if not draft.text.strip():
            why = "used up 'max_tokens' before it answered; raise that option" if draft.finish == "length" else ""
            raise self._served.transport.sentences.wrong(f"{why or 'gave no text. Ask again, or another model'}.")
        yield draft.answered(request.question, clock.seconds)

    def _drafted(self, call: Call, clock: Clock, cancelled: Cancelled) -> Generator[Words, None, Draft]:
        draft, attempt = Draft(), 0
        transport = self._served.transport
        with closing(transport.watch(call, cancelled)) as events:
            for event in clock.timed(events):
                if event is not None:
                    if event.attempt != attempt:
                        draft, attempt = Draft(), event.attempt
                    if event.data.get("error"):
                        said = transport.sentences.said(json.dumps(event.data).encode())
                        raise transport.sentences.wrong(f"broke off: {said}. Its log says why; try again after that.")
                    draft.add(event.data)
                    if len(draft.text) + len(draft.reasoning) > _LONGEST:
                        raise transport.sentences.wrong("does not stop writing. Check the model's chat template.")
                yield Words(whole(draft.text))
        return draft

    def _call(self, request: AnswerRequest, weighed: int) -> Call:
        text = prompt(request.question, images=len(request.images), instruct=True)
        pictures = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in request.images]
        options = self._served.options
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": [*pictures, {"type": "text", "text": text}]}],
            "max_tokens": options.max_tokens,
            "temperature": 0,
            "stream": True,
        }
        if self._served.model:
            body["model"] = self._served.model
        if weighed:
            body["logprobs"] = True
            if request.question.options:
                body["top_logprobs"] = weighed
        return Call("/chat/completions", json=body | dict(options.extra))


def load_answerer(
    source: str, *, name: str | None = None, model: str | None = None, key: str | None = None, **options: Any
) -> ServedAnswerer:
    """The vision-language model behind an OpenAI-compatible endpoint.

    Args:
        source: the address, as in "http://host:8000/v1".
        name: what it is stored as; the model's own name if none.
        model: which model of the server; its first if none.
        key: what the server asks for as a bearer token.
        options: see `Options`.

    Raises:
        InvalidInput: the address, the key, the model or an option is wrong.
        Unavailable: no server answers there, or it refuses the key.
    """
    return ServedAnswerer(connect(source, name, model, key, options))
