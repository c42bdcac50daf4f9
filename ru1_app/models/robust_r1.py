"""Robust-R1's tagged text: what it asks the model for, and what the model's answer says. Pure."""

from __future__ import annotations

import re

from ru1_app.domain import Degradation, Reading

# The request of the published demo (jqtangust/Robust-R1, app.py), after the question and an empty line; its line
# breaks and indentation, which are those of the Python source there, as single spaces.
REQUEST = (
    "First output the the types of degradations in image briefly in <TYPE> <TYPE_END> tags, and then output what "
    "effects do these degradation have on the image in <INFLUENCE> <INFLUENCE_END> tags, then based on the strength "
    "of degradation, output an APPROPRIATE length for the reasoning process in <REASONING> <REASONING_END> tags, and "
    "then summarize the content of reasoning and the give the answer in <CONCLUSION> <CONCLUSION_END> tags,provides "
    "the user with the answer briefly in <ANSWER> <ANSWER_END>."
)
TAGS = ("TYPE", "INFLUENCE", "REASONING", "CONCLUSION", "ANSWER")
_START = re.compile(rf"<\s*({'|'.join(TAGS)})\s*>", re.IGNORECASE)
_END = re.compile(rf"<\s*/?\s*(?:{'|'.join(TAGS)})(?:_END)?\s*>", re.IGNORECASE)
_DEGREE = re.compile(r"^(.*?)\s*(?:\(\s*([^()]*?)\s*\)|[:=]\s*(\S.*))$")


def parse(text: str) -> tuple[Reading | None, str]:
    """The reading and the answer of a text; no reading when it holds no tag, and then the answer is the text.

    Accepts `<TAG_END>` and `</TAG>`, tags that do not end (a text that was cut), any order and case. Of a tag that
    comes twice the last counts.
    """
    parts = _parts(text)
    if not parts:
        return None, text.strip()
    reading = Reading(
        degradations(parts.get("TYPE", "")),
        parts.get("INFLUENCE", ""),
        parts.get("REASONING", ""),
        parts.get("CONCLUSION", ""),
    )
    return reading, parts.get("ANSWER", "") or parts.get("CONCLUSION", "")


# Not within parentheses, and not within the name of a kind.
_BETWEEN = re.compile(r"\n|(?:[,;•]|(?<!salt )\band\b)(?![^()\n]*\))", re.IGNORECASE)


def degradations(text: str) -> tuple[Degradation, ...]:
    """The kinds of damage in "blur(0.48), lens flare: strong; noise", with their degrees; none for "none"."""
    found = []
    for part in _BETWEEN.split(text):
        words = re.sub(r"^(?:[\s\-*]|\d+[.)])+", "", part).strip(" .\t")
        if not words or words.casefold() in ("none", "no degradation", "clean", "n/a", "no degradations"):
            continue
        match = _DEGREE.match(words)
        kind, degree = (match[1].strip(), (match[2] or match[3] or "").strip() or None) if match else (words, None)
        if kind:
            found.append(Degradation(kind, degree))
    return tuple(found)


def _parts(text: str) -> dict[str, str]:
    parts = {}
    starts = list(_START.finditer(text))
    for start in starts:
        end = _END.search(text, start.end())
        inside = text[start.end() : end.start() if end else len(text)].strip()
        if inside or start[1].upper() not in parts:
            parts[start[1].upper()] = inside
    return parts
