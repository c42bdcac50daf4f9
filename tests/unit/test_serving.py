"""The app's models on Ray Serve, over real HTTP through the app's own client."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest

from ru1_app.config import Settings
from ru1_app.corruptions import corrupt
from ru1_app.domain import Question
from ru1_app.images import Image8
from ru1_app.models.base import RecoverRequest
from ru1_app.models.served.pictures import data_url
from ru1_app.models.served.recoverer import load_recoverer
from ru1_app.wiring import App
from tests.served_client import recover

pytestmark = [pytest.mark.service, pytest.mark.weights]
OBJECT_STORE = 80_000_000  # bytes; Ray's least is 75 MB
MOST_BYTES = 2_000_000
SHAPE = Question("What shape is the red object?", ("circle", "square", "triangle"))
SIGN = Question("What colour is the sign?", ("red", "blue", "green", "yellow"))
OPEN = Question("What colour is the sign?")


@dataclass(frozen=True)
class Running:
    """A server and the app that it should equal."""

    root: str
    local: App

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def about(self) -> dict[str, Any]:
        said: dict[str, Any] = httpx.get(f"{self.root}/version", trust_env=False).json()
        return said

    def post(self, path: str, **sent: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", trust_env=False, timeout=60, **sent)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[serve]'")
    from ray import serve

    from ru1_app.serving.app import build

    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), max_bytes=MOST_BYTES, threads=1)
    with socket.socket() as probe, pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=OBJECT_STORE, log_to_driver=False)
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            serve.run(build(settings))
            yield Running(f"http://127.0.0.1:{port}", App(settings))
        finally:
            serve.shutdown()
            ray.shutdown()


@pytest.fixture(scope="module")
def noisy(photo: Image8) -> Image8:
    return corrupt(photo, "gaussian_noise@mid", seed=3)


def said(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert error["type"] in ("invalid_request_error", "server_error")
    assert "Traceback" not in answer.text
    return str(error["message"])


def chat(*parts: Any, **fields: Any) -> dict[str, Any]:
    content = [*parts, {"type": "text", "text": "What colour is the sign?"}]
    return {"messages": [{"role": "user", "content": content}], **fields}


def part(image: Image8) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(image)}}


def test_a_recovery_is_the_one_made_here(running: Running, noisy: Image8) -> None:
    served = recover(load_recoverer(running.url), noisy, seed=5, steps=2)
    *_, here = running.local.recoverer("").recover(RecoverRequest(noisy, seed=5, steps=2))
    assert np.abs(served.images[0].astype(int) - here.images[0]).max() <= 1
    assert not np.array_equal(served.images[0], noisy)
