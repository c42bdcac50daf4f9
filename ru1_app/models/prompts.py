"""The text of a question as every answerer reads it, and how its letters are read back. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ru1_app.domain import Question

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_INSTRUCT = "Answer with the letter of the right option only."
_PAIR = "The first image is damaged; the second is an automatic recovery of it and may contain invented detail."


def prompt(question: Question, *, images: int = 1, instruct: bool = False) -> str:
    """The question and its lettered options; `instruct` adds what a general model must be told."""
    lines = [question.text, *(f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=False))]
    if instruct and images > 1:
        lines.insert(0, _PAIR)
    if instruct and question.options:
        lines.append(_INSTRUCT)
    return "\n".join(lines)


def read_choice(text: str, options: Sequence[str]) -> str | None:
    """The letter that a free text names, first as a letter of its own, then as an option's words."""
    letters = LETTERS[: len(options)]
    match = re.match(rf"\W*([{letters}])(?![\w'])", text) if letters else None
    if match:
        return match[1]
    said = text.casefold()
    named = [
        letter
        for letter, option in zip(letters, options, strict=False)
        if re.search(rf"(?<!\w){re.escape(option.casefold())}(?!\w)", said)
    ]
    return named[0] if len(named) == 1 else None
