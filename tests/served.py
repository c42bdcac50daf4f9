"""An OpenAI-compatible server in a thread, small but real: it filters images, answers by colour, fails as planned."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import math
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from PIL import Image

from ru1_app.images import Image8, png_bytes

MODEL = "tiny-edit"
CHANNELS = ("red", "green", "blue")
ABOUT = {  # what each kind of engine says of itself
    "vllm": {"/version": {"version": "0.11.0"}},
    "sglang": {"/server_info": {"version": "0.5.4", "api_key": "topsecret", "weight_version": "step-300"}},
    "tgi": {"/info": {"version": "3.3.4", "model_id": "org/x", "model_sha": "9d1c7ab"}},
    "bare": {},
}


class ServedModel:
    """Each POST takes the next fault of `plan`; none left, it is answered well. `seen` are the requests' fields."""

    def __init__(self, engine: str = "vllm", *, key: str | None = None) -> None:
        self.plan: deque[str] = deque()
        self.seen: list[dict[str, Any]] = []
        self.at: list[float] = []
        self.dropped = threading.Event()  # a client went away before its answer was whole
        self.together = self.most_together = 0
        self.key, self.engine, self.most_logs, self.parts = key, engine, 20, "content"
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.root = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{self.root}/v1"
        config = uvicorn.Config(_app(self), log_level="critical", timeout_graceful_shutdown=1, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> ServedModel:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self._server.started
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def allows(self, request: Request) -> bool:
        return self.key is None or request.headers.get("authorization") == f"Bearer {self.key}"


def _app(model: ServedModel) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        if not model.allows(request):
            return JSONResponse({"error": {"message": f"wrong key {request.headers.get('authorization')}"}}, 401)
        entry = {"id": MODEL, "root": "/models/tiny-edit-7", "owned_by": "someone"}
        return JSONResponse({"data": [entry]}, headers={"Server": "tinyserver"})

    @app.get("/{path:path}")
    async def about(path: str) -> Response:
        said = ABOUT[model.engine].get(f"/{path}")
        return JSONResponse(said) if said else JSONResponse({"detail": "Not Found"}, 404)

    @app.post("/v1/images/edits")
    async def edits(request: Request) -> Response:
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            upload: Any = form["image"]
            image = _decoded(await upload.read())

        def good(made: bytes) -> dict[str, Any]:
            return {"created": 1, "data": [{"b64_json": base64.b64encode(made).decode()}]}

        return await _served(model, request, fields, lambda fault: good(edited(image, int(fields["seed"]), fault)))

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        if "logprobs" in body and body.get("top_logprobs", 1) > model.most_logs:
            model.seen.append(body)
            return JSONResponse({"error": {"message": "more logprobs than allowed"}}, 400)
        return await _served(model, request, body, lambda fault: _completion(model, body, fault))

    return app


async def _served(model: ServedModel, request: Request, fields: dict[str, Any], good: Any) -> Response:
    model.seen.append(fields)
    model.at.append(time.monotonic())
    fault = model.plan.popleft() if model.plan else ""
    model.together += 1
    model.most_together = max(model.most_together, model.together)
    try:
        if early := await _early(model, request, fault):
            return early
        reply = good(fault)
        if fault == "cut":
            body = json.dumps(reply).encode()
            return StreamingResponse(_broken(body), headers={"Content-Length": str(len(body))})
        if not fields.get("stream") or fault == "no_stream":
            return JSONResponse(reply)
        return StreamingResponse(_noticed(model, _stream(reply, fault)), media_type="text/event-stream")
    finally:
        model.together -= 1


async def _early(model: ServedModel, request: Request, fault: str) -> Response | None:
    """The answers of faults that come before any content."""
    if fault == "slow":
        return await _wait(model, request, 20.0)
    if fault == "busy":
        await asyncio.sleep(0.2)
    if fault.startswith("429"):
        return JSONResponse({"error": {"message": "too many"}}, 429, headers={"Retry-After": fault.split(":")[1]})
    if fault.isdigit():
        return JSONResponse({"detail": f"planned {request.headers.get('authorization')}"}, int(fault))
    if fault == "malformed":
        return Response('{"choices": [', media_type="application/json")
    if fault == "html":
        return HTMLResponse("<html><body>Welcome to nginx</body></html>")
    return JSONResponse({"choices": "none", "data": 3}) if fault == "wrong_shape" else None


async def _wait(model: ServedModel, request: Request, seconds: float) -> Response:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await request.is_disconnected():
            model.dropped.set()
            break
        await asyncio.sleep(0.02)
    return Response(status_code=503)


async def _broken(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionResetError("planned")


async def _noticed(model: ServedModel, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks; a client that goes away before their end is noticed."""
    try:
        async for chunk in chunks:
            yield chunk
    except asyncio.CancelledError:
        model.dropped.set()
        raise


async def _stream(reply: dict[str, Any], fault: str) -> AsyncIterator[bytes]:
    """The completion in pieces of one token, as server-sent events."""
    choice = reply["choices"][0]
    words, logs = choice["message"]["content"], choice.get("logprobs") or {}
    for index, word in enumerate(words.split(" ")):
        delta: dict[str, Any] = {"index": 0, "delta": {"content": f" {word}" if index else word}}
        if index < len(logs.get("content", ())):
            delta["logprobs"] = {"content": [logs["content"][index]]}
        yield f"data: {json.dumps({'choices': [delta]})}\n\n".encode()
        if fault == "cut_stream":
            raise ConnectionResetError("planned")
        if fault == "half_stream":
            return
        if fault == "error_stream":
            yield b'data: {"error": {"message": "CUDA out of memory", "code": 500}}\n\n'
            return
    while fault == "endless":
        yield b'data: {"choices": [{"delta": {"content": " more"}}]}\n\n'
        await asyncio.sleep(0.02)
    if fault == "stalled":
        await asyncio.sleep(20)
    yield b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def edited(image: Image8, seed: int, fault: str) -> bytes:
    """The image through a median filter, a little different for each seed; or what a fault makes of it."""
    filtered = cv2.medianBlur(image, 3).astype(int)
    noise = np.random.default_rng(seed).integers(-2, 3, image.shape)
    made = np.clip(filtered + noise, 0, 255).astype(np.uint8)
    if fault == "no_image":
        return b"this is no image"
    if fault == "half_image":
        return png_bytes(made)[:200]
    if fault == "black":
        return png_bytes(np.zeros_like(made))
    if fault == "ignores":
        return png_bytes(np.random.default_rng(9).integers(0, 256, image.shape, dtype=np.uint8))
    size = {"twice": (image.shape[1] * 2, image.shape[0] * 2), "strip": (image.shape[1] * 4, 16)}.get(fault)
    return png_bytes(np.asarray(Image.fromarray(made).resize(size, Image.Resampling.BICUBIC)) if size else made)


def _completion(model: ServedModel, body: dict[str, Any], fault: str) -> dict[str, Any]:
    parts = body["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    image = _decoded(base64.b64decode(urls[-1].split(",")[1]))
    if "modalities" in body:
        url = "data:image/png;base64," + base64.b64encode(edited(image, body["seed"], fault)).decode()
        part = {"type": "image_url", "image_url": {"url": "https://elsewhere/x.png" if fault == "link" else url}}
        message = {"content": [part]} if model.parts == "content" else {"content": "Here it is.", "images": [part]}
        return {"choices": [{"message": {"content": "I cannot."} if fault == "refusal" else message}]}
    text = next(part["text"] for part in parts if part["type"] == "text")
    return {"choices": [_said(image, text, weighed="top_logprobs" in body, logged="logprobs" in body)]}


def _said(image: Image8, text: str, *, weighed: bool, logged: bool) -> dict[str, Any]:
    """The option that names the strongest channel, weighed by the mean levels; without options a few words."""
    means = image.reshape(-1, 3).mean(0) / 32
    options = [line.split(". ", 1) for line in text.splitlines() if line[1:3] == ". "]
    if not options:
        words = ["It", "is", CHANNELS[int(means.argmax())]]
        logs = [{"token": word, "logprob": math.log(0.5)} for word in words]
        return {"message": {"content": " ".join(words)}, "logprobs": {"content": logs} if logged else None}
    levels = [means[CHANNELS.index(word)] if word in CHANNELS else 0.0 for _, word in options]
    total = math.log(sum(math.exp(level) for level in levels))
    ranked = sorted(((level - total, letter) for level, (letter, _) in zip(levels, options, strict=True)), reverse=True)
    listed = [{"token": letter, "logprob": log} for log, letter in ranked]
    best = ranked[0][1]
    content = f"{best}. {dict((a, b) for a, b in options)[best]}"
    log = {"token": best, "logprob": ranked[0][0], "top_logprobs": listed}
    return {"message": {"content": content}, "logprobs": {"content": [log]} if weighed else None}


def _decoded(data: bytes) -> Image8:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))
