"""Questions: what a person typed, and what an answerer says of one or two images."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

from ru1_app.domain import Answered, AnswerRecord, Condition, Question, SampleAnswers
from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.images import Image8
from ru1_app.models.base import Answerer, AnswerRequest, StreamingAnswerer

TOGETHER = 4  # questions of one call, where nothing can be watched; a run can be stopped between calls


class Spoken(NamedTuple):
    """The text of answer `number` of `total` (from 0), as far as it is written."""

    number: int
    total: int
    text: str


def conditions_of(corrupted: Image8, recovered: Image8 | None) -> dict[Condition, list[Image8]]:
    """The images of each condition, in order."""
    shown: dict[Condition, list[Image8]] = {Condition.CORRUPTED: [corrupted]}
    if recovered is not None:
        shown |= {Condition.RECOVERED: [recovered], Condition.BOTH: [corrupted, recovered]}
    return shown


def watched(
    answerer: Answerer, question: Question, shown: Mapping[Condition, Sequence[Image8]]
) -> Generator[Spoken, None, tuple[AnswerRecord, ...]]:
    """Ask in each condition: word by word where the answerer writes, else all together."""
    requests = [AnswerRequest(images, condition, question) for condition, images in shown.items()]
    replies = yield from _replies(answerer, requests)
    return tuple(AnswerRecord(c, reply, answerer.ref) for c, reply in zip(shown, replies, strict=True))


def _replies(answerer: Answerer, requests: Sequence[AnswerRequest]) -> Generator[Spoken, None, list[Answered]]:
    """Ask one by one where the answerer writes, else a few at a time; whoever closes this stops it in between."""
    replies: list[Answered] = []
    total = len(requests)
    if isinstance(answerer, StreamingAnswerer) and answerer.streams:
        for number, asked in enumerate(requests):
            for event in answerer.stream(asked):
                if isinstance(event, Answered):
                    replies.append(event)
                else:
                    yield Spoken(number, total, event.text)
    else:
        for number in range(0, total, TOGETHER):
            yield Spoken(number, total, "")
            replies += answerer.answer(requests[number : number + TOGETHER])
    if len(replies) != total:
        raise ModelFailed("The answerer ended without an answer. Try again, or choose another one.")
    return replies


def ask(
    answerer: Answerer, question: Question, corrupted: Image8, recovered: Image8 | None
) -> tuple[AnswerRecord, ...]:
    """The question from the corrupted image, and with a recovery also from it and from both."""
    asking = watched(answerer, question, conditions_of(corrupted, recovered))
    while True:
        try:
            next(asking)
        except StopIteration as end:
            answers: tuple[AnswerRecord, ...] = end.value
            return answers


def ask_draws(
    answerer: Answerer, question: Question, corrupted: Image8, draws: Sequence[Image8], answers: Sequence[AnswerRecord]
) -> Generator[Spoken, None, tuple[SampleAnswers, ...]]:
    """What is said when each further draw takes the place of the recovery; `answers` hold the first draw's."""
    if len(draws) < 2:
        return ()
    first = {record.condition: _said(record.answered) for record in answers}
    shown: dict[Condition, list[list[Image8]]] = {
        Condition.RECOVERED: [[draw] for draw in draws[1:]],
        Condition.BOTH: [[corrupted, draw] for draw in draws[1:]],
    }
    requests = [AnswerRequest(images, c, question) for c, rows in shown.items() for images in rows]
    replies = yield from _replies(answerer, requests)
    said = [_said(each) for each in replies]
    more = len(draws) - 1
    return tuple(
        SampleAnswers(condition, (first[condition], *said[k * more : (k + 1) * more]))
        for k, condition in enumerate(shown)
    )


def _said(answered: Answered) -> str:
    return answered.choice or answered.text.strip()


def make_question(text: str, options: tuple[str, ...] = ()) -> Question | None:
    """A question from what a person typed; None when nothing was asked.

    Raises:
        InvalidInput: options without a question, one option alone, two alike, or texts that are too long.
    """
    text, options = text.strip(), tuple(option.strip() for option in options if option.strip())
    if not text:
        if options:
            raise InvalidInput("There are options but no question. Type the question too, or clear the options.")
        return None
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for each in (text, *options) for char in each):
        raise InvalidInput("The question or an option holds a character that is none. Type it again.")
    if len(text) > 500 or any(len(option) > 200 for option in options):
        raise InvalidInput("The question may have up to 500 characters, an option up to 200.")
    if len(options) == 1 or len(options) > 4:
        raise InvalidInput("Give two to four options, or none for an open question.")
    if len({option.casefold() for option in options}) < len(options):
        raise InvalidInput("Two options are the same. Give each option once.")
    return Question(text, options)
