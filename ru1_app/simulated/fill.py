"""Fills a store with recoveries of drawn scenes, judged by simulated raters, as a team of people would leave it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from zlib import crc32

from ru1_app.domain import Case, Stage
from ru1_app.errors import Conflict
from ru1_app.images import digest
from ru1_app.items import SIMULATED, Item, ItemKind, Origin, Purpose
from ru1_app.models.base import Answerer
from ru1_app.rating.filling import signals_of
from ru1_app.rating.policy import Overlap, rank
from ru1_app.simulated.cases import Input, Made, Recover, case_of, input_of
from ru1_app.simulated.rater import SimulatedRater, panel
from ru1_app.simulated.right import right
from ru1_app.simulated.truth import Sight, look
from ru1_app.simulated.work import Shown, Work
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store

ACTOR = f"{SIMULATED}fill"  # in the audit log
MORE = 2  # raters beyond the first few, where they disagree
SPARE = 3  # raters of the panel beyond those that one item may need


@dataclass(frozen=True, slots=True)
class Filled:
    """What was stored. `right` counts the right verdicts of the recoveries, all being known."""

    samples: int = 0
    recoveries: int = 0
    singles: int = 0
    pairs: int = 0
    ratings: int = 0
    votes: int = 0
    right: Mapping[str, int] = field(default_factory=dict)


def fill(
    store: Store,
    recover: Mapping[str, Recover],
    scenes: Iterable[int],
    corruptions: Sequence[str],
    *,
    raters: int = 3,
    draws: int = 2,
    size: int = 256,
    seed: int = 0,
    team: Sequence[SimulatedRater] = (),
    answerer: Answerer | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Filled:
    """Store and judge the recoveries of every scene under every corruption by every model.

    Args:
        store: where they are kept; nobody else may take from its queue meanwhile.
        recover: what recovers, by the model's id, which is kept as it is.
        scenes: their seeds.
        corruptions: specs as text, as in `fog@high`; one without a seed gets one for each scene.
        raters: how many judge each item at first; two more where they disagree.
        draws: how many of a model's draws from each input are kept.
        size: the side of the scenes in pixels.
        seed: of corruptions, recoveries, the order of raters and, without a `team`, of the raters.
        team: the raters.
        answerer: asked about each recovery, where there is one.
        clock: the time.

    Raises:
        InvalidInput, Conflict: a corruption is none; a recovery is stored already, or others take from the queue.
    """
    now = clock or (lambda: datetime.now(UTC))
    overlap = Overlap(raters, raters + MORE)
    work = Work(store, team or panel(overlap.most + SPARE, seed), overlap, seed, now)
    filling = _Filling(store, recover, draws, seed, raters, work, answerer, now)
    for scene in scenes:
        for corruption in corruptions:
            filling.add(input_of(scene, corruption, size, seed))
    return filling.filled()


@dataclass(frozen=True)
class _Filling:
    """One call of `fill`, as far as it is."""

    store: Store
    recover: Mapping[str, Recover]
    draws: int
    seed: int
    raters: int
    work: Work
    answerer: Answerer | None
    now: Callable[[], datetime]
    counts: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def filled(self) -> Filled:
        """What was stored so far."""
        return Filled(**self.counts, right=dict(self.right))

    def add(self, given: Input) -> None:
        """Recover one input, store the cases and have them judged, alone and then in pairs."""
        made = [each for model in self.recover for each in self._made(given, model)]
        before = look(given.scene, given.corrupted, given.spec)
        sights = {each.case.id: look(given.scene, each.image, given.spec) for each in made}
        self.counts["samples"] += 1
        for each in made:
            self._judged(each, given, before, sights[each.case.id])
        self._paired([each.case for each in made], before, sights)

    def _made(self, given: Input, model: str) -> list[Made]:
        first = crc32(f"{self.seed}/{given.sample.id}/{model}".encode())
        draws = self.recover[model](given.corrupted, first)[: self.draws]
        return [
            case_of(given, model, image, first + number, self.now(), self.answerer)
            for number, image in enumerate(draws)
        ]

    def _judged(self, made: Made, given: Input, before: Sight, after: Sight) -> None:
        self.store.add_case(made.case, made.images)
        item = self._queued(made.case)
        self.counts["recoveries"] += 1
        self.counts["singles"] += 1
        self.counts["ratings"] += self.work.single(item, Shown(before, after, given.asked.things))
        self.right[right(before, after, Stage.REVEAL, given.asked.things).verdict.value] += 1

    def _paired(self, cases: Sequence[Case], before: Sight, sights: Mapping[str, Sight]) -> None:
        """Every two that follow one another, as the queue's own filler pairs them; not two of the same picture."""
        for first, second in pairwise(sorted(cases, key=lambda each: each.id)):
            if first.recovery.image_sha != second.recovery.image_sha:
                self.counts["pairs"] += 1
                self.counts["votes"] += self.work.pair(self._queued(first, second), before, sights)

    def _queued(self, case: Case, other: Case | None = None) -> Item:
        item = Item(
            id="",
            kind=ItemKind.PAIR if other else ItemKind.SINGLE,
            purpose=Purpose.WORK,
            origin=Origin.BATCH,
            recovery_id=case.id,
            created_at=self.now(),
            other_id=other.id if other else None,
            overlap=self.raters,
        )
        id_ = digest(f"simulated/{item.subject}".encode())[:32]
        item = replace(item, id=id_, rank=rank(id_, signals_of(case), self.seed))
        if not Queue(self.store.database).add([item], ACTOR, self.now()):
            raise Conflict("This recovery is in the queue already. Fill a store of its own.")
        return item
