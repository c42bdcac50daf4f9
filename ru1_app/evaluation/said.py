"""What a reply counts as: right, wrong, or that it cannot be told. Pure.

An answerer says that it cannot tell by choosing no option, by choosing one of those words, or by writing them.
"""

from __future__ import annotations

import re

from ru1_app.domain import Answered, Question
from ru1_app.models.letters import LETTERS

RIGHT, WRONG, CANNOT_TELL, RIGHTLY_NOT = "1", "0", "?", "!"
"""`!`: it cannot be told and the answerer says so."""
_WORDS = "cannot tell"


def code(question: Question, reply: Answered) -> str:
    """One of the four letters above for a reply to a question whose answer is known."""
    cannot = _cannot_tell(question, reply)
    right = _right(question, reply)
    return (RIGHTLY_NOT if right else CANNOT_TELL) if cannot else (RIGHT if right else WRONG)


def is_right(letter: str) -> bool:
    """Whether the reply was the expected one."""
    return letter in (RIGHT, RIGHTLY_NOT)


def is_unsure(letter: str) -> bool:
    """Whether the reply was that it cannot be told."""
    return letter in (CANNOT_TELL, RIGHTLY_NOT)


def _cannot_tell(question: Question, reply: Answered) -> bool:
    if not question.options:
        return not reply.text.strip() or _WORDS in _plain(reply.text)
    return reply.choice is None or _plain(question.options[LETTERS.index(reply.choice)]) == _WORDS


def _right(question: Question, reply: Answered) -> bool:
    if question.expected is None:
        return False
    if question.options:
        return reply.choice == question.expected
    return f" {_plain(question.expected)} " in f" {_plain(reply.text)} "


def _plain(text: str) -> str:
    """Small letters and digits, one space between words."""
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold().replace("can't", "cannot").replace("can not", "cannot")))
