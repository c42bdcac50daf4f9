"""A reply as it grows out of the pieces that a server streams. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ru1_app.domain import CANNOT_TELL, Answered, Question, Reading
from ru1_app.models.letters import parse_choice
from ru1_app.models.prompts import LETTERS

_BLANKS = " \t\r\nĠ▁Ċ"  # and how tokenizers write them
_AROUND = "().:*\"'"  # what stands around a letter in one token: "(A)", "A."


class Draft:
    """Text, reasoning and token probabilities so far."""

    def __init__(self) -> None:
        self.text, self.reasoning, self.finish = "", "", ""
        self._log, self._counted = 0.0, 0  # of all tokens
        self._first: Mapping[str, Any] | None = None  # the first token that is not blank

    def add(self, event: Mapping[str, Any]) -> None:
        """Take an event of a chat completion, or a whole one. What is not as it should be is left out."""
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        piece = choice.get("delta") or choice.get("message")
        if isinstance(piece, dict):
            self.text += text_of(piece.get("content"))
            self.reasoning += text_of(piece.get("reasoning_content") or piece.get("reasoning"))
        if isinstance(choice.get("finish_reason"), str):
            self.finish = choice["finish_reason"]
        logs = choice.get("logprobs")
        tokens = logs.get("content") if isinstance(logs, dict) else None
        for token in tokens if isinstance(tokens, list) else ():
            self._count(token)

    def answered(self, question: Question, seconds: float) -> Answered:
        """The reply. Confidence is the share of the option said among all options, by the first token where that is
        a letter and the server weighs it; for "cannot tell" and an open question the product of its tokens'
        probabilities.
        """
        text = whole(self.text).strip()
        reasoning = whole(self.reasoning).strip()
        reading = Reading(reasoning=reasoning) if reasoning else None
        choice = parse_choice(text, question.options) if question.options else None
        first = self._first or {}
        shares = shares_of(first, len(question.options))
        if shares and text == CANNOT_TELL == first.get("token"):
            return Answered(text, None, math.exp(self._log), seconds=seconds, probabilities=shares, reading=reading)
        if choice and shares and choice == _letter(str(first.get("token"))):
            confidence = shares[LETTERS.index(choice)]
            return Answered(text, choice, confidence, seconds=seconds, probabilities=shares, reading=reading)
        sure = math.exp(self._log) if self._counted and not question.options else None
        return Answered(text, choice, sure, seconds=seconds, reading=reading)

    def _count(self, token: Any) -> None:
        if not isinstance(token, dict) or not isinstance(token.get("token"), str):
            return
        self._log += min(0.0, number(token.get("logprob")))
        self._counted += 1
        if self._first is None and token["token"].strip(_BLANKS):
            self._first = token


def shares_of(token: Mapping[str, Any], count: int) -> tuple[float, ...]:
    """The probability of each of `count` options among the options, from the likeliest tokens in the place of `token`.

    Empty where the server lists none of them.
    """
    letters = LETTERS[:count]
    listed = token.get("top_logprobs")
    if not isinstance(listed, list):
        return ()
    masses = dict.fromkeys(letters, 0.0)
    for each in listed:
        if isinstance(each, dict) and (letter := _letter(str(each.get("token")))) in masses:
            masses[letter] += math.exp(min(0.0, number(each.get("logprob"))))
    total = sum(masses.values())
    return tuple(masses[letter] / total for letter in letters) if total > 0 else ()


def text_of(content: Any) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts: Sequence[Any] = content if isinstance(content, list) else ()
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def whole(text: str) -> str:
    """The text as any file and database takes it: halves of characters joined, lone halves and NULs replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def number(value: Any) -> float:
    """A log probability; what is none counts as impossible."""
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else -math.inf


def _letter(token: str) -> str:
    return token.strip(_BLANKS).strip(_AROUND)
