"""Whether the text of an answer tells that it is right, wrong, or neither."""

from __future__ import annotations

import pytest

from ru1_app.domain import Answered, Question
from ru1_app.export.values.answers import is_right


@pytest.mark.parametrize(
    ("text", "choice", "wanted", "right"),
    [
        ("whatever", "B", "B. green", True),
        ("whatever", "A", "B. green", False),
        ("cannot tell", None, "B. green", False),
        ("Cannot tell.", None, "Cannot tell", True),
        ("It is B", "B", "Cannot tell", False),
        ("red or green", None, "B. green", None),
        ("Q", "Q", "B. green", None),  # no such option
        ("green", "B", None, None),
    ],
)
def test_a_choice_is_judged_by_its_letter(
    text: str, choice: str | None, wanted: str | None, right: bool | None
) -> None:
    question = Question("What colour?", ("red", "green"), "B")
    assert is_right(question, Answered(text, choice, None), wanted) is right


@pytest.mark.parametrize(("text", "right"), [("stop.", True), ("SLOW", False), ("It does not say STOP", None)])
def test_an_open_answer_is_right_word_for_word_and_wrong_without_the_words(text: str, right: bool | None) -> None:
    assert is_right(Question("Which word?", (), "STOP"), Answered(text, None, None), "STOP") is right
