"""The embedded answerer: reading letters, knowing its scope, and what the checkpoint in assets can do."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ru1_app.config import Settings
from ru1_app.domain import CANNOT_TELL, Condition, Question
from ru1_app.errors import Unavailable
from ru1_app.models import vlm
from ru1_app.models.base import Answerer, AnswerRequest
from ru1_app.models.prompts import prompt
from ru1_app.models.scope import Scope
from ru1_app.models.vlm_answerer import normalised
from ru1_app.scenes import HELD_OUT_SEED, questions_for, render, sample_scene
from ru1_app.scenes.questions import KINDS
from ru1_app.training.answerer_build import scope
from ru1_app.training.eval_answerer import CONTROLS, measure
from tests.hub import COMMIT, ref_from_hub

LIGHT = Question("What colour is the traffic light?", ("red", "green", "yellow"), "B")


def test_a_prompt_letters_the_options() -> None:
    assert prompt(LIGHT) == "What colour is the traffic light?\nA. red\nB. green\nC. yellow"


def test_a_general_model_is_told_about_the_letter_and_the_pair() -> None:
    text = prompt(LIGHT, images=2, instruct=True)
    assert "letter" in text
    assert "recovery" in text


def test_option_masses_become_probabilities() -> None:
    assert normalised([0.1, 0.3]) == pytest.approx([0.25, 0.75])
    assert normalised([0.0, 0.0]) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("question", "covered"),
    [
        (LIGHT, True),
        (Question("What colour is the traffic light?"), True),
        (Question("What colour is the traffic light?", ("red", "pink")), False),
        (Question("What colour is the sign?", ("red", "green")), False),
        (Question("What breed is the dog?", ("poodle", "beagle")), False),
        (Question("Why light ramble unrelated gibberish?"), False),
        (Question(""), False),
    ],
)
def test_scope_covers_what_was_trained(tmp_path: Path, question: Question, covered: bool) -> None:
    (tmp_path / "scope.json").write_text(json.dumps(scope()), "utf-8")
    read = Scope.read(tmp_path)
    vocabulary = {"what", "colour", "is", "the", "traffic", "light", "sign", "why"}
    assert read is not None
    assert read.covers(question, vocabulary.__contains__) is covered
    assert not read.covers(replace(question, options=()), vocabulary.__contains__, "an elephant")


def test_options_are_weighed_by_the_word_the_model_knows(tmp_path: Path) -> None:
    (tmp_path / "scope.json").write_text(json.dumps(scope()), "utf-8")
    read = Scope.read(tmp_path)
    assert read is not None
    assert read.by_words
    assert [read.word(option) for option in ("Straight ahead", "STOP")] == ["straight", "stop"]


def test_a_folder_without_a_scope_declares_none(tmp_path: Path) -> None:
    assert Scope.read(tmp_path) is None


def test_an_empty_folder_is_unavailable_and_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="lacks"):
        vlm.load(tmp_path)


@pytest.mark.weights
def test_a_hub_model_is_named_by_its_commit(tmp_path: Path) -> None:
    ref = ref_from_hub(Settings().models_dir / "answerer", tmp_path, "ru1_app.models.vlm")
    assert f"id='owner/tiny', revision='{COMMIT}'" in ref


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return vlm.load(Settings().models_dir / "answerer", threads=1)


@pytest.fixture(scope="module")
def clean(answerer: Answerer) -> dict[str, dict[str, float]]:
    return measure(answerer, 60, lambda scene, image: [image], Condition.CORRUPTED)


@pytest.mark.weights
@pytest.mark.parametrize("kind", KINDS)
def test_held_out_scenes_are_answered(clean: dict[str, dict[str, float]], kind: str) -> None:
    assert clean[kind]["accuracy"] >= 0.9


@pytest.mark.weights
def test_a_gray_picture_answers_nothing(answerer: Answerer) -> None:
    blind = measure(answerer, 60, *reversed(CONTROLS["image_blind"]))
    assert all(row["accuracy"] < row["chance"] + 0.2 for kind, row in blind.items() if kind != "all")


@pytest.mark.weights
def test_it_says_how_things_are_to_be_seen(answerer: Answerer) -> None:
    scene = sample_scene(HELD_OUT_SEED + 7)
    image = render(scene)
    asked = {kind: question for kind, question in questions_for(scene, np.random.default_rng(0))}
    seen, compared = answerer.answer(
        [
            AnswerRequest([image, image], Condition.BOTH, asked["word"]),
            AnswerRequest([image], Condition.CORRUPTED, asked["position"]),
        ]
    )
    assert seen.choice == asked["word"].expected
    assert seen.reading is not None
    assert seen.reading.reasoning.startswith(
        "In the corrupted image, what is asked about looks clear. In the recovered"
    )
    assert compared.choice == asked["position"].expected
    assert compared.reading is not None
    assert "Counted from the left, these are number" in compared.reading.reasoning


@pytest.mark.weights
@pytest.mark.parametrize("colour", [0, 127, 255, (200, 40, 40)])
def test_it_says_that_nothing_can_be_told_of_what_is_gone(
    answerer: Answerer, colour: int | tuple[int, int, int]
) -> None:
    requests = []
    for number in range(10):
        scene = sample_scene(HELD_OUT_SEED + 300_000 + number)
        covered = render(scene).copy()
        covered[: covered.shape[0] // 2] = colour  # all signs
        asked = dict(questions_for(scene, np.random.default_rng(0)))
        requests += [
            AnswerRequest([covered], Condition.CORRUPTED, asked[kind]) for kind in ("light", "arrow", "speed", "word")
        ]
    replies = [reply for reply in answerer.answer(requests) if (reply.text, reply.choice) == (CANNOT_TELL, None)]
    assert len(replies) >= 0.9 * len(requests)
    assert all(reply.reading and "looks gone" in reply.reading.reasoning for reply in replies)


@pytest.mark.weights
def test_one_and_two_images_are_answered_in_order(answerer: Answerer) -> None:
    scene = sample_scene(HELD_OUT_SEED + 5)
    image = render(scene)
    asked = [question for kind, question in questions_for(scene, np.random.default_rng(0))]
    requests = [AnswerRequest([image], Condition.CORRUPTED, question) for question in asked]
    requests += [AnswerRequest([image, image], Condition.BOTH, question) for question in asked]
    alone = [answerer.answer([request])[0] for request in requests]
    together = answerer.answer(requests)
    assert [reply.choice for reply in together] == [reply.choice for reply in alone]
    assert all(reply.confidence is not None and 0 <= reply.confidence <= 1 for reply in together)
    assert all(reply.in_scope and reply.note is None for reply in together)


@pytest.mark.weights
def test_an_open_question_gets_words_without_a_letter(answerer: Answerer) -> None:
    image = render(sample_scene(HELD_OUT_SEED + 6))
    (reply,) = answerer.answer([AnswerRequest([image], Condition.CORRUPTED, Question("What colour is the car?"))])
    assert reply.text
    assert reply.choice is None
    assert reply.confidence is not None
    assert 0 <= reply.confidence <= 1


@pytest.mark.weights
def test_a_question_out_of_scope_is_answered_with_a_warning(answerer: Answerer) -> None:
    question = Question("What breed is the dog?", ("poodle", "beagle"))
    image = np.full((90, 200, 3), 127, np.uint8)
    (reply,) = answerer.answer([AnswerRequest([image], Condition.CORRUPTED, question)])
    assert reply.choice in ("A", "B", None)
    assert not reply.in_scope
    assert reply.note is not None
    assert "do not trust" in reply.note


@pytest.mark.weights
def test_the_model_names_its_weights_and_engine(answerer: Answerer) -> None:
    assert len(answerer.ref.revision) == 12
    assert "transformers" in answerer.ref.engine
