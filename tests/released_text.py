"""The store of `tests.released` with questions and answers that text formats stumble over.

s6  options that pandas does not give back as they are; draws 0 and 1 are the same picture, and both mislead
s7  the input does not support an answer: the right letter is wrong, and "Cannot tell" is wanted
s8  a tag for an image in the question
s9  an answer that chooses no option; nobody knows the right answer to draw 1's question
sa  raters who cannot tell; an open answer that holds the expected word among others
"""

from __future__ import annotations

from dataclasses import replace

from ru1_app.domain import Answered, AnswerRecord, Case, Condition, ModelRef, Question, Verdict
from ru1_app.store.sql import Store
from tests.released import OPEN, QUESTION, RATERS, build, case_of, rating

OPTIONS = ("None", "3", "N/A", "True", "007")
SAID = {
    6: Answered("N/A", "C", 0.9),
    7: Answered("green", "B", 0.9),
    9: Answered("green, or red", None, 0.1),
    10: Answered("The sign says STOP or SLOW", None, 0.5),
}


def build_hard(store: Store) -> None:
    """Fill the store with everything."""
    build(store)
    for number in range(6, 11):
        for draw in range(2):
            _add(store, number, draw)


def _add(store: Store, number: int, draw: int) -> None:
    case, images = case_of(number, draw)
    sample, recovery = case.sample, case.recovery
    if number == 6 and draw:
        same, more = case_of(6, 0)
        recovery, images = replace(recovery, image_sha=same.recovery.image_sha), images | more
    if number == 9:
        sample = replace(sample, id=f"s9{draw}")
    if number == 10:
        sample, recovery = replace(sample, id="sa"), replace(recovery, id=f"ra{draw}")
    sample = replace(sample, question=_question(number, draw))
    recovery = replace(recovery, sample_id=sample.id)
    said = SAID.get(number)
    answers = (AnswerRecord(Condition.BOTH, said, ModelRef("a", "1", "test")),) if said else case.answers
    store.add_case(Case(sample, recovery, answers=answers), images)
    verdict, severity = (Verdict.CANNOT_TELL, 0) if number == 10 else (Verdict.MISLEADING, 3)
    supported = "no" if number == 7 else None
    for rater in RATERS:
        store.add_rating(rating(recovery.id, rater, verdict, severity, item_id=None, supported_by_input=supported))


def _question(number: int, draw: int) -> Question:
    if number == 9:
        return replace(QUESTION, expected=None if draw else "B")
    return {6: Question("How many lamps?", OPTIONS, "B"), 8: Question("What is left of <image>?"), 10: OPEN}.get(
        number, QUESTION
    )
