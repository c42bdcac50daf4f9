"""What a lead looks at and does: the report with names and pictures, the consensus again, the overlap of an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ru1_app.errors import InvalidInput
from ru1_app.items import Item, ItemKind, Person, Purpose, Role
from ru1_app.rating.consensus import recompute
from ru1_app.rating.people import need
from ru1_app.rating.policy import Overlap, settle
from ru1_app.rating.reports import Report, Reports
from ru1_app.store.audit_sql import broken
from ru1_app.store.gallery_sql import Card, GallerySql
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.labels_sql import Labels
from ru1_app.store.people_sql import People
from ru1_app.store.seen_sql import Viewer
from ru1_app.store.sql import Store

SHOWN = 60  # cases of one kind
RATERS = range(1, 21)  # that an item may want


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the lead's page. `audit`: how many lines, and what is wrong with the first that does not fit."""

    report: Report
    names: Mapping[str, str]  # of raters who were not forgotten
    disputed: tuple[Card, ...]
    elusive: tuple[Card, ...]
    skips: tuple[tuple[str, str, str], ...]  # item, rater, reason
    audit: tuple[int, str | None]
    kept_at: datetime | None  # when the consensus was kept last
    kept: int  # of how many items


class Leading:
    """Safe to use from many threads and processes."""

    def __init__(
        self, store: Store, people: People, reports: Reports, clock: Callable[[], datetime] | None = None,
        overlap: Overlap | None = None,
    ) -> None:  # fmt: skip
        self._store, self._people, self._reports = store, people, reports
        self._labels, self._judgements = Labels(store.database), Judgements(store.database)
        self._policy = partial(settle, overlap=overlap or Overlap())
        self._cases = GallerySql(store.database)
        self._now = clock or (lambda: datetime.now(UTC))

    def overview(self, person: Person) -> Overview:
        """Everything.

        Raises:
            Forbidden: the person is no lead.
        """
        report = self._reports.report(person)
        viewer, kept = Viewer.of(person), self._labels.agreed()
        elusive = [row.recovery_id for row in report.elusive]
        return Overview(
            report=report,
            names={each.id: each.name for each in self._people.all() if each.name},
            disputed=tuple(self._cases.cards(report.disputed[:SHOWN], viewer)),
            elusive=tuple(self._cases.cards(elusive[:SHOWN], viewer)),
            skips=tuple(self._labels.skips()),
            audit=broken(self._store.database),
            kept_at=max((row.computed_at for row in kept), default=None),
            kept=len(kept),
        )

    def recompute(self, person: Person) -> int:
        """Derive the consensus again and keep it; returns of how many items.

        Raises:
            Forbidden: the person is no lead.
        """
        need(person, Role.LEAD)
        return len(recompute(self._labels, self._now()))

    def overlap(self, person: Person, some_id: str, raters: Any) -> Item:
        """Change how many raters an item wants, by its id or that of its case: it is opened for more, and done where
        there are enough who agree.

        Raises:
            Forbidden: the person is no lead.
            InvalidInput: it is no number of raters, or the case is not in the queue.
        """
        need(person, Role.LEAD)
        if isinstance(raters, bool) or not isinstance(raters, int) or raters not in RATERS:
            raise InvalidInput(f"An item takes {RATERS[0]} to {RATERS[-1]} raters.")
        found = self._cases.items_of(self._cases.case_of(some_id))
        work = [each for each in found if each.purpose is Purpose.WORK]
        item = next((each for each in work if each.id == some_id or each.kind is ItemKind.SINGLE), None)
        if item is None:
            raise InvalidInput("That case is not in the queue.")
        return self._judgements.want(item.id, raters, person.id, self._now(), self._policy)
