"""Robust-R1's tagged text, as the model writes it and as it goes wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.domain import Degradation, Reading
from ru1_app.models.robust_r1 import TAGS, degradations, parse

WHOLE = (
    "<TYPE> blur(0.48), turbulence(1.0) <TYPE_END> <INFLUENCE> Details are lost. <INFLUENCE_END> <REASONING> The "
    "shape hints at a knife. <REASONING_END> <CONCLUSION> It is a knife. <CONCLUSION_END> <ANSWER> knife <ANSWER_END>"
)


def test_all_tags_are_read() -> None:
    assert parse(WHOLE) == (
        Reading(
            (Degradation("blur", "0.48"), Degradation("turbulence", "1.0")),
            "Details are lost.", "The shape hints at a knife.", "It is a knife.",
        ),
        "knife",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<ANSWER>B</ANSWER>", "B"),
        ("<answer> B <answer_end>", "B"),
        ("<ANSWER>B", "B"),
        ("<ANSWER>A<ANSWER_END> no: <ANSWER>B<ANSWER_END>", "B"),
        ("<ANSWER>B<ANSWER_END><TYPE>noise<TYPE_END>", "B"),
        ("<CONCLUSION>So it is B.<CONCLUSION_END>", "So it is B."),
        ("<TYPE>noise<INFLUENCE>much<ANSWER>B", "B"),
        ("< ANSWER > B < / ANSWER >", "B"),
        ("<ANSWER><ANSWER_END>", ""),
    ],
)
def test_tags_that_are_spelt_otherwise_or_cut(text: str, answer: str) -> None:
    reading, said = parse(text)
    assert reading is not None
    assert said == answer


def test_a_text_without_tags_is_the_answer() -> None:
    assert parse("  It is a knife. ") == (None, "It is a knife.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("noise", [("noise", None)]),
        ("motion blur: severe; lens flare (slight)", [("motion blur", "severe"), ("lens flare", "slight")]),
        ("1. blur\n2. noise", [("blur", None), ("noise", None)]),
        ("- blur\n- JPEG compression = 0.9", [("blur", None), ("JPEG compression", "0.9")]),
        ("blur and noise", [("blur", None), ("noise", None)]),
        ("rain(heavy).", [("rain", "heavy")]),
        ("none", []),
        ("", []),
        (" , ; ", []),
        ("()", []),
    ],
)
def test_the_kinds_of_damage_with_their_degrees(text: str, found: list[tuple[str, str | None]]) -> None:
    assert [(each.type, each.degree) for each in degradations(text)] == found


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    reading, answer = parse(text)
    assert isinstance(answer, str)
    assert reading is None or isinstance(reading, Reading)


inside = st.text("abc xyz.,()0123", min_size=1, max_size=30).map(str.strip).filter(bool)


@given(st.permutations(TAGS), st.lists(inside, min_size=5, max_size=5))
def test_the_order_of_the_tags_does_not_matter(order: list[str], texts: list[str]) -> None:
    said = dict(zip(order, texts, strict=True))
    reading, answer = parse("\n".join(f"<{tag}> {text} <{tag}_END>" for tag, text in said.items()))
    assert reading is not None
    assert (reading.influence, reading.reasoning, reading.conclusion, answer) == tuple(said[tag] for tag in TAGS[1:])


@pytest.mark.parametrize(("text", "kinds"), [
    ("salt and pepper noise", [("salt and pepper noise", None)]),
    ("JPEG compression (strong, 0.5)", [("JPEG compression", "strong, 0.5")]),
    ("3D blur and fog", [("3D blur", None), ("fog", None)]),
    ("1. blur: strong\n2) rain", [("blur", "strong"), ("rain", None)]),
])  # fmt: skip
def test_a_kind_of_damage_is_kept_whole(text: str, kinds: list[tuple[str, str | None]]) -> None:
    assert [(each.type, each.degree) for each in degradations(text)] == kinds
