"""The text of a question as every answerer reads it. Pure."""

from __future__ import annotations

from ru1_app.domain import Question

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
INSTRUCT = "Answer with the letter of the right option only."
PAIR = "The first image is damaged; the second is an automatic recovery of it and may contain invented detail."


def prompt(question: Question, *, images: int = 1, instruct: bool = False) -> str:
    """The question and its lettered options; `instruct` adds what a general model must be told."""
    lines = [
        question.text,
        *(f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=False)),
    ]
    if instruct and images > 1:
        lines.insert(0, PAIR)
    if instruct and question.options:
        lines.append(INSTRUCT)
    return "\n".join(lines)
