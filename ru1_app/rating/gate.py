"""The training gate: ten gold items with feedback, eight of them right, before a rater is given work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ru1_app.domain import Rating
from ru1_app.gold import gold_key_from, grade, training_set
from ru1_app.items import Item, Person, Purpose
from ru1_app.rating.golden import add_gold
from ru1_app.rating.policy import GATE_NEEDED, GATE_SIZE
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store

ATTEMPTS = 3  # sets of training items that a rater may go through


@dataclass(frozen=True, slots=True)
class Gate:
    """How a rater stands: `done` of the `of` items of this attempt, `right` of them."""

    passed: bool
    done: int = 0
    right: int = 0
    attempt: int = 0  # from 0
    of: int = GATE_SIZE
    needed: int = GATE_NEEDED

    @property
    def failed(self) -> bool:
        """Whether no attempt is left."""
        return not self.passed and self.attempt >= ATTEMPTS


class Passed(Protocol):
    """What the gate needs of the people's store."""

    def by_id(self, person_id: str) -> Person: ...
    def set_gate_passed(self, person_id: str, now: datetime) -> Person: ...


class Gatekeeper:
    """Knows who passed, and makes the training items when they are first needed."""

    def __init__(self, store: Store, people: Passed, seed: int = 0) -> None:
        self._store, self._people, self._seed = store, people, seed
        self._queue, self._judgements = Queue(store.database), Judgements(store.database)

    def gate(self, person: Person) -> Gate:
        """How the person stands."""
        if person.gate_passed_at is not None:
            return Gate(passed=True)
        return standing(self._judgements.of_training(person.id))

    def settle(self, person: Person, now: datetime) -> Gate:
        """The same after a training judgement; who has passed is written down."""
        gate = self.gate(person)
        if gate.passed and person.gate_passed_at is None:
            self._people.set_gate_passed(person.id, now)
        return gate

    def fresh(self, person: Person) -> Person:
        """The person as stored now."""
        return self._people.by_id(person.id)

    def provide(self, gate: Gate) -> None:
        """Have the training items of the attempt in the queue."""
        first = GATE_SIZE * gate.attempt
        if not gate.failed and not self._queue.has_training(first + GATE_SIZE - 1):
            add_gold(self._store, training_set(self._seed + gate.attempt), Purpose.TRAINING, first=first)

    def finished(self, rater_id: str) -> int:
        """How many items the rater is done with."""
        return self._queue.over_count(rater_id)

    def counts(self, rater_id: str, now: datetime) -> tuple[int, int]:
        """Items that the rater is done with today (UTC), and in all."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return self._queue.over_count(rater_id, midnight), self._queue.over_count(rater_id)


def standing(judged: Sequence[tuple[Item, Rating]]) -> Gate:
    """From a rater's judgements of training items, in their order."""
    results = [
        grade(gold_key_from(item.key), r.verdict.value, r.categories, r.severity, r.regions).passed
        for item, r in judged
        if item.key is not None
    ]
    attempts = [results[start : start + GATE_SIZE] for start in range(0, len(results), GATE_SIZE)]
    for number, attempt in enumerate(attempts):
        if len(attempt) == GATE_SIZE and sum(attempt) >= GATE_NEEDED:
            return Gate(True, len(attempt), sum(attempt), number)
    if attempts and len(attempts[-1]) < GATE_SIZE:
        return Gate(False, len(attempts[-1]), sum(attempts[-1]), len(attempts) - 1)
    return Gate(False, 0, 0, len(attempts))
