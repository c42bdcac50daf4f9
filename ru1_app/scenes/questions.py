"""Questions about a scene whose answers its contents give, and its caption."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ru1_app.domain import Question
from ru1_app.scenes.scene import ARROWS, CAR_COLOURS, EXTRAS, LIGHTS, MAX_PEOPLE, SPEEDS, WORDS, Scene

LETTERS = "ABCD"
KINDS = ("light", "arrow", "car_colour", "count", "speed", "word", "presence")

_WORDING: dict[str, tuple[str, ...]] = {
    "light": (
        "What colour is the traffic light?",
        "Which colour does the traffic light show?",
        "What color is the light?",
        "Which lamp of the traffic light is lit?",
        "What does the traffic light show?",
    ),
    "arrow": (
        "Which way does the arrow point?",
        "In which direction does the arrow sign point?",
        "Where does the arrow point?",
        "What direction is the arrow?",
        "Which direction does the sign with the arrow show?",
    ),
    "car_colour": (
        "What colour is the car?",
        "What is the colour of the car?",
        "Which colour is the car painted?",
        "What color is the car on the road?",
        "Which colour does the car have?",
    ),
    "count": (
        "How many people are there?",
        "How many pedestrians are in the picture?",
        "How many people are in the scene?",
        "How many persons can you see?",
        "What is the number of pedestrians?",
    ),
    "speed": (
        "What is the speed limit?",
        "Which number is on the speed sign?",
        "What speed does the sign allow?",
        "What number does the round sign show?",
        "How fast may you drive here?",
    ),
    "word": (
        "What word is on the sign?",
        "Which word does the sign show?",
        "What does the sign say?",
        "What is written on the sign?",
        "Which word can you read on the board?",
    ),
    "presence": (
        "Is there a {} in the picture?",
        "Can you see a {}?",
        "Does the picture show a {}?",
        "Is a {} visible?",
        "Is there a {}?",
    ),
}
AHEAD = ("straight on", "straight", "straight ahead", "up")  # names of the direction ahead


def questions_for(scene: Scene, rng: np.random.Generator) -> list[tuple[str, Question]]:
    """One question of each kind, in the order of `KINDS`, with shuffled options and the right letter."""
    answers: dict[str, tuple[str, Sequence[str]]] = {
        "light": (scene.light, LIGHTS),
        "arrow": (scene.arrow, ARROWS),
        "car_colour": (scene.car, CAR_COLOURS),
        "count": (str(scene.people), [str(n) for n in range(MAX_PEOPLE + 1)]),
        "speed": (str(scene.speed), [str(speed) for speed in SPEEDS]),
        "word": (scene.word, WORDS),
    }
    asked = [(kind, _choose(kind, right, values, rng)) for kind, (right, values) in answers.items()]
    return [*asked, ("presence", _presence(scene, rng))]


def open_question(question: Question) -> Question:
    """The same question without options; the expected answer is then the words, "straight" for ahead."""
    if not question.options or question.expected is None:
        return question
    said = question.options[LETTERS.index(question.expected)]
    return Question(question.text, (), "straight" if said in AHEAD else said)


def caption(scene: Scene) -> str:
    """One sentence that says what the scene shows."""
    people = {0: "nobody on foot", 1: "one pedestrian"}.get(scene.people, f"{scene.people} pedestrians")
    arrow = "straight on" if scene.arrow == "up" else scene.arrow
    extras = "".join(f", a {name}" for name in scene.extras)
    return (
        f"A {scene.lighting} road scene with a {scene.light} traffic light, an arrow sign pointing {arrow}, "
        f"a {scene.car} car, {people}, a speed limit of {scene.speed} "
        f"and a sign that says {scene.word}{extras}."
    )


def _wording(kind: str, rng: np.random.Generator) -> str:
    return _WORDING[kind][rng.integers(len(_WORDING[kind]))]


def _choose(kind: str, right: str, values: Sequence[str], rng: np.random.Generator) -> Question:
    """Four options at most (three where there are no more), the right one in a random place."""
    wrong = [value for value in values if value != right]
    picked = [wrong[index] for index in rng.permutation(len(wrong))[: len(LETTERS) - 1]]
    options = [right, *picked]
    options = [options[index] for index in rng.permutation(len(options))]
    expected = LETTERS[options.index(right)]
    return Question(_wording(kind, rng), tuple(_style(kind, rng)(option) for option in options), expected)


def _style(kind: str, rng: np.random.Generator) -> Callable[[str], str]:
    """How an option is written; the direction ahead has several names."""
    ahead = AHEAD[rng.integers(len(AHEAD))]
    return (lambda value: ahead if value == "up" else value) if kind == "arrow" else str


def _presence(scene: Scene, rng: np.random.Generator) -> Question:
    """Asks for one of the things a scene may lack; yes and no are equally likely over all scenes."""
    name = EXTRAS[rng.integers(len(EXTRAS))]
    options = ("yes", "no") if rng.random() < 0.5 else ("no", "yes")
    right = "yes" if name in scene.extras else "no"
    return Question(_wording("presence", rng).format(name), options, LETTERS[options.index(right)])
