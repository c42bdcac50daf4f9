"""The parts of served models that need no server."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from ru1_app.config import ROOT
from ru1_app.domain import Question
from ru1_app.models.served.draft import Draft
from ru1_app.models.served.failures import seconds_to_wait
from ru1_app.models.served.sse import Events
from ru1_app.models.served.transport import LONGEST_PAUSE, pause
from tests.served_client import COLOUR


def test_pauses_double_up_to_a_bound() -> None:
    assert [pause(k, 0.5, lambda: 1.0) for k in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert [pause(k, 0.5, lambda: 0.0) for k in range(4)] == [0.25, 0.5, 1.0, 2.0]
    assert max(pause(k, 0.5) for k in range(2000)) <= LONGEST_PAUSE


def test_the_time_to_wait_is_a_number_or_a_date() -> None:
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    assert seconds_to_wait("7") == 7
    assert 55 < (seconds_to_wait(later) or 0) <= 60
    assert seconds_to_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_to_wait("soon") is seconds_to_wait(None) is None


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_events_are_the_same_however_they_are_cut(size: int) -> None:
    sent = 'data: {"a": "é\u2028"}\r\n\r\n: a remark\ndata: one\ndata: two\n\nevent: x\ndata:[DONE]'.encode()
    events = Events()
    found = [data for at in range(0, len(sent), size) for data in events.feed(sent[at : at + size])]
    assert [*found, *events.end()] == ['{"a": "é\u2028"}', "one\ntwo", "[DONE]"]


def test_importing_the_adapters_is_cheap() -> None:
    modules = "ru1_app.models.served.answerer, ru1_app.models.served.recoverer"
    code = f"import sys, {modules}; print(*{{'httpx', 'torch', 'gradio'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_half_characters_of_two_pieces_are_joined_and_lone_ones_replaced() -> None:
    draft = Draft()
    for piece in ("ok \ud83d", "\ude00", " \udc00\0", [{"text": "!"}], None, 7):
        draft.add({"choices": [{"delta": {"content": piece}}]})
    assert draft.answered(Question("What?"), 0.0).text == "ok 😀 \ufffd\ufffd!"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"choices": []},
        {"choices": [7]},
        {"choices": [{"delta": 1, "logprobs": {"content": [{"token": 3}, None]}}]},
        {"choices": [{"logprobs": {"content": [{"token": "A", "logprob": None, "top_logprobs": [1, {"token": 2}]}]}}]},
    ],
)
def test_what_is_not_as_it_should_be_is_left_out(event: dict[str, Any]) -> None:
    draft = Draft()
    draft.add(event)
    draft.add({"choices": [{"delta": {"content": "B"}}]})
    said = draft.answered(COLOUR, 0.0)
    assert (said.choice, said.confidence, said.probabilities) == ("B", None, ())


def test_reasoning_is_kept_apart_from_the_answer() -> None:
    draft = Draft()
    draft.add({"choices": [{"delta": {"reasoning_content": "It is like grass."}}]})
    draft.add({"choices": [{"delta": {"content": "B. green"}}]})
    said = draft.answered(COLOUR, 0.0)
    assert (said.text, said.choice) == ("B. green", "B")
    assert said.reading is not None
    assert said.reading.reasoning == "It is like grass."
