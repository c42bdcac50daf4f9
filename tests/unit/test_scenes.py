"""The drawn scenes: same seed, same picture; the questions know their answers."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.scenes import HELD_OUT_SEED, caption, questions_for, render, sample_scene
from ru1_app.scenes.questions import KINDS, LETTERS, ask_position, ask_ranks, named_rightly, open_question
from ru1_app.scenes.scene import EXTRAS, LIGHTINGS, layout

SEEDS = range(40)


def questions(seed: int):
    return questions_for(sample_scene(seed), np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_scene_and_pixels() -> None:
    assert sample_scene(7) == sample_scene(7)
    assert np.array_equal(render(sample_scene(7)), render(sample_scene(7)))


@pytest.mark.parametrize("size", [64, 128, 384])
def test_the_picture_is_rgb_of_the_asked_size(size: int) -> None:
    image = render(sample_scene(3), size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("light", ("red", "green")),
        ("arrow", ("left", "right")),
        ("car", ("red", "white")),
        ("people", (1, 3)),
        ("speed", (30, 80)),
        ("word", ("STOP", "TAXI")),
        ("extras", ((), EXTRAS)),
        ("lighting", LIGHTINGS[:2]),
    ],
)
def test_changing_what_is_in_the_scene_changes_the_picture(field: str, values: tuple[object, object]) -> None:
    scene = sample_scene(11)
    first, second = (render(replace(scene, **{field: value}), 128) for value in values)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("field", ["light", "arrow", "car", "word"])
def test_places_do_not_depend_on_what_is_asked_about(field: str) -> None:
    scene = sample_scene(5)
    other = replace(scene, **{field: {"light": "red", "arrow": "up", "car": "blue", "word": "BUS"}[field]})
    assert [place.box for place in layout(scene)] == [place.box for place in layout(other)]


def test_everything_placed_lies_inside_the_picture() -> None:
    boxes = [place.box for seed in SEEDS for place in layout(sample_scene(seed))]
    assert all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in boxes)


def test_as_many_people_are_placed_as_the_scene_says() -> None:
    for seed in SEEDS:
        scene = sample_scene(seed)
        assert sum(place.name == "person" for place in layout(scene)) == scene.people


def test_every_scene_is_asked_one_question_of_each_kind() -> None:
    assert tuple(kind for kind, _ in questions(0)) == KINDS


def test_the_expected_letter_names_the_right_one_of_unique_options() -> None:
    for seed in SEEDS:
        scene = sample_scene(seed)
        for kind, question in questions(seed):
            assert len(set(question.options)) == len(question.options) <= len(LETTERS)
            assert question.expected in LETTERS[: len(question.options)]
            said = open_question(question).expected
            known = {"light": scene.light, "car_colour": scene.car, "word": scene.word}
            known |= {"count": str(scene.people), "speed": str(scene.speed)}
            assert said == known.get(kind, said)


def test_the_right_letter_is_spread_evenly() -> None:
    asked = [question for seed in range(200) for _, question in questions(seed) if len(question.options) == 4]
    letters = Counter(question.expected for question in asked)
    assert all(0.2 < letters[letter] / len(asked) < 0.3 for letter in LETTERS)


def test_the_caption_names_what_the_scene_shows() -> None:
    scene = sample_scene(2)
    text = caption(scene)
    assert all(word in text for word in (scene.light, scene.car, scene.word, str(scene.speed)))


def test_held_out_seeds_give_scenes_too() -> None:
    assert sample_scene(HELD_OUT_SEED).seed == HELD_OUT_SEED


@given(st.integers(0, HELD_OUT_SEED))
def test_a_caption_names_all_of_its_scene_and_less_of_another(seed: int) -> None:
    scene, other = sample_scene(seed), sample_scene(seed + 1)
    assert named_rightly(scene, caption(scene)) == 1
    assert named_rightly(scene, "") < 0.5
    if caption(scene) != caption(other):
        assert named_rightly(other, caption(scene)) < 1 or scene.lighting != other.lighting


@given(st.integers(0, HELD_OUT_SEED))
def test_which_sign_is_left_follows_from_where_they_stand(seed: int) -> None:
    scene = sample_scene(seed)
    asked = ask_position(scene, np.random.default_rng(seed))
    middle = {place.name: (place.box[0] + place.box[2]) / 2 for place in layout(scene)}
    one, other = asked.things
    expected = asked.question.options[LETTERS.index(asked.question.expected or "")]
    assert expected == ("left" if middle[one] < middle[other] else "right")


@given(st.integers(0, HELD_OUT_SEED))
def test_the_signs_are_numbered_from_the_left(seed: int) -> None:
    scene = sample_scene(seed)
    left = {place.name: place.box[0] for place in layout(scene)}
    ranked = sorted(ask_ranks(scene), key=lambda asked: int(asked.question.expected or ""))
    assert [asked.question.expected for asked in ranked] == ["1", "2", "3", "4"]
    edges = [left[asked.things[0]] for asked in ranked]
    assert edges == sorted(edges)
