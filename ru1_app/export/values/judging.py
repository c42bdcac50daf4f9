"""Judging as a task for a model: whether a recovery is true to its input, in the words of the taxonomy.

What is wanted is the verdict of the raters, with the categories that most of them name. The wrong reply is the opposite
verdict. Where that says that something is wrong, it names a category that is drawn by the id of the case: a wrong
reply without one could be told from a right one by its form alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

from ru1_app.domain import Rating, Region, Verdict
from ru1_app.errors import InvalidInput
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row
from ru1_app.export.values.answers import Reply, Task
from ru1_app.models.prompts import PAIR
from ru1_app.protocol import load_protocol

ASK = "Is the recovery true to the damaged image? Answer with one verdict:"
OPPOSITE = {
    Verdict.FAITHFUL: Verdict.MISLEADING,
    Verdict.BENIGN_DETAIL: Verdict.MISLEADING,
    Verdict.MISLEADING: Verdict.FAITHFUL,
    Verdict.UNUSABLE: Verdict.FAITHFUL,
}


def judged(row: Row, label: Label) -> Reply:
    """The verdict as a reply; nothing is wanted where there is no majority."""
    wanted = said_of(label.verdict, by_severity(label)) if label.verdict else None
    opposite = OPPOSITE.get(label.verdict) if label.verdict else None
    wrong = said_of(opposite, [_drawn(row.case.id)]) if opposite else None
    return Reply(Task.JUDGE, judge_prompt(), wanted, None, None, wrong)


@cache
def judge_prompt() -> str:
    """The text that stands after the two images: the verdicts with what they mean, and the categories."""
    protocol = load_protocol()
    verdicts = [f"- {each.label}: {each.definition}" for each in protocol.verdicts]
    named = " or ".join(f"“{each.label}”" for each in protocol.verdicts if each.categories)
    categories = ", ".join(each.label.lower() for each in protocol.categories)
    return "\n".join([PAIR, ASK, *verdicts, f"After {named}, name what is wrong: {categories}."])


def said_of(verdict: Verdict, categories: Iterable[str]) -> str:
    """A verdict in words: "Misleading: text altered, object added." Categories only where the verdict has some."""
    term = load_protocol().verdict(verdict.value)
    named = ", ".join(category_label(code).lower() for code in categories) if term.categories else ""
    return f"{term.label}: {named}." if named else f"{term.label}."


def category_label(code: str) -> str:
    """The label of a category; its code in words where this version of the taxonomy does not know it."""
    try:
        return load_protocol().category(code).label
    except InvalidInput:
        return code.replace("_", " ").capitalize()


def by_severity(label: Label) -> list[str]:
    """The categories that most raters name, the most severe first."""
    return sorted(label.categories, key=lambda code: (-label.categories[code], code))


def marks(label: Label) -> tuple[Region, ...]:
    """Where the fault is: what the first rater who says the verdict and marked something marked.

    Of one rater only, because the boxes of several would be the same place several times.
    """
    return next((each.regions for each in label.last if _marked(each, label)), ())


def _marked(rating: Rating, label: Label) -> bool:
    return rating.verdict is label.verdict and bool(rating.regions)


def _drawn(id_: str) -> str:
    codes = [each.code for each in load_protocol().categories]
    return codes[int(hashlib.sha256(id_.encode()).hexdigest()[:8], 16) % len(codes)]
