"""Who may read which judgement: the blindness of raters, as conditions on the tables and on values alike.

A lead reads everything. An adjudicator reads what is no longer open. A rater reads the judgements of an item once the
rater has judged it, and until then no flag of it either. Everybody else reads visitors' flags. What the raters of an
item say together, everybody reads once the item is finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import Session

from ru1_app.domain import Case, Rating, RatingSource
from ru1_app.items import Item, ItemKind, ItemState, Person, Purpose, Role
from ru1_app.store.database import Database
from ru1_app.store.queue_sql import JUDGED
from ru1_app.store.tables import ItemRow, RatingRow, TurnRow

FINISHED = (ItemState.DONE.value, ItemState.ADJUDICATED.value)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks; without an id nobody who signed in."""

    id: str = ""
    role: Role = Role.VISITOR

    @classmethod
    def of(cls, person: Person | None) -> Viewer:
        """The viewer that a person is."""
        return cls(person.id, person.role) if person else cls()

    @property
    def all(self) -> bool:
        """Whether everything may be read."""
        return self.role.may(Role.LEAD)


def readable(viewer: Viewer) -> ColumnElement[bool]:
    """Of `RatingRow`: the viewer may read it."""
    flag = RatingRow.source == RatingSource.VISITOR.value
    if viewer.all:
        return true()
    if not viewer.role.may(Role.RATER):
        return flag
    allowed = [
        RatingRow.rater_id == viewer.id,
        and_(flag, RatingRow.recovery_id.not_in(waiting_for(viewer))),
        RatingRow.item_id.in_(_judged(viewer)),
    ]
    if viewer.role.may(Role.ADJUDICATOR):
        over = select(ItemRow.id).where(ItemRow.state != ItemState.OPEN.value)
        allowed.append(RatingRow.item_id.in_(over))
    return or_(*allowed)


def waiting_for(viewer: Viewer) -> Select[Any]:
    """Ids of recoveries that may still be served to the viewer for a blind judgement."""
    open_ = (ItemRow.purpose == Purpose.WORK.value, ItemRow.state == ItemState.OPEN.value)
    single = ItemRow.kind == ItemKind.SINGLE.value
    return select(ItemRow.recovery_id).where(*open_, single, ItemRow.id.not_in(_judged(viewer)))


def _judged(viewer: Viewer) -> Select[Any]:
    return select(TurnRow.item_id).where(TurnRow.rater_id == viewer.id, TurnRow.state.in_(JUDGED))


def judged_items(session: Session, item_ids: list[str], viewer: Viewer) -> set[str]:
    """Which of the items the viewer has judged."""
    return set(session.scalars(_judged(viewer).where(TurnRow.item_id.in_(item_ids)))) if viewer.id else set()


def is_waiting(item: Item | None, judged: set[str], viewer: Viewer) -> bool:
    """Whether the item may still be served to the viewer, who must then come to it blind."""
    if item is None or viewer.all or not viewer.role.may(Role.RATER):
        return False
    if item.purpose is not Purpose.WORK or item.kind is not ItemKind.SINGLE:
        return False
    return item.state is ItemState.OPEN and item.id not in judged


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as a viewer may read it."""

    ratings: tuple[Rating, ...]
    hidden: int  # judgements that are stored and not shown
    waiting: bool  # for the viewer's own judgement: nothing but the two images may be shown
    reference: bool  # whether the clean image may be shown
    finished: bool  # whether what the raters say together may be shown


def seen(database: Database, case: Case, items: list[Item], viewer: Viewer) -> Seen:
    """What the viewer may read of a case, whose items are given."""
    with database.read() as session:
        own = select(RatingRow.id).where(RatingRow.recovery_id == case.id, readable(viewer))
        ids = set(session.scalars(own))
        judged = judged_items(session, [item.id for item in items], viewer)
    superseded = {rating.supersedes for rating in case.ratings}
    valid = [rating for rating in case.ratings if rating.id not in superseded]
    shown = tuple(rating for rating in valid if rating.id in ids)
    work = [item for item in items if item.purpose is Purpose.WORK]
    waiting = any(is_waiting(item, judged, viewer) for item in work)
    flagged = any(rating.source is RatingSource.VISITOR for rating in case.ratings)
    open_ = any(item.state is ItemState.OPEN for item in work)
    member = viewer.role.may(Role.RATER)
    return Seen(
        ratings=shown,
        hidden=len(valid) - len(shown),
        waiting=waiting,
        reference=not waiting if member else not open_ or flagged,
        finished=viewer.all or any(item.state.value in FINISHED for item in work),
    )
