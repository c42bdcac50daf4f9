"""Questions about a scene whose answers its contents give, and its caption."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ru1_app.domain import Question
from ru1_app.scenes.scene import ARROWS, CAR_COLOURS, EXTRAS, LIGHTS, MAX_PEOPLE, SPEEDS, WORDS, Scene, layout

LETTERS = "ABCD"
KINDS = ("light", "arrow", "car_colour", "count", "speed", "word", "presence", "position")

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
    "position": (
        "Is the {} left or right of the {}?",
        "On which side of the {1} is the {0}, left or right?",
        "Does the {} stand left or right of the {}?",
        "Is the {} to the left or to the right of the {}?",
        "Seen from the {1}, is the {0} left or right?",
    ),
}
_SIGNS = {"light": "traffic light", "arrow": "arrow", "speed": "speed sign", "word": "word"}
DESCRIBE = (
    "Describe the picture.",
    "Describe this scene.",
    "Write a caption for this picture.",
    "What does the picture show? Describe it.",
)
AHEAD = ("straight on", "straight", "straight ahead", "up")  # names of the direction ahead
_PEOPLE = {0: "nobody on foot", 1: "one pedestrian"}
_AHEAD = {"up": "straight on"}


class Asked(NamedTuple):
    """A question, its kind, and the things of the scene that its answer hangs on (`ru1_app.scenes.evidence`).

    Where it is asked which of two signs is further left, `places` are their numbers from the left.
    """

    kind: str
    question: Question
    things: tuple[str, ...]
    places: tuple[int, ...] = ()


def ask(scene: Scene, rng: np.random.Generator) -> list[Asked]:
    """One question of each kind, in the order of `KINDS`, with shuffled options and the right letter."""
    answers: dict[str, tuple[str, str, Sequence[str]]] = {
        "light": ("light", scene.light, LIGHTS),
        "arrow": ("arrow", scene.arrow, ARROWS),
        "car_colour": ("car", scene.car, CAR_COLOURS),
        "count": ("people", str(scene.people), [str(n) for n in range(MAX_PEOPLE + 1)]),
        "speed": ("speed", str(scene.speed), [str(speed) for speed in SPEEDS]),
        "word": ("word", scene.word, WORDS),
    }
    asked = [
        Asked(kind, _choose(kind, right, values, rng), (thing,)) for kind, (thing, right, values) in answers.items()
    ]
    return [*asked, _presence(scene, rng), ask_position(scene, rng)]


def questions_for(scene: Scene, rng: np.random.Generator) -> list[tuple[str, Question]]:
    """Kind and question of each that `ask` asks."""
    return [(asked.kind, asked.question) for asked in ask(scene, rng)]


def open_question(question: Question) -> Question:
    """The same question without options; the expected answer is then the words, "straight" for ahead."""
    if not question.options or question.expected is None:
        return question
    said = question.options[LETTERS.index(question.expected)]
    return Question(question.text, (), "straight" if said in AHEAD else said)


def caption(scene: Scene) -> str:
    """One sentence that says what the scene shows."""
    people = _PEOPLE.get(scene.people, f"{scene.people} pedestrians")
    arrow = _AHEAD.get(scene.arrow, scene.arrow)
    extras = "".join(f", a {name}" for name in scene.extras)
    article = "An" if scene.lighting[0] in "aeiou" else "A"
    return (
        f"{article} {scene.lighting} road scene with a {scene.light} traffic light, an arrow sign pointing {arrow}, "
        f"a {scene.car} car, {people}, a speed limit of {scene.speed} "
        f"and a sign that says {scene.word}{extras}."
    )


def named_rightly(scene: Scene, text: str) -> float:
    """The share in [0, 1] of what `caption` tells of the scene that a description tells as well."""
    said = " ".join(re.findall(r"\w+", text.casefold()))
    parts = [
        f"{scene.light} traffic light", f"pointing {_AHEAD.get(scene.arrow, scene.arrow)}", f"{scene.car} car",
        _PEOPLE.get(scene.people, f"{scene.people} pedestrians"), f"limit of {scene.speed}",
        f"says {scene.word.lower()}",
    ]  # fmt: skip
    told = [part in said for part in parts] + [(name in said) == (name in scene.extras) for name in EXTRAS]
    return sum(told) / len(told)


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


def _presence(scene: Scene, rng: np.random.Generator) -> Asked:
    """Asks for one of the things a scene may lack; yes and no are equally likely over all scenes."""
    name = EXTRAS[rng.integers(len(EXTRAS))]
    right = "yes" if name in scene.extras else "no"
    return Asked("presence", _either(_wording("presence", rng).format(name), ("yes", "no"), right, rng), (name,))


def ask_position(scene: Scene, rng: np.random.Generator) -> Asked:
    """Asks which of two signs stands further left; their order is uniform over all scenes."""
    order = _from_left(scene)
    one, other = (str(name) for name in rng.permutation(list(_SIGNS))[:2])
    places = (order.index(one) + 1, order.index(other) + 1)
    right = "left" if places[0] < places[1] else "right"
    text = _wording("position", rng).format(_SIGNS[one], _SIGNS[other])
    return Asked("position", _either(text, ("left", "right"), right, rng), (one, other), places)


def ask_ranks(scene: Scene) -> list[Asked]:
    """Asks which number from the left each sign is. Only training asks it: a step towards `ask_position`."""
    return [
        Asked("rank", Question(f"Which number from the left is the {_SIGNS[name]}?", (), str(rank)), (name,))
        for rank, name in enumerate(_from_left(scene), start=1)
    ]


def _from_left(scene: Scene) -> list[str]:
    """The signs in the order in which they stand."""
    edges = {place.name: place.box[0] for place in layout(scene)}
    return sorted(_SIGNS, key=lambda name: edges[name])


def _either(text: str, options: tuple[str, str], right: str, rng: np.random.Generator) -> Question:
    """Two options in a random order."""
    shown = options if rng.random() < 0.5 else options[::-1]
    return Question(text, shown, LETTERS[shown.index(right)])
