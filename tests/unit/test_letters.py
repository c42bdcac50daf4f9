"""Which option a text chooses: phrasings as models really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.models.letters import LETTERS, parse_choice

OPTIONS = ("red", "green", "blue", "none of these")
PHRASINGS = [
    ("B", "B"),
    ("b", "B"),
    ("(b)", "B"),
    ("B.", "B"),
    ("B)", "B"),
    ("B) green", "B"),
    ("B. green", "B"),
    ("B: green", "B"),
    ("B - green", "B"),
    ("**B**", "B"),
    ("**B.** green", "B"),
    ("Answer: B", "B"),
    ("answer: b", "B"),
    ("The answer is B", "B"),
    ("The answer is (C).", "C"),
    ("The correct answer is **C**.", "C"),
    ("The correct answer is option C", "C"),
    ("Final answer: C", "C"),
    ("<ANSWER>B</ANSWER>", "B"),
    ("<ANSWER> B <ANSWER_END>", "B"),
    ("<answer>green</answer>", "B"),
    ("text A\n<ANSWER>A</ANSWER> x <ANSWER>C</ANSWER>", "C"),
    ("\\boxed{B}", "B"),
    ("$\\boxed{\\text{B}}$", "B"),
    ("option B", "B"),
    ("Option (B)", "B"),
    ("I would choose B because A is wrong", "B"),
    ("I choose option C.", "C"),
    ("I'd go with D.", "D"),
    ("A or B", None),
    ("It could be A or B.", None),
    ("The answer is A or B.", None),
    ("green", "B"),
    ("Green.", "B"),
    ("It is green.", "B"),
    ("The light is green, not red.", "B"),
    ("not red", None),
    ("It is not A; it is B", "B"),
    ("It is not A. It is C.", "C"),
    ('{"answer": "B"}', "B"),
    ('```json\n{"answer": "C"}\n```', "C"),
    ('{"choice": "green"}', "B"),
    ("Ｂ", "B"),
    ("（Ｃ）", "C"),
    ("答案：B", "B"),
    ("答案是C。", "C"),
    ("选B", "B"),
    ("La réponse est B.", "B"),
    ("Antwort: C", "C"),
    ("cannot determine", None),
    ("I cannot tell.", None),
    ("", None),
    ("   ", None),
    ("E", None),
    ("The answer is E.", None),
    ("None of the above", None),
    ("red and green", None),
    ("A, B", None),
    ("Both A and C", None),
    ("<think>maybe A</think> B", "B"),
    ("Let me think. A is wrong. B is wrong. So C.", "C"),
    ("A. red\nB. green\nC. blue", None),
    ("The answer: green", "B"),
    ("The answer is green.", "B"),
    ("The final answer is:\n\nB", "B"),
    ("**Answer:** B", "B"),
    ("Answer B", "B"),
    ("answer is c", "C"),
    ("B\n\nThe light is green.", "B"),
    ("I see a green light, so the answer is B.", "B"),
    ("Sure! The correct option is B) green.", "B"),
    ("The best choice would be (B).", "B"),
    ("My choice: D", "D"),
    ("A", "A"),
    ("a", "A"),
    ("A.", "A"),
    ("A red light", "A"),
    ("The answer is A", "A"),
    ("I", None),
    ("B!", "B"),
    ('"B"', "B"),
    ("'B'", "B"),
    ("[B]", "B"),
    ("{B}", "B"),
    ("B, because the top lamp is off", "B"),
    ("Based on the restored image, the answer is B. green", "B"),
    ("The light is blue", "C"),
]


@pytest.mark.parametrize(("text", "letter"), PHRASINGS, ids=[text[:40] or "empty" for text, _ in PHRASINGS])
def test_the_option_that_a_text_chooses(text: str, letter: str | None) -> None:
    assert parse_choice(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("A red car", ("blue car", "red car"), "B"),
        ("There is a red car.", ("blue car", "red car"), "B"),
        ("dark red", ("red", "dark red"), "B"),
        ("It is dark red.", ("red", "dark red"), "B"),
        ("Yes", ("Yes", "No"), "A"),
        ("No, there is none.", ("Yes", "No"), "B"),
        ("50", ("30", "50"), "B"),
        ("The speed is 50 km/h.", ("30", "50"), "B"),
        ("I think it is 3.", ("3", "4"), "A"),
        ("I am sure.", ("3", "4"), None),
        ("C", ("3", "4"), None),
        ("anything", (), None),
    ],
)
def test_the_options_decide_what_words_mean(text: str, options: tuple[str, ...], letter: str | None) -> None:
    assert parse_choice(text, options) == letter


@pytest.mark.parametrize(("text", "options", "letter"), [
    ("At first the correct answer is A.\n</think>\n\nB", OPTIONS, "B"),
    ("<think>I think the answer is A, hmm", OPTIONS, None),
    ("<think>A or B? A!</think> C", OPTIONS, "C"),
    ("The incorrect answer is A.", OPTIONS, None),
    ("The least likely answer is A.", OPTIONS, None),
    ("The answer is unlikely to be A.", OPTIONS, None),
    ("I do not think the answer is A.", OPTIONS, None),
    ("I doubt the answer is A", OPTIONS, None),
    ("I don't think it is red.", OPTIONS, None),
    ("There are no red lights", OPTIONS, None),
    ("It doesn't look green", OPTIONS, None),
    ("No, it is red.", OPTIONS, "A"),
    ("Not green but red", OPTIONS, "A"),
    ("There is no green light; it is blue", OPTIONS, "C"),
    ("Answer: B, C and D", OPTIONS, None),
    ("answer: B, C", OPTIONS, None),
    ("Select the letter A, B, C or D", OPTIONS, None),
    ("The answer is B, A is wrong.", OPTIONS, "B"),
    ("The answer is A. Actually, it is B.", OPTIONS, "B"),
    ("The answer is A. Wait, let me look again: yes.", OPTIONS, "A"),
    ("3.5", ("3", "4"), None),
    ("The speed is 30.5", ("30", "50"), None),
    ("The speed is 30.", ("30", "50"), "A"),
    ("A red light is shown, so B", OPTIONS, "B"),
    ("Plan B", OPTIONS, None),
    ("Vitamin C is in the picture", OPTIONS, None),
    ("Yes, there is no car", ("Yes", "No"), "A"),
    ("No, there is none", ("Yes", "No"), "B"),
    ('{"answer": ["B"]}', OPTIONS, "B"),
    ("选项B", OPTIONS, "B"),
    ("正解はBです", OPTIONS, "B"),
])  # fmt: skip
def test_no_answer_is_better_than_a_wrong_one(text: str, options: tuple[str, ...], letter: str | None) -> None:
    assert parse_choice(text, options) == letter


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=12), max_size=6))
def test_any_text_gives_a_letter_of_the_options_or_none(text: str, options: list[str]) -> None:
    assert parse_choice(text, options) in (None, *LETTERS[: len(options)])


@given(
    st.sampled_from(LETTERS[:4]),
    st.sampled_from(["{}", "({})", "{}.", "Answer: {}", "The answer is {}.", "**{}**", "\\boxed{{{}}}"]),
)
def test_every_letter_is_read_alike(letter: str, form: str) -> None:
    assert parse_choice(form.format(letter), OPTIONS) == letter
