"""Who may read which judgement: the blindness of raters, as conditions on the tables and on values alike.

A lead reads everything. An adjudicator reads what is no longer open. A rater reads the judgements of an item once the
rater has judged it, and until then no flag of it either. Everybody else reads visitors' flags. What the raters of an
item say together, everybody reads once the item is finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, true

from ru1_app.domain import Case, Rating, RatingSource
from ru1_app.items import Item, ItemState, Person, Purpose, Role
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
    own = RatingRow.rater_id == viewer.id
    judged = exists().where(
        TurnRow.item_id == RatingRow.item_id, TurnRow.rater_id == viewer.id, TurnRow.state.in_(JUDGED)
    )
    allowed = [own, and_(flag, ~_waiting(viewer)), judged]
    if viewer.role.may(Role.ADJUDICATOR):
        allowed.append(exists().where(ItemRow.id == RatingRow.item_id, ItemRow.state != ItemState.OPEN.value))
    return or_(*allowed)


def _waiting(viewer: Viewer) -> ColumnElement[bool]:
    """The recovery of `RatingRow` may still be served to the viewer for a blind judgement."""
    turn = exists().where(TurnRow.item_id == ItemRow.id, TurnRow.rater_id == viewer.id, TurnRow.state.in_(JUDGED))
    open_ = (ItemRow.purpose == Purpose.WORK.value, ItemRow.state == ItemState.OPEN.value)
    return exists().where(ItemRow.recovery_id == RatingRow.recovery_id, *open_, ~turn).correlate(RatingRow)


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as a viewer may read it."""

    ratings: tuple[Rating, ...]
    hidden: int  # judgements that are stored and not shown
    reference: bool  # whether the clean image and what was scored against it may be shown
    finished: bool  # whether what the raters say together may be shown


def seen(database: Database, case: Case, items: list[Item], viewer: Viewer) -> Seen:
    """What the viewer may read of a case, whose items are given."""
    with database.read() as session:
        own = select(RatingRow.id).where(RatingRow.recovery_id == case.id, readable(viewer))
        ids = set(session.scalars(own))
        turns: Any = select(TurnRow.item_id).where(TurnRow.rater_id == viewer.id, TurnRow.state.in_(JUDGED))
        judged = set(session.scalars(turns.where(TurnRow.item_id.in_([item.id for item in items]))))
    superseded = {rating.supersedes for rating in case.ratings}
    valid = [rating for rating in case.ratings if rating.id not in superseded]
    shown = tuple(rating for rating in valid if rating.id in ids)
    work = [item for item in items if item.purpose is Purpose.WORK]
    waiting = any(item.state is ItemState.OPEN and item.id not in judged for item in work)
    flagged = any(rating.source is RatingSource.VISITOR for rating in case.ratings)
    visitor = not viewer.role.may(Role.RATER)
    return Seen(
        ratings=shown,
        hidden=len(valid) - len(shown),
        reference=viewer.all or not waiting or (visitor and flagged),
        finished=viewer.all or any(item.state.value in FINISHED for item in work),
    )
