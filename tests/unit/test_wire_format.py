"""OpenAI's JSON in and out: what goes through comes back the same, and garbage is refused in a sentence."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.config import Settings
from ru1_app.domain import Answered, Condition, Question, Reading
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, from_png
from ru1_app.intake import read_image
from ru1_app.models.base import AnswerRequest
from ru1_app.models.prompts import INSTRUCT, LETTERS, prompt
from ru1_app.models.served.draft import Draft
from ru1_app.models.served.pictures import data_url
from ru1_app.models.served.sse import Events
from ru1_app.serving.wire_format import (
    LAST_EVENT,
    Chat,
    Completion,
    edited,
    error,
    event,
    read_chat,
    read_edit,
    read_question,
)

LINES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40)
QUESTIONS = LINES.filter(str.strip)
SHARES = st.lists(st.integers(0, 10**9), min_size=2, max_size=20).filter(any)
RED = np.full((20, 24, 3), (200, 10, 10), np.uint8)
GREEN = np.full((20, 24, 3), (10, 200, 10), np.uint8)
COLOUR = Question("What colour?", ("blue", "red"))


def picture(data: bytes, name: str) -> Image8:
    return read_image(data, name, Settings()).image


def body(*parts: Any, **fields: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": list(parts)}], **fields}).encode()


def image(pixels: Image8 = RED) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(pixels)}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def completion(question: Question = COLOUR, weighed: int | None = 20) -> Completion:
    request = AnswerRequest((RED,), Condition.CORRUPTED, question)
    return Completion("chatcmpl-1", 1, "tiny", Chat(request, None, True, weighed))


@given(QUESTIONS, st.lists(LINES, max_size=26), st.integers(1, 2))
def test_what_prompt_writes_is_read_back(asked: str, options: list[str], images: int) -> None:
    question = Question(asked, tuple(options))
    assert read_question(prompt(question, images=images, instruct=True), images) == question


@given(QUESTIONS, st.integers(1, 2))
def test_any_other_text_is_an_open_question(asked: str, images: int) -> None:
    for words in (asked, f"{asked}\nA. red\nC. blue\n{INSTRUCT}", f"{asked}\nA. red\nB. blue", f"A. red\n{INSTRUCT}"):
        assert read_question(words, images) == Question(words)


@given(SHARES, st.booleans())
def test_probabilities_survive(masses: list[int], whole: bool) -> None:
    total = sum(masses)
    shares = tuple(mass / total for mass in masses)
    options = tuple(f"thing {number}" for number in range(len(shares)))
    best = shares.index(max(shares))
    said = Answered(f"{LETTERS[best]}. {options[best]}", LETTERS[best], shares[best], probabilities=shares)
    out = completion(Question("Which?", options))
    draft = Draft()
    draft.add(json.loads(json.dumps(out.whole(said) if whole else out.end(said, ""), allow_nan=False)))
    read = draft.answered(Question("Which?", options), 0.0)
    assert (read.text, read.choice) == (said.text, said.choice)
    assert read.probabilities == pytest.approx(shares)
    assert read.confidence == pytest.approx(shares[best])


def test_the_likeliest_are_listed_as_many_as_are_asked_for() -> None:
    said = Answered("B. red", "B", 0.7, probabilities=(0.3, 0.7))
    listed = completion(weighed=1).whole(said)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert [each["token"] for each in listed] == ["B"]
    assert completion(weighed=None).whole(said)["choices"][0]["logprobs"] is None


def test_the_confidence_of_an_open_answer_survives() -> None:
    draft = Draft()
    draft.add(completion(Question("What?")).whole(Answered("It is red.", None, 0.25)))
    read = draft.answered(Question("What?"), 0.0)
    assert (read.text, read.confidence) == ("It is red.", pytest.approx(0.25))


def test_an_answer_in_pieces_is_the_whole_answer() -> None:
    out, answered = completion(Question("What?")), Answered("It is über.", None, 0.5)
    stream = event(out.piece("It ")) + event(out.piece("is")) + event(out.end(answered, "It is")) + LAST_EVENT
    *said, last = Events().feed(stream)
    draft = Draft()
    for each in said:
        draft.add(json.loads(each))
    assert last == "[DONE]"
    assert (draft.answered(Question("What?"), 0.0).text, draft.finish) == ("It is über.", "stop")


def test_what_was_streamed_is_not_said_twice_and_reasoning_travels_where_nothing_was() -> None:
    said = Answered("B", "B", None, reading=Reading(reasoning="the sign is red"))
    assert completion().end(said, "<think>the sign is red</think><answer>B")["choices"][0]["delta"]["content"] == ""
    assert completion().end(said, "")["choices"][0]["delta"]["reasoning_content"] == "the sign is red"
    assert completion().whole(said)["choices"][0]["message"]["reasoning_content"] == "the sign is red"


def test_the_usage_counts_words() -> None:
    usage = completion().whole(Answered("B. red", "B", None))["usage"]
    assert usage == {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}


def test_a_chat_request_is_read_with_its_images_in_order() -> None:
    words = prompt(COLOUR, images=2, instruct=True)
    sent = body(image(RED), image(GREEN), text(words), stream=True, logprobs=True, top_logprobs=5, model="x")
    chat = read_chat(sent, picture)
    assert chat.request.question == COLOUR
    assert chat.request.condition is Condition.BOTH
    assert [np.array_equal(a, b) for a, b in zip(chat.request.images, (RED, GREEN), strict=True)] == [True, True]
    assert (chat.model, chat.stream, chat.weighed) == ("x", True, 5)
    plain = read_chat(body(image(), text("What?")), picture)
    assert (plain.model, plain.stream, plain.weighed) == (None, False, None)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "no object"),
        (b"{}", "exactly one message"),
        (json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode(), "list of text and images"),
        (json.dumps({"messages": [{"role": "system", "content": []}] * 2}).encode(), "exactly one message"),
        (body(text("What?")), "0 images"),
        (body(*[image()] * 3, text("What?")), "3 images"),
        (body(image()), "asks no question"),
        (body(image(), text(" \n")), "asks no question"),
        (body(image(), text("x" * 10_001)), "10001 characters"),
        (body(image(), text("\ud800")), "lone surrogates"),
        (body(image(), {"type": "audio"}), "types 'text' and 'image_url'"),
        (body(image(), {"type": "text", "text": 3}), "types 'text' and 'image_url'"),
        (body({"type": "image_url"}, text("What?")), "Image 1 has no 'url'"),
        (body({"type": "image_url", "image_url": {"url": "https://elsewhere/x.png"}}, text("?")), "a link instead"),
        (body({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}, text("?")), "base64 that"),
        (body({"type": "image_url", "image_url": {"url": "data:image/png;base64,R0lG"}}, text("?")), "image 1"),
        (body(image(), text("?"), n=2), "one answer"),
        (body(image(), text("?"), modalities=["image"]), "/v1/images/edits"),
        (body(image(), text("?"), top_logprobs="many"), "top_logprobs='many'"),
        (body(image(), text("?"), model=["x"]), "'model' must be a name"),
    ],
)
def test_a_wrong_chat_is_refused_in_a_sentence(sent: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read_chat(sent, picture)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_garbage_is_refused_and_nothing_worse(sent: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_chat(sent, picture)
    with pytest.raises(InvalidInput):
        read_edit({}, sent, picture, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "url", "x"]), inner),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
def test_json_of_a_wrong_shape_is_refused_and_nothing_worse(content: Any, part: Any, field: Any) -> None:
    for sent in (
        {"messages": content, "n": field},
        {"messages": [{"role": "user", "content": content}], "modalities": field},
        {"messages": [{"role": "user", "content": [part, text("?")]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": part}, text("?")]}]},
    ):
        with pytest.raises(InvalidInput):
            read_chat(json.dumps(sent).encode(), picture)


def test_an_edit_request_is_read_and_answered() -> None:
    png = base64.b64decode(data_url(RED).split(",")[1])
    edit = read_edit({"seed": "4", "num_inference_steps": "7", "n": "1", "model": "x"}, png, picture, 1)
    assert (edit.request.seed, edit.request.steps, edit.request.samples, edit.model) == (4, 7, 1, "x")
    assert read_edit({"prompt": "Restore."}, png, picture, 3).request.steps == 3
    assert read_edit({"steps": "2"}, png, picture, 3).request.steps == 2
    answer = edited(edit.request.corrupted, 9)
    assert answer["created"] == 9
    assert np.array_equal(from_png(base64.b64decode(answer["data"][0]["b64_json"])), RED)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"n": "2"}, "n must be 1"),
        ({"response_format": "url"}, "b64_json"),
        ({"seed": "-1"}, "seed='-1'"),
        ({"seed": "4294967296"}, "seed="),
        ({"seed": "1.5"}, "seed="),
        ({"steps": "0"}, "from 1 to 100"),
        ({"num_inference_steps": "101"}, "from 1 to 100"),
    ],
)
def test_a_wrong_field_of_an_edit_is_named(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read_edit(fields, b"", picture, 1)
    with pytest.raises(InvalidInput, match="holds no image"):
        read_edit(fields, None, picture, 1)


def test_an_error_is_told_in_openais_form() -> None:
    assert error("No.", 400) == {
        "error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}
    }
    assert error("It failed.", 500)["error"]["type"] == "server_error"
