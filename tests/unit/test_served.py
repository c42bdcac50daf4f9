"""Served models over real HTTP: what a good server gives, and what is checked of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from ru1_app.config import Settings
from ru1_app.domain import Answered, Question
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.images import Image8, from_png
from ru1_app.models.base import Progress, Recovered, RecoverRequest, StreamingAnswerer, Words
from ru1_app.models.served import probe
from ru1_app.models.served.address import Address
from ru1_app.models.served.answerer import load_answerer
from ru1_app.models.served.recoverer import load_recoverer
from ru1_app.parity import Parity, compare, fixed_inputs
from ru1_app.pipeline import Pipeline, RunRequest, RunResult
from ru1_app.wiring import App
from tests import served
from tests.fakes import FakeRecoverer, fake_scorers, intake_of
from tests.served import MODEL, ServedModel, edited
from tests.served_client import COLOUR, answerer, asked, plain, recover, recoverer

pytestmark = pytest.mark.service


@pytest.fixture
def model() -> Iterator[ServedModel]:
    with ServedModel() as served:
        yield served


def test_an_answer_comes_with_the_probabilities_of_the_options(model: ServedModel) -> None:
    one = answerer(model)
    assert isinstance(one, StreamingAnswerer)
    (said,) = one.answer([asked(plain(200, 100, 50))])
    assert (said.choice, said.text) == ("C", "C. red")
    weights = np.exp(np.array([50, 100, 200]) / 32)
    assert said.probabilities == pytest.approx(weights / weights.sum())
    assert said.confidence == pytest.approx(said.probabilities[2])
    assert said.seconds > 0


def test_two_images_go_in_order_and_the_prompt_says_so(model: ServedModel) -> None:
    (said,) = answerer(model).answer([asked(plain(200, 0, 0), plain(0, 200, 0))])
    assert said.choice == "B"
    (body,) = model.seen
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["image_url", "image_url", "text"]
    assert "second is an automatic recovery" in body["messages"][0]["content"][2]["text"]
    assert (body["model"], body["temperature"], body["stream"]) == (MODEL, 0, True)


def test_an_open_answer_is_watched_while_it_is_written(model: ServedModel) -> None:
    *words, said = answerer(model).stream(asked(plain(0, 0, 200), question=Question("What colour?")))
    texts = [each.text for each in words if isinstance(each, Words)]
    assert [text for k, text in enumerate(texts) if text and text not in texts[:k]] == ["It", "It is", "It is blue"]
    assert isinstance(said, Answered)
    assert (said.text, said.choice, said.confidence) == ("It is blue", None, pytest.approx(0.125))


def test_a_server_without_probabilities_is_asked_again_without_them(model: ServedModel) -> None:
    model.most_logs = 0
    one = answerer(model)
    first, second = (one.answer([asked(plain(200, 0, 0))])[0] for _ in range(2))
    assert first.choice == second.choice == "C"
    assert (first.confidence, first.probabilities) == (None, ())
    assert ["logprobs" in body for body in model.seen] == [True, True, False, False]


def test_a_server_that_gives_few_probabilities_is_asked_for_few(model: ServedModel) -> None:
    model.most_logs = 5
    (said,) = answerer(model).answer([asked(plain(200, 100, 50))])
    assert sum(said.probabilities) == pytest.approx(1)
    assert [body["top_logprobs"] for body in model.seen] == [20, 5]


def test_a_server_that_does_not_stream_is_understood(model: ServedModel) -> None:
    model.plan.append("no_stream")
    assert answerer(model).answer([asked(plain(0, 200, 0))])[0].choice == "B"


def test_requests_run_side_by_side_and_keep_their_order(model: ServedModel) -> None:
    model.plan.extend(["busy"] * 6)
    colours = [plain(*(200 if k % 3 == c else 0 for c in range(3))) for k in range(6)]
    said = answerer(model, parallel=3).answer([asked(image) for image in colours])
    assert [each.choice for each in said] == ["C", "B", "A"] * 2
    assert model.most_together == 3


def test_the_first_failure_ends_the_others(model: ServedModel) -> None:
    model.plan.extend(["slow", "404", "slow", "slow"])
    began = time.monotonic()
    with pytest.raises(ModelFailed, match="HTTP 404"):
        answerer(model).answer([asked(plain(1, 2, 3))] * 12)
    assert time.monotonic() - began < 2
    assert len(model.seen) <= 5


# Recoveries


@pytest.mark.parametrize(("style", "parts"), [("images", "content"), ("chat", "content"), ("chat", "images")])
def test_a_recovery_is_what_the_server_computed(model: ServedModel, photo: Image8, style: str, parts: str) -> None:
    model.parts = parts
    done = recover(recoverer(model, style=style), photo, seed=4, steps=7)
    near = cv2.medianBlur(photo, 3).astype(int)
    assert np.abs(done.images[0].astype(int) - near).max() <= 2
    assert str(model.seen[0]["num_inference_steps"]) == "7"
    assert done.settings["style"] == style
    assert done.seconds > 0


def test_draw_k_has_the_seed_plus_k(model: ServedModel, photo: Image8) -> None:
    one = recoverer(model)
    three = recover(one, photo, seed=4, samples=3)
    assert [fields["seed"] for fields in model.seen] == ["4", "5", "6"]
    assert [fields["response_format"] for fields in model.seen] == ["b64_json"] * 3
    assert np.array_equal(recover(one, photo, seed=5).images[0], three.images[1])
    assert not np.array_equal(three.images[0], three.images[1])


@pytest.mark.parametrize("shape", [(16, 16), (17, 31), (48, 200)])
def test_an_image_of_another_size_is_brought_back(model: ServedModel, photo: Image8, shape: tuple[int, int]) -> None:
    model.plan.append("twice")
    image = np.ascontiguousarray(photo[: shape[0], : shape[1]])
    done = recover(recoverer(model), image)
    assert done.images[0].shape == image.shape
    assert done.settings["served_size"] == [2 * shape[1], 2 * shape[0]]
    assert np.abs(done.images[0].astype(int) - image).mean() < 12


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("no_image", "no PNG, JPEG or WebP"),
        ("half_image", "broken one"),
        ("black", "one single colour"),
        ("strip", "1024 x 16 pixels for one of 256 x 256"),
        ("wrong_shape", "no image"),
    ],
)
def test_a_wrong_image_is_refused_in_a_sentence(model: ServedModel, photo: Image8, fault: str, sentence: str) -> None:
    model.plan.append(fault)
    with pytest.raises(ModelFailed, match=sentence) as caught:
        recover(recoverer(model), photo)
    assert model.url in str(caught.value)
    assert len(model.seen) == 1


@pytest.mark.parametrize(("fault", "sentence"), [("link", "a link instead"), ("refusal", "wrote 'I cannot'")])
def test_a_chat_without_an_image_is_refused(model: ServedModel, photo: Image8, fault: str, sentence: str) -> None:
    model.plan.append(fault)
    with pytest.raises(ModelFailed, match=sentence):
        recover(recoverer(model, style="chat"), photo)


def test_a_server_that_ignores_the_image_is_noticed(model: ServedModel, photo: Image8) -> None:
    model.plan.append("ignores")
    ignoring, good = (recover(one, photo) for one in [recoverer(model)] * 2)
    assert "do not trust" in (ignoring.uncertainty_note or "")
    assert "do not trust" not in (good.uncertainty_note or "")
    assert good.settings["likeness"] > 0.99 > 0.2 > ignoring.settings["likeness"]


@pytest.mark.parametrize(
    ("engine", "revision", "told"),
    [
        ("vllm", "/models/tiny-edit-7", "vllm 0.11.0 / served"),
        ("sglang", "step-300", "sglang 0.5.4 / served"),
        ("tgi", "9d1c7ab", "tgi 3.3.4 / served"),
        ("bare", "/models/tiny-edit-7", "tinyserver / served"),
    ],
)
def test_the_server_says_what_it_is(engine: str, revision: str, told: str) -> None:
    with ServedModel(engine) as model:
        ref = recoverer(model).ref
        assert (ref.id, ref.revision, ref.engine) == (MODEL, revision, told)
        assert answerer(model, name="team").ref.id == "team"


def test_a_model_that_the_server_has_not_is_told_with_those_it_has(model: ServedModel) -> None:
    with pytest.raises(InvalidInput, match=f"no model 'other'. There are: '{MODEL}'"):
        load_answerer(model.url, model="other")


def test_no_server_is_unavailable_and_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
        with pytest.raises(Unavailable, match=f"No server answers at {url}"):
            load_answerer(url, backoff=0.02)


@pytest.mark.parametrize(
    "source", ["", "host:8000", "ftp://host/v1", "file:///etc/passwd", "http://", "http://h:99999/v1", "http://a b/v1"]
)
def test_what_is_no_http_address_is_refused(source: str) -> None:
    with pytest.raises(InvalidInput, match="http or https"):
        load_recoverer(source)


@pytest.mark.parametrize("source", ["http://me:hidden@host/v1", "https://hidden@host/v1", "ftp://me:hidden@host"])
def test_credentials_in_the_address_are_refused_and_not_shown(source: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_answerer(source)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"style": "video"},
        {"retries": -1},
        {"timeout": 0},
        {"timeout": "long"},
        {"total": float("nan")},
        {"colour": 1},
        {"extra": {"when": {1, 2}}},
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        load_recoverer("http://127.0.0.1:1/v1", **options)


def test_an_address_is_split_into_base_and_root() -> None:
    assert Address.of("https://host:8000/api/v1/") == Address(
        "https://host:8000/api/v1", "https://host:8000/api", False
    )
    assert Address.of("http://localhost:80").local


def test_the_whole_loop_runs_on_a_served_model(
    model: ServedModel, settings: Settings, photo: Image8, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RU1_SERVED_URL", model.url)
    app = App(settings)
    pipeline = Pipeline(app.recoverer, app.answerer, fake_scorers)
    request = RunRequest(intake_of(photo), question=COLOUR, model="served", answerer="served", steps=3, samples=2)
    *_, done = pipeline.run(request)
    assert isinstance(done, RunResult)
    assert done.case.recovery.model.engine == "vllm 0.11.0 / served"
    assert [record.answered.choice for record in done.case.answers] == ["C"] * 3
    assert len(done.draws) == 2


def test_a_server_that_was_upgraded_is_stored_as_what_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    with ServedModel() as model:
        one, other = recoverer(model), answerer(model)
        monkeypatch.setitem(served.ABOUT["vllm"]["/version"], "version", "0.12.0")
        recover(one, plain(1, 2, 3))
        assert one.ref.engine == "vllm 0.11.0 / served"  # asked a moment ago
        monkeypatch.setattr(probe, "LASTS", 0.0)
        recover(one, plain(1, 2, 3))
        other.answer([asked(plain(1, 2, 3))])
        assert one.ref.engine == other.ref.engine == "vllm 0.12.0 / served"


def test_the_key_of_the_server_comes_from_the_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with ServedModel(key="s3cret") as model:
        monkeypatch.setenv("RU1_SERVED_URL", model.url)
        monkeypatch.delenv("RU1_SERVED_KEY", raising=False)
        with pytest.raises(Unavailable, match="key"):
            App(settings).recoverer("served")
        monkeypatch.setenv("RU1_SERVED_KEY", "s3cret")
        events = App(settings).recoverer("served").recover(RecoverRequest(plain(9, 9, 9), steps=1))
        assert any(isinstance(event, Recovered) for event in events)


class Local(FakeRecoverer):
    """What the test's server computes, computed here."""

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        yield Recovered((from_png(edited(request.corrupted, request.seed, "")),), {}, 0.0)


def test_the_parity_gate_passes_the_same_model_and_catches_one_that_ignores_its_input(model: ServedModel) -> None:
    probes = fixed_inputs(96)
    *_, same = compare((Local(), None), (recoverer(model), None), probes, seeds=(0,))
    assert isinstance(same, Parity)
    assert same.passed, same.lines()
    model.plan.extend(["ignores"] * len(probes))
    *_, blind = compare((Local(), None), (recoverer(model), None), probes, seeds=(0,))
    assert isinstance(blind, Parity)
    assert not blind.passed
    assert "does not look at what it is sent" in blind.faults[0]
