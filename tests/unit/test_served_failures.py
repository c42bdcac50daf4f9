"""Served models over real HTTP: every way in which a server fails, and how one is left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from ru1_app.domain import Question
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.images import Image8
from ru1_app.models.base import Progress, RecoverRequest, Words
from ru1_app.models.served.answerer import load_answerer
from ru1_app.models.served.failures import Sentences
from tests.served import ServedModel
from tests.served_client import answerer, asked, plain, recover, recoverer

pytestmark = pytest.mark.service
KEY = "sk-very-secret-123"


@pytest.fixture
def model() -> Iterator[ServedModel]:
    with ServedModel() as served:
        yield served


def test_a_busy_server_is_given_the_time_that_it_asks_for(model: ServedModel) -> None:
    model.plan.append("429:0.6")
    assert answerer(model).answer([asked(plain(0, 0, 9))])[0].choice == "A"
    assert 0.6 <= model.at[1] - model.at[0] < 1.2


def test_a_server_that_asks_for_more_time_than_there_is_fails_at_once(model: ServedModel) -> None:
    model.plan.append("429:3600")
    began = time.monotonic()
    with pytest.raises(ModelFailed, match="busy"):
        answerer(model).answer([asked(plain(0, 0, 9))])
    assert time.monotonic() - began < 2


def test_a_failing_server_is_tried_a_bounded_number_of_times(model: ServedModel, photo: Image8) -> None:
    model.plan.extend(["500"] * 9)
    with pytest.raises(ModelFailed, match=r"failed \(HTTP 500\): planned") as caught:
        recover(recoverer(model, retries=3), photo)
    assert len(model.seen) == 4
    assert model.url in str(caught.value)


@pytest.mark.parametrize("status", ["400", "404", "413", "422"])
def test_a_refusal_is_never_tried_again(model: ServedModel, photo: Image8, status: str) -> None:
    model.plan.extend([status] * 3)
    with pytest.raises(ModelFailed, match=f"HTTP {status}"):
        recover(recoverer(model), photo)
    assert len(model.seen) == 1


@pytest.mark.parametrize("fault", ["500", "503", "429:0", "cut"])
def test_a_passing_failure_is_tried_again(model: ServedModel, photo: Image8, fault: str) -> None:
    model.plan.append(fault)
    assert recover(recoverer(model), photo).images[0].shape == photo.shape
    assert len(model.seen) == 2


@pytest.mark.parametrize("fault", ["cut_stream", "half_stream"])
def test_a_cut_stream_begins_anew(model: ServedModel, fault: str) -> None:
    model.plan.append(fault)
    (said,) = answerer(model).answer([asked(plain(0, 0, 200), question=Question("What colour?"))])
    assert (said.text, said.confidence) == ("It is blue", pytest.approx(0.125))
    assert len(model.seen) == 2


def test_a_silent_server_is_named_with_the_time(model: ServedModel, photo: Image8) -> None:
    model.plan.extend(["slow"] * 3)
    with pytest.raises(ModelFailed, match="sent nothing for 0.3 s") as caught:
        recover(recoverer(model, timeout=0.3, retries=1), photo)
    assert "timeout" in str(caught.value)
    assert model.url in str(caught.value)
    assert len(model.seen) == 2


@pytest.mark.parametrize("fault", ["endless", "slow", "503"])
def test_all_tries_together_have_one_time_limit(model: ServedModel, fault: str) -> None:
    model.plan.extend([fault] * 99)
    one = answerer(model, total=1.0, timeout=0.6, retries=20, backoff=0.4)
    began = time.monotonic()
    with pytest.raises(ModelFailed, match=model.url):
        one.answer([asked(plain(0, 0, 9))])
    assert time.monotonic() - began < 3


# Content


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("malformed", "JSON that cannot be read"),
        ("html", "web page"),
        ("wrong_shape", "gave no text"),
        ("error_stream", "broke off: CUDA out of memory"),
    ],
)
def test_wrong_content_is_told_in_a_sentence(model: ServedModel, fault: str, sentence: str) -> None:
    model.plan.append(fault)
    with pytest.raises(ModelFailed, match=sentence) as caught:
        answerer(model).answer([asked(plain(0, 0, 9))])
    assert model.url in str(caught.value)
    assert len(model.seen) == 1


# Cancelling


@pytest.mark.parametrize("fault", ["endless", "stalled", "slow"])
def test_closing_a_stream_closes_its_connection_at_once(model: ServedModel, fault: str) -> None:
    model.plan.append(fault)
    events = answerer(model).stream(asked(plain(9, 0, 0)))
    while not model.seen:
        assert isinstance(next(events), Words)
    began = time.monotonic()
    next(events)
    events.close()
    assert time.monotonic() - began < 1
    assert model.dropped.wait(1)


def test_closing_a_recovery_closes_its_connection_at_once(model: ServedModel, photo: Image8) -> None:
    model.plan.append("slow")
    steps = recoverer(model).recover(RecoverRequest(photo))
    began = time.monotonic()
    step = next(steps)
    steps.close()
    assert isinstance(step, Progress)
    assert (step.step, step.total) == (1, 2)
    assert time.monotonic() - began < 1
    assert model.dropped.wait(1)


@pytest.mark.parametrize("fault", ["endless", "slow"])
def test_answers_are_cancelled_within_a_second(model: ServedModel, fault: str) -> None:
    model.plan.extend([fault] * 4)
    stop, one = threading.Event(), answerer(model)
    timer = threading.Timer(0.4, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(ModelFailed, match="cancelled"):
        one.answer([asked(plain(9, 0, 0))] * 3, cancelled=stop.is_set)
    assert 0.3 < time.monotonic() - began < 1.4
    assert model.dropped.wait(1)


# Secrets


def test_the_key_is_sent_and_told_to_nobody(caplog: pytest.LogCaptureFixture, photo: Image8) -> None:
    caplog.set_level(logging.DEBUG)
    with ServedModel(key=KEY) as model:
        model.plan.extend(["400", "500"])
        one = recoverer(model, key=KEY, retries=0)
        for _ in range(2):
            with pytest.raises(ModelFailed, match=r"planned Bearer \*\*\*") as caught:
                recover(one, photo)
            assert KEY not in str(caught.value)
        assert recover(one, photo).images[0].shape == photo.shape
    assert KEY not in caplog.text
    assert KEY not in repr(vars(one)) + repr(Sentences(model.url, KEY))
    assert KEY not in repr(one.ref)


@pytest.mark.parametrize("key", [None, "sk-another-one"])
def test_a_server_that_refuses_the_key_is_unavailable(key: str | None) -> None:
    with ServedModel(key=KEY) as model, pytest.raises(Unavailable, match="refuses the key") as caught:
        answerer(model, key=key)
    assert "sk-" not in str(caught.value)


def test_a_key_that_no_header_can_hold_is_not_shown() -> None:
    with pytest.raises(InvalidInput, match="Copy it again") as caught:
        load_answerer("http://127.0.0.1:1/v1", key="sk-a\nb")
    assert "sk-" not in str(caught.value)
