"""What the judgements of a case say together. Pure: the same judgements give the same label.

A rater's *last word* is the judgement beside the clean image (stage reveal) where there is one, else the blind one:
what was seen blind is kept beside it, and where the two differ the case is *elusive*. An adjudicator settles. Visitors'
flags are no labels; a case that has nothing else is *unconfirmed*.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import TypeVar

from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Stage, Verdict
from ru1_app.items import PairVote
from ru1_app.rating.consensus import elusive

T = TypeVar("T")
Judgement = TypeVar("Judgement", Rating, PairVote)


class Status(StrEnum):
    """How much a label is worth."""

    UNCONFIRMED = "unconfirmed"  # a visitor's flag
    CONFIRMED = "confirmed"  # by raters
    ADJUDICATED = "adjudicated"


@dataclass(frozen=True, slots=True)
class Label:
    """What people say of one recovery."""

    status: Status
    verdict: Verdict | None  # None: no majority
    blind_verdict: Verdict | None  # the majority of what was said blind
    severity: int  # 0-3, the median, the worse one where two are in the middle
    categories: Mapping[str, int]  # code -> severity, where more than half of those who say the verdict name it
    impact: AnswerImpact
    supported: str | None  # whether the input supports the answer: yes, no or undecidable, by majority
    raters: int
    share: float  # of the raters who say the verdict
    misleading_share: float  # of those whose word counts, who say that it misleads: a soft label
    mean_severity: float  # of those whose word counts, 0-3
    human_score: float | None  # mean of the 1-5 ratings beside the clean image; higher = more hallucination
    elusive: bool
    last: tuple[Rating, ...]  # each person's last word; the adjudicator's alone where there is one
    ratings: tuple[Rating, ...]  # every valid judgement with consent, of every stage


def valid(judgements: Iterable[Judgement], until: datetime) -> list[Judgement]:
    """The judgements up to a moment that no other one up to then supersedes."""
    known = [each for each in judgements if each.created_at <= until]
    older = {each.supersedes for each in known}
    return [each for each in known if each.id not in older]


def label_of(case: Case, until: datetime, *, visitors: bool = False) -> Label | None:
    """The label, or None where nobody whose word counts judged with consent; `visitors`: their flags count too."""
    agreed = [rating for rating in valid(case.ratings, until) if rating.consent]
    settled = [rating for rating in agreed if rating.source is RatingSource.ADJUDICATOR]
    raters = [rating for rating in agreed if rating.source is RatingSource.RATER]
    flags = [rating for rating in agreed if rating.source is RatingSource.VISITOR]
    blind = [rating for rating in raters if rating.stage is Stage.BLIND and not rating.round]
    words = _last_words(raters)
    if settled:
        last = [max(settled, key=lambda rating: (rating.created_at, rating.id))]
        status = Status.ADJUDICATED
    elif words:
        last, status = words, Status.CONFIRMED
    elif flags and visitors:
        last, status = flags, Status.UNCONFIRMED
    else:
        return None
    voices = words or last
    verdict = majority([rating.verdict for rating in last])
    scores = [rating.global_rating for rating in raters if rating.global_rating is not None and not rating.round]
    revealed = [rating for rating in raters if rating.stage is Stage.REVEAL and not rating.round]
    return Label(
        status=status,
        verdict=verdict,
        blind_verdict=majority([rating.verdict for rating in blind]),
        severity=math.ceil(median(rating.severity for rating in last)),
        categories=_categories([rating for rating in last if rating.verdict is verdict] if verdict else []),
        impact=_impact(settled or raters or flags),
        supported=majority([rating.supported_by_input for rating in raters if rating.supported_by_input]),
        raters=len(words),
        share=sum(rating.verdict is verdict for rating in voices) / len(voices) if verdict else 0.0,
        misleading_share=sum(rating.verdict is Verdict.MISLEADING for rating in last) / len(last),
        mean_severity=sum(rating.severity for rating in last) / len(last),
        human_score=sum(scores) / len(scores) if scores else None,
        elusive=elusive(blind, revealed),
        last=tuple(last),
        ratings=tuple(settled + raters + (flags if visitors else [])),
    )


def _last_words(raters: Sequence[Rating]) -> list[Rating]:
    """Each rater's judgement at the last stage with a verdict of its own, in the order of the raters' ids."""
    words: dict[str, Rating] = {}
    for rating in sorted(raters, key=lambda each: (each.rater_id, each.stage is Stage.REVEAL, each.created_at)):
        if not rating.round and rating.stage in (Stage.BLIND, Stage.REVEAL):
            words[rating.rater_id] = rating
    return list(words.values())


def majority(values: Sequence[T]) -> T | None:
    """What more than half of them are."""
    most = Counter(values).most_common(1)
    return most[0][0] if most and 2 * most[0][1] > len(values) else None


def _categories(ratings: Sequence[Rating]) -> dict[str, int]:
    named: dict[str, list[int]] = {}
    for rating in ratings:
        for code, severity in rating.categories.items():
            named.setdefault(code, []).append(severity)
    return {code: math.ceil(median(said)) for code, said in sorted(named.items()) if 2 * len(said) > len(ratings)}


def _impact(ratings: Sequence[Rating]) -> AnswerImpact:
    told = [rating.answer_impact for rating in ratings if rating.answer_impact is not AnswerImpact.UNKNOWN]
    return majority(told) or AnswerImpact.UNKNOWN
