"""Simulated raters at work: they take items from the queue and judge them, stage by stage, as people do at the desk.

Everything goes through the queue's and the judgements' own transactions, with the forms' checks and the policy's rules,
so that turns, counts, states, overlap and audit log are those that people's work leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from ru1_app.domain import AnswerImpact, Case, Rating, Stage
from ru1_app.errors import Conflict
from ru1_app.images import digest
from ru1_app.items import PAIR_STAGE, Item, ItemState, Purpose, Supported, Turn
from ru1_app.protocol import load_protocol
from ru1_app.rating import policy
from ru1_app.rating.forms import Context, impact_of, rating_of, vote_of
from ru1_app.rating.policy import Overlap
from ru1_app.simulated.rater import SimulatedRater
from ru1_app.simulated.right import impact, supported
from ru1_app.simulated.truth import Sight
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.sql import Store

TAB, LEASE = "simulated", 600
UNKNOWN_IMPACT = 0.3  # how often a rater does not know what the recovery did to the answer, where skill is 0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a single item shows, and the things that its question hangs on."""

    before: Sight
    after: Sight
    asked: tuple[str, ...]


class Work:
    """A panel of simulated raters at the queue of a store. Nobody else may take from the queue meanwhile."""

    def __init__(
        self, store: Store, raters: Sequence[SimulatedRater], overlap: Overlap, seed: int, clock: Callable[[], datetime]
    ) -> None:
        self._store, self._raters, self._seed, self._now = store, raters, seed, clock
        self._queue, self._judgements = Queue(store.database), Judgements(store.database)
        self._policy = partial(policy.settle, overlap=overlap)

    def single(self, item: Item, shown: Shown) -> int:
        """Have a recovery judged until the item wants nobody more; returns how many ratings were stored."""
        stored, case = 0, self._store.case(item.recovery_id)
        stages = [Stage.BLIND, *([Stage.ANSWER] if case.sample.question and case.answers else [])]
        if case.sample.reference_sha is not None:
            stages.append(Stage.REVEAL)
        for rater in self._order(item):
            taken = self._take(item, rater)
            if taken is None:
                break
            for stage, following in zip(stages, [*stages[1:], None], strict=True):
                rating = self._rating(rater, stage, shown, taken, case)
                self._judgements.add(rating, self._taker(rater), following.value if following else "", self._policy)
                if stage is Stage.BLIND and following is Stage.ANSWER:
                    case = replace(case, ratings=(*case.ratings, rating))  # the next stage repeats what was said
                stored += 1
        return stored

    def pair(self, item: Item, before: Sight, sights: Mapping[str, Sight]) -> int:
        """Have two recoveries compared, `sights` by their ids; returns how many votes were stored."""
        stored, case = 0, self._store.case(item.recovery_id)
        ids = (item.recovery_id, item.other_id or "")
        for rater in self._order(item):
            taken = self._take(item, rater)
            if taken is None:
                break
            left, right = ids if policy.first_on_the_left(rater.id, item.id, self._seed) else ids[::-1]
            choice = rater.prefer(item.id, before, sights[left], sights[right])
            form = {"choice": choice.value, **self._every(rater, item, PAIR_STAGE)}
            vote = vote_of(form, (left, right), self._context(taken, case, rater, PAIR_STAGE))
            self._judgements.add(vote, self._taker(rater), "", self._policy)
            stored += 1
        return stored

    def _order(self, item: Item) -> list[SimulatedRater]:
        """Who comes to the item first: a draw, as on a desk where people come and go."""
        return sorted(self._raters, key=lambda rater: policy.draw(self._seed, "order", item.id, rater.id))

    def _take(self, item: Item, rater: SimulatedRater) -> tuple[Item, Turn] | None:
        """The item leased to the rater; None where it wants nobody more."""
        now = self._queue.item(item.id)
        if now.state is not ItemState.OPEN or now.count >= now.overlap:
            return None
        taken = self._queue.take(self._taker(rater), Purpose.WORK, item.id)
        if taken is None or taken[0].id != item.id:
            raise Conflict("Somebody else takes from this queue. Let simulated raters work on a store of their own.")
        return taken

    def _taker(self, rater: SimulatedRater) -> Taker:
        return Taker(rater.id, TAB, self._now(), LEASE)

    def _rating(
        self, rater: SimulatedRater, stage: Stage, shown: Shown, taken: tuple[Item, Turn], case: Case
    ) -> Rating:
        item = taken[0]
        answers = stage is Stage.ANSWER
        form = self._answer(rater, item, shown, case) if answers else self._form(rater, item, shown, stage)
        rating = rating_of(form, stage, self._context(taken, case, rater, stage.value))
        if stage is Stage.REVEAL and rating.answer_impact is AnswerImpact.UNKNOWN:  # nobody answered: the rater does
            return replace(rating, answer_impact=impact(shown.before, shown.after, shown.asked))
        return rating

    def _form(self, rater: SimulatedRater, item: Item, shown: Shown, stage: Stage) -> dict[str, Any]:
        said = rater.judge(item.id, shown.before, shown.after, stage, shown.asked)
        return {
            "verdict": said.verdict.value,
            "severity": said.severity,
            "confidence": said.confidence,
            "categories": dict(said.categories),
            "regions": [asdict(region) for region in said.regions],
            "global_rating": said.global_rating,
            **self._every(rater, item, stage.value),
        }

    def _answer(self, rater: SimulatedRater, item: Item, shown: Shown, case: Case) -> dict[str, Any]:
        told, support = impact_of(case), supported(shown.before, shown.asked)
        if told in (AnswerImpact.NONE, AnswerImpact.HELPED) and support is not Supported.YES:
            told = AnswerImpact.RIGHT_BUT_UNSUPPORTED
        if rater.slips(item.id, "impact", UNKNOWN_IMPACT):
            told = AnswerImpact.UNKNOWN
        every = self._every(rater, item, Stage.ANSWER.value)
        return {"answer_impact": told.value, "supported_by_input": support.value, **every}

    def _every(self, rater: SimulatedRater, item: Item, stage: str) -> dict[str, Any]:
        """What every form has: no comment, the time taken, and an id that makes the same judgement the same."""
        request = digest(f"{rater.id}/{item.id}/{stage}".encode())[:32]
        return {"comment": "", "duration_ms": round(1000 * rater.seconds(item.id, stage)), "request_id": request}

    def _context(self, taken: tuple[Item, Turn], case: Case, rater: SimulatedRater, stage: str) -> Context:
        shown_at = self._queue.opened(taken[0].id, self._taker(rater), stage)
        return Context(taken[0], taken[1], case, self._now(), shown_at, load_protocol())
