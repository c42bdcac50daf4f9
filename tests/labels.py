"""Simulated raters at a real desk: they take items and judge them, each with errors of their own."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ru1_app.domain import AnswerImpact, Region, Stage, Verdict
from ru1_app.errors import Ru1Error
from ru1_app.items import Person, Role
from ru1_app.rating.desk import Desk, Options
from ru1_app.wiring import App

PASSWORD = "a long password"
COMMENTS = ("", "", "The number reads 80 now, it was 30", "The second car is gone", "The sign turned into a blob")


class Crowd:
    """Raters of an app, and the clock they work by."""

    def __init__(self, app: App, seed: int = 0, began: datetime | None = None) -> None:
        self.app, self.draw = app, random.Random(seed)
        self.now = began or datetime.now(UTC) - timedelta(days=12)
        self.desk = Desk(app.store, app.gates, Options(3600, app.overlap, 0), self._tick)

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=3)
        return self.now

    def person(self, name: str, role: Role = Role.RATER) -> Person:
        """Somebody who may rate, whose password is `PASSWORD`."""
        person = self.app.accounts.add(name, PASSWORD, role)
        return self.app.people.set_gate_passed(person.id, self.now)

    def work(self, people: Sequence[Person], turns: int, skill: float = 0.85) -> int:
        """Let them rate in turn; returns how many judgements were stored."""
        stored = 0
        for number in range(turns):
            self.now += timedelta(minutes=self.draw.choice((1, 2, 5, 240)))
            stored += self._turn(people[number % len(people)], skill - 0.12 * (number % len(people)))
        return stored

    def _turn(self, person: Person, skill: float) -> int:
        tab, stored = f"tab-{person.id[:8]}", 0
        turn = self.desk.next_item(person, tab)
        while turn.served is not None and stored < 3:
            item, stage = turn.served.item, turn.served.stage
            if stage == "pair":
                self.desk.vote(person, tab, item.id, {"choice": "left", "comment": "", "request_id": uuid.uuid4().hex})
                return stored + 1
            if not stored and self.draw.random() < 0.03:
                self.desk.skip(person, tab, item.id, self.draw.choice(("The images do not load", "I made this image")))
                return 0
            try:
                done = self.desk.submit(person, tab, item.id, stage, self._form(item.id, stage, skill))
            except Ru1Error:
                self.desk.finish(person, tab, item.id)
                return stored
            stored += 1
            if not done.stage:
                return stored
            turn = self.desk.next_item(person, tab)
        return stored

    def _form(self, item_id: str, stage: str, skill: float) -> dict[str, Any]:
        truth = random.Random(item_id)
        verdict = truth.choice(("faithful", "faithful", "benign_detail", "misleading", "misleading", "unusable"))
        if stage == Stage.REVEAL.value and truth.random() < 0.15:
            verdict = Verdict.MISLEADING.value
        if self.draw.random() > skill:
            verdict = self.draw.choice(list(Verdict)).value
        false = verdict in ("misleading", "unusable")
        code = truth.choice(("text_altered", "object_removed", "attribute_changed", "under_recovered"))
        x, y = truth.random() * 0.5, truth.random() * 0.5
        box = Region(x, y, x + 0.3 + self.draw.random() * 0.1, y + 0.3, code)
        severity = {"faithful": 0, "benign_detail": 1, "cannot_tell": 0}.get(verdict, self.draw.choice((2, 2, 3)))
        return {
            "verdict": verdict, "severity": severity, "confidence": self.draw.choice((1, 2, 3)),
            "categories": {code: severity} if false else {}, "comment": self.draw.choice(COMMENTS) if false else "",
            "regions": [{"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1, "category": code}] if false else [],
            "answer_impact": truth.choice(list(AnswerImpact)).value, "supported_by_input": truth.choice(("yes", "no")),
            "global_rating": 4 if false else 1, "duration_ms": self.draw.randint(4000, 40000),
            "request_id": uuid.uuid4().hex,
        }  # fmt: skip
