"""What a model should have said of a question, from the label of a case: half of the text side of a release.

The images of a prompt are always [corrupted, recovered]. What is *wanted* is the expected answer, where the input
supports one; where raters say that it does not, or cannot tell, "Cannot tell" is wanted, because a right guess from an
invented picture is what misleads next time. An answer that names no option, or that holds the expected words among
others, is neither right nor wrong by its text: what raters said of its effect decides, or nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ru1_app.domain import CANNOT_TELL, Answered, AnswerImpact, Condition, Question
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row
from ru1_app.items import Supported
from ru1_app.models.prompts import PAIR, prompt

CHOOSE = "Answer with the letter and the text of the option, or with “Cannot tell”."
ORDER = (Condition.BOTH, Condition.RECOVERED, Condition.CORRUPTED)
UNSUPPORTED = frozenset((Supported.NO.value, Supported.UNDECIDABLE.value))
GOOD = frozenset((AnswerImpact.HELPED,))
BAD = frozenset((AnswerImpact.HARMED, AnswerImpact.WRONG_BOTH, AnswerImpact.RIGHT_BUT_UNSUPPORTED))


class Task(StrEnum):
    """What is asked about the two images."""

    ANSWER = "answer"  # the question of the sample
    JUDGE = "judge"  # whether the recovery is true to its input


@dataclass(frozen=True, slots=True)
class Reply:
    """One thing that is asked about the two images of a case, and what is said to it."""

    task: Task
    prompt: str
    wanted: str | None  # None: nobody knows
    said: str | None  # by a model that saw the recovery, with both images if it was asked so; None: none was asked
    good: bool | None  # whether what was said is what is wanted; None: nobody knows
    wrong: str | None  # a wrong answer, where there is one with both images


def reply_of(row: Row) -> Reply | None:
    """The reply to the question of a labelled case; None where there is no question or no label."""
    question, label = row.case.sample.question, row.label
    if question is None or label is None:
        return None
    wanted = wanted_of(question, label)
    given = {record.condition: record.answered for record in row.case.answers}
    told = [(each, given[each]) for each in ORDER if each in given and given[each].text.strip()]
    said = next((answered for condition, answered in told if condition is not Condition.CORRUPTED), None)
    good = None
    if said is not None and (good := is_right(question, said, wanted)) is None:
        good = _by_impact(label)
    wrong = next((text_of(question, each) for _, each in told if is_right(question, each, wanted) is False), None)
    text = None if said is None else text_of(question, said)
    return Reply(Task.ANSWER, prompt_of(question), wanted, text, good, wrong)


def prompt_of(question: Question) -> str:
    """The text that stands after the two images."""
    return "\n".join([PAIR, prompt(question), *([CHOOSE] if question.options else [])])


def wanted_of(question: Question, label: Label) -> str | None:
    """The answer that is wanted; an option as "B. green". None where nobody knows it."""
    if label.supported in UNSUPPORTED:
        return CANNOT_TELL
    if question.expected is None:
        return None
    return _option(question, question.expected) if question.options else question.expected.strip() or None


def is_right(question: Question, answered: Answered, wanted: str | None) -> bool | None:
    """Whether an answer is the wanted one; None where its text does not tell."""
    text = text_of(question, answered)
    if wanted is None:
        return None
    if same(text, wanted):
        return True
    if question.options and _chosen(question, answered) is None and not same(text, CANNOT_TELL):
        return None  # it chooses no option, or several
    return None if wanted.casefold() in text.casefold() else False  # "the sign says STOP" may be right, or say "not"


def same(one: str, two: str) -> bool:
    """Whether two answers are the same but for case and the dot at the end."""
    return one.strip().rstrip(".").casefold() == two.strip().rstrip(".").casefold()


def text_of(question: Question, answered: Answered) -> str:
    """An answer in the form of the options, so that wording does not decide what is preferred."""
    return _chosen(question, answered) or answered.text.strip()


def _chosen(question: Question, answered: Answered) -> str | None:
    return _option(question, answered.choice) if question.options and answered.choice else None


def _option(question: Question, letter: str) -> str | None:
    place = ord(letter) - ord("A") if len(letter) == 1 else -1
    return f"{letter}. {question.options[place]}" if 0 <= place < len(question.options) else None


def _by_impact(label: Label) -> bool | None:
    if label.impact in GOOD:
        return True
    return False if label.impact in BAD else None
