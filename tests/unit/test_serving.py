"""The app's models on Ray Serve, over real HTTP through the app's own client."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ru1_app import __version__
from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Question
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, png_bytes
from ru1_app.models.base import RecoverRequest
from ru1_app.models.served.answerer import load_answerer
from ru1_app.models.served.pictures import data_url
from ru1_app.models.served.recoverer import load_recoverer
from ru1_app.parity import Parity, compare, fixed_inputs
from ru1_app.wiring import App
from tests.served_client import asked, recover

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
    return corrupt(photo, CorruptionSpec.parse("gaussian_noise@mid#3"))


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


def test_an_answer_and_its_probabilities_are_those_made_here(running: Running, noisy: Image8) -> None:
    for question in (SIGN, SHAPE):
        (served,) = load_answerer(running.url).answer([asked(noisy, question=question)])
        (here,) = running.local.answerer("").answer([asked(noisy, question=question)])
        assert served.choice == here.choice
        assert served.probabilities == pytest.approx(here.probabilities, abs=1e-3)
        assert served.text == here.text
        if here.choice is None:  # that none can be told
            assert served.confidence == pytest.approx(here.confidence, abs=1e-3)


def test_two_images_and_an_open_question_are_answered_alike(running: Running, noisy: Image8, photo: Image8) -> None:
    request = asked(noisy, photo, question=OPEN)
    (served,), (here,) = load_answerer(running.url).answer([request]), running.local.answerer("").answer([request])
    assert served.text == here.text
    assert served.text.strip()


def test_questions_of_one_moment_go_through_the_model_together(running: Running, noisy: Image8) -> None:
    before = running.about()["largest_batch"]
    options = tuple(f"{word} {number}" for number, word in enumerate(("red", "blue", "green", "yellow")))
    questions = [asked(noisy, question=Question(f"What colour is sign {number}?", options)) for number in range(8)]
    replies = load_answerer(running.url, parallel=8).answer(questions)
    assert before <= 1 or before < len(questions)
    assert running.about()["largest_batch"] >= 2
    alone = running.local.answerer("")
    assert [reply.choice for reply in replies] == [alone.answer([one])[0].choice for one in questions]


def test_the_parity_gate_passes_it(running: Running) -> None:
    local = running.local.recoverer(""), running.local.answerer("")
    served = load_recoverer(running.url), load_answerer(running.url)
    *_, parity = compare(local, served, fixed_inputs(96)[:3], seeds=(3,))
    assert isinstance(parity, Parity)
    assert parity.passed, parity.lines()


def test_it_says_what_it_is_and_rows_keep_that(running: Running) -> None:
    about = running.about()
    assert httpx.get(f"{running.root}/health", trust_env=False).json() == {"status": "ok"}
    assert (about["engine"], about["version"]) == ("ru1", __version__)
    listed = httpx.get(f"{running.url}/models", trust_env=False).json()["data"]
    assert [model["owned_by"] for model in listed] == ["ru1"] * len(listed)
    ref, here = load_recoverer(running.url).ref, running.local.recoverer("").ref
    assert f"ru1 {__version__}" in ref.engine
    assert here.revision in ref.revision


def test_an_answer_may_be_watched_while_it_is_written(running: Running, noisy: Image8) -> None:
    body = chat(part(noisy), stream=True)
    with httpx.stream("POST", f"{running.url}/chat/completions", json=body, trust_env=False, timeout=60) as answer:
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]"
    pieces = [json.loads(event)["choices"][0]["delta"]["content"] for event in events[:-1]]
    (here,) = running.local.answerer("").answer([asked(noisy, question=Question("What colour is the sign?"))])
    assert "".join(pieces).strip() == here.text


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"content": b"{"}, 400, "no JSON"),
        ({"json": []}, 400, "no object"),
        ({"json": {"messages": []}}, 400, "exactly one message"),
        ({"json": chat()}, 400, "0 images"),
        ({"json": chat({"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}})}, 400, "data URL"),
        ({"json": chat({"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}})}, 400, "image 1"),
        ({"json": chat(n=3)}, 400, "n=1"),
        ({"content": b" " * (MOST_BYTES + 1)}, 413, "too large"),
    ],
)
def test_a_bad_question_is_told_what_is_allowed(
    running: Running, sent: dict[str, Any], status: int, words: str
) -> None:
    answer = running.post("/chat/completions", **sent)
    assert answer.status_code == status
    assert words.lower() in said(answer).lower()


@pytest.mark.parametrize(
    ("files", "fields", "words"),
    [
        ({}, {"prompt": "Recover it."}, "form"),
        ({"image": b"no picture"}, {}, "image"),
        ({"image": None}, {"seed": "-1"}, "seed"),
        ({"image": None}, {"steps": "1000"}, "steps"),
        ({"image": None}, {"response_format": "url"}, "b64_json"),
    ],
)
def test_a_bad_edit_is_told_what_is_allowed(
    running: Running, noisy: Image8, files: dict[str, Any], fields: dict[str, str], words: str
) -> None:
    sent = {name: png_bytes(noisy) if data is None else data for name, data in files.items()}
    answer = running.post("/images/edits", files=sent, data=fields)
    assert answer.status_code == 400
    assert words in said(answer)


def test_another_model_and_another_path_are_refused_with_the_names_there_are(running: Running, noisy: Image8) -> None:
    refused = running.post("/chat/completions", json=chat(part(noisy), model="gpt"))
    assert refused.status_code == 404
    assert "To answer there is: embedded." in said(refused)
    assert running.post("/embeddings", json={}).status_code == 404
    assert said(running.post("/embeddings", json={}))


def test_the_command_takes_no_arguments() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[serve]'")
    from ru1_app.serving.app import build

    with pytest.raises(InvalidInput, match="RU1_"):
        build({"model": "x"})


def test_a_list_without_such_a_model_is_told_before_anything_starts(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[serve]'")
    from ru1_app.serving.app import build

    with pytest.raises(InvalidInput, match="nothere"):
        build(Settings(data_dir=tmp_path, recoverer="nothere"))
