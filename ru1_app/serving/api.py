"""The paths of the OpenAI API that are served, on FastAPI; what cannot be done is told in one sentence."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message

from ru1_app.config import Settings
from ru1_app.domain import Answered
from ru1_app.errors import InvalidInput, NotFound, Ru1Error, Unavailable
from ru1_app.images import Image8
from ru1_app.intake import read_image
from ru1_app.models.base import AnswerRequest, Words
from ru1_app.models.catalogue import Role
from ru1_app.serving.backend import ENGINE, Backend
from ru1_app.serving.wire_format import LAST_EVENT, Completion, edited, error, event, read_chat, read_edit

UNEXPECTED = "The server failed in a way that was not foreseen; its log says why."
_FORM = "The form cannot be read. Send multipart/form-data with one image and text fields."
log = logging.getLogger(__name__)


class TooLarge(InvalidInput):
    """The body of a request is longer than is allowed."""


_STATUS = {TooLarge: 413, InvalidInput: 400, NotFound: 404, Unavailable: 503}


@dataclass(frozen=True, slots=True)
class Site:
    """What the paths need. `ask` answers one request, together with those that come at the same time."""

    backend: Backend
    ask: Callable[[AnswerRequest], Awaitable[Answered | Exception]]
    settings: Settings

    def app(self) -> FastAPI:
        """The paths as an ASGI app."""
        web = FastAPI(title="RU1", openapi_url=None)
        web.add_exception_handler(HTTPException, _in_form)
        web.get("/health")(self.health)
        web.get("/version")(self.version)
        web.get("/v1/models")(self.models)
        web.post("/v1/images/edits")(self.edits)
        web.post("/v1/chat/completions")(self.chat)
        return web

    async def health(self) -> dict[str, str]:
        """That it is up: it is only asked once the models are loaded."""
        return {"status": "ok"}

    async def version(self) -> dict[str, Any]:
        """What it is; see `Backend.about`."""
        return self.backend.about

    async def models(self) -> dict[str, Any]:
        """The models by the names that the team's list has for them."""
        entries = [{"object": "model", "created": 0, "owned_by": ENGINE, **model} for model in self.backend.models]
        return {"object": "list", "data": entries}

    async def edits(self, request: Request) -> Response:
        """POST of an image edit: a recovery."""
        return await _told(self._edited(request))

    async def chat(self, request: Request) -> Response:
        """POST of a chat completion: an answer."""
        return await _told(self._answered(request))

    async def _edited(self, request: Request) -> Response:
        body = await _body(request, self.settings.max_bytes)
        fields, image = await _form(request, body)
        edit = await asyncio.to_thread(read_edit, fields, image, self._picture, self.backend.steps)
        self.backend.check(Role.RECOVER, edit.model)
        done = await self.backend.recover(edit.request)
        return JSONResponse(await asyncio.to_thread(edited, done.images[0], int(time.time())))

    async def _answered(self, request: Request) -> Response:
        body = await _body(request, self.settings.max_bytes)
        chat = await asyncio.to_thread(read_chat, body, self._picture)
        self.backend.check(Role.ANSWER, chat.model)
        name = self.backend.names[Role.ANSWER]
        completion = Completion(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), name, chat)
        if chat.stream and self.backend.streams and not chat.request.question.options:
            return StreamingResponse(self._events(completion), media_type="text/event-stream")
        outcome = await self.ask(chat.request)  # with others of the same moment
        if isinstance(outcome, Exception):
            raise outcome
        if not chat.stream:
            return JSONResponse(completion.whole(outcome))
        return Response(event(completion.end(outcome, "")) + LAST_EVENT, media_type="text/event-stream")

    async def _events(self, completion: Completion) -> AsyncGenerator[bytes, None]:
        sent = ""
        try:
            async with aclosing(self.backend.stream(completion.chat.request)) as said:
                async for each in said:
                    if isinstance(each, Words):
                        text = each.text.rstrip("\ufffd")  # half a character is not sent before its other half
                        if len(text) > len(sent) and text.startswith(sent):
                            yield event(completion.piece(text[len(sent) :]))
                            sent = text
                    else:
                        yield event(completion.end(each, sent))
        except Exception as problem:
            yield event(error(*_sentence(problem)))
        yield LAST_EVENT

    def _picture(self, data: bytes, name: str) -> Image8:
        return read_image(data, name, self.settings).image


async def _told(work: Awaitable[Response]) -> Response:
    """The response, or what went wrong, as the caller may know it."""
    try:
        return await work
    except Exception as problem:
        sentence, status = _sentence(problem)
        return JSONResponse(error(sentence, status), status)


def _sentence(problem: Exception) -> tuple[str, int]:
    if isinstance(problem, Ru1Error):
        return str(problem), next((status for kind, status in _STATUS.items() if isinstance(problem, kind)), 500)
    log.error("A request failed", exc_info=problem)
    return UNEXPECTED, 500


async def _in_form(_: Request, problem: Exception) -> Response:
    """FastAPI's own refusals (no such path, no such method) in OpenAI's form."""
    status, detail = (problem.status_code, problem.detail) if isinstance(problem, HTTPException) else (500, UNEXPECTED)
    return JSONResponse(error(f"{detail}.", status), status)


async def _body(request: Request, most: int) -> bytes:
    """The body; one longer than `most` bytes is refused before more of it is read."""
    body = bytearray()
    said = request.headers.get("content-length", "")
    too_large = said.isascii() and said.isdigit() and int(said[:18]) > most
    if not too_large:
        async for chunk in request.stream():
            body += chunk
            if too_large := len(body) > most:
                break
    if too_large:
        raise TooLarge(f"The request is too large; up to {most / 1e6:g} MB are allowed. Send smaller images.")
    return bytes(body)


async def _form(request: Request, body: bytes) -> tuple[dict[str, str], bytes | None]:
    """The text fields and the image of a multipart form.

    Raises:
        InvalidInput: it cannot be read, or has more than one image.
    """

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=50) as form:
            fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
            files = [value for name, value in form.multi_items() if name in ("image", "image[]")]
            image = files[0] if files else None
            return fields, await image.read() if isinstance(image, UploadFile) else None
    except (HTTPException, MultiPartException, ValueError, KeyError) as problem:
        raise InvalidInput(_FORM) from problem
