"""General vision-language models, on a tiny random Qwen2.5-VL with its real processor."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from ru1_app.domain import Answered, Condition, Degradation, Question
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models.base import AnswerRequest, StreamingAnswerer, Words
from ru1_app.models.vlm import load
from ru1_app.models.vlm_answerer import VlmAnswerer
from tests.tiny_vlm import make_tiny_qwen25vl

CHOICE = Question("What colour is the light?", ("red", "green", "blue"))
OPEN = Question("What is this?")
PHOTO = np.random.default_rng(0).integers(0, 256, (60, 84, 3), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_qwen25vl(tmp_path_factory.mktemp("vlm") / "tiny-qwen")


@pytest.fixture(scope="module")
def random(folder: Path) -> VlmAnswerer:
    return load(folder, max_new_tokens=12)


def taught(folder: Path, says: str, **options: Any) -> VlmAnswerer:
    return load(make_tiny_qwen25vl(folder / "taught", says), **options)


def one(question: Question = CHOICE) -> AnswerRequest:
    return AnswerRequest([PHOTO], Condition.CORRUPTED, question)


def two(question: Question = CHOICE) -> AnswerRequest:
    return AnswerRequest([PHOTO, OTHER], Condition.BOTH, question)


def test_options_are_weighed_from_one_image_and_from_two(random: VlmAnswerer) -> None:
    for answered in random.answer([one(), two()]):
        assert answered.choice in ("A", "B", "C")
        assert len(answered.probabilities) == 3
        assert sum(answered.probabilities) == pytest.approx(1)
        assert answered.confidence == max(answered.probabilities)
        assert answered.in_scope


def test_the_image_matters(random: VlmAnswerer) -> None:
    seen, other = (
        random.answer([AnswerRequest([image], Condition.CORRUPTED, CHOICE)])[0].probabilities
        for image in (PHOTO, 255 - PHOTO)
    )
    assert seen != other


def test_what_is_watched_is_what_is_written_at_once(random: VlmAnswerer) -> None:
    assert isinstance(random, StreamingAnswerer)
    assert random.streams
    (whole,) = random.answer([one(OPEN)])
    *words, last = random.stream(one(OPEN))
    assert isinstance(last, Answered)
    assert last.text == whole.text
    assert last.confidence == pytest.approx(whole.confidence)
    assert 1 <= len(words) <= 12
    assert isinstance(words[-1], Words)


def test_closing_stops_within_one_token(random: VlmAnswerer, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, closing = 0, threading.Event()
    whole = Qwen2_5_VLForConditionalGeneration.forward

    @functools.wraps(whole)
    def counted(self: Any, *given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            closing.wait(10)  # the model does not run ahead of the test, however busy the machine
        return whole(self, *given, **named)

    monkeypatch.setattr(Qwen2_5_VLForConditionalGeneration, "forward", counted)
    words = random.stream(one(OPEN))
    next(words)
    threading.Timer(1.0, closing.set).start()
    words.close()
    after = calls
    assert after <= 4
    list(random.stream(one(OPEN)))
    assert calls > after


def test_options_that_are_weighed_give_no_words(random: VlmAnswerer) -> None:
    (answered,) = random.stream(two())
    assert isinstance(answered, Answered)
    assert answered.choice == random.answer([two()])[0].choice


def test_the_letter_is_read_from_free_text(tmp_path: Path) -> None:
    answerer = taught(tmp_path, "So: (B).", prompt_style="free")
    (answered,) = answerer.answer([one()])
    assert (answered.text, answered.choice) == ("So: (B).", "B")
    assert answered.probabilities == ()
    *words, last = answerer.stream(two())
    assert isinstance(last, Answered)
    assert last.choice == "B"
    assert [each.text for each in words if isinstance(each, Words)][:3] == ["S", "So", "So:"]


def test_robust_r1_is_asked_and_read_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answerer = taught(tmp_path, "<TYPE> hfg(9)", prompt_style="robust_r1")
    asked: list[str] = []
    processor = answerer._processor
    monkeypatch.setattr(
        processor, "apply_chat_template",
        lambda talk, **named: asked.append(talk[0]["content"][-1]["text"]) or type(processor).apply_chat_template(
            processor, talk, **named
        ),
    )  # fmt: skip
    (answered,) = answerer.answer([one()])
    assert answered.reading is not None
    assert answered.reading.degradations == (Degradation("hfg", "9"),)
    assert answered.choice is None
    assert "A. red" in asked[0]
    assert asked[0].endswith("briefly in <ANSWER> <ANSWER_END>.")


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_a_quantised_model_answers(folder: Path, bits: str) -> None:
    pytest.importorskip("bitsandbytes")
    answerer = load(folder, quantize=bits)
    assert bits in answerer.ref.engine
    assert answerer.answer([one()])[0].choice in ("A", "B", "C")


def test_the_engine_and_the_name_are_told(folder: Path) -> None:
    answerer = load(folder, name="my-model", dtype="bfloat16")
    assert answerer.ref.id == "my-model"
    assert "transformers" in answerer.ref.engine
    assert answerer.ref.engine.endswith("cpu bfloat16")
    assert len(answerer.ref.revision) == 12
    assert load(folder).ref.id == "tiny-qwen"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompt_style": "shout"}, "'shout' is unknown"),
        ({"quantize": "1bit"}, "'1bit'"),
        ({"dtype": "int8"}, "'int8'"),
    ],
)
def test_an_option_that_is_none_is_refused(folder: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load(folder, **options)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"config\.json"):
        load(tmp_path)


def test_running_out_of_memory_gives_advice(random: VlmAnswerer, monkeypatch: pytest.MonkeyPatch) -> None:
    @functools.wraps(Qwen2_5_VLForConditionalGeneration.forward)
    def full(self: Any, *given: Any, **named: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Qwen2_5_VLForConditionalGeneration, "forward", full)
    with pytest.raises(ModelFailed, match="Load it quantised"):
        random.answer([one()])
    with pytest.raises(ModelFailed, match="Try a smaller image"):
        list(random.stream(one(OPEN)))
