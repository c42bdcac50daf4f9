"""The queue: items, and the turns that raters take. Each method is one transaction.

An item is served to a rater at most once for each round, and to no more raters at once than its overlap wants: live
leases count like judgements. On PostgreSQL two takers skip each other's locked rows and look again once they have the
lock; SQLite has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from ru1_app.domain import Stage
from ru1_app.errors import Conflict, NotFound
from ru1_app.items import PAIR_STAGE, Draft, Item, ItemKind, ItemState, Purpose, Turn, TurnState
from ru1_app.store import audit_sql
from ru1_app.store.database import Database
from ru1_app.store.desk_rows import from_item, to_draft, to_item, to_turn
from ru1_app.store.tables import DraftRow, ItemRow, TurnRow

JUDGED = (TurnState.RATED.value, TurnState.DONE.value)
OVER = (*JUDGED, TurnState.SKIPPED.value)
STALE = 4  # a lease that was not renewed for this part of its time may be gone on with in another tab
_AT_ONCE = 500  # values in one query
_TRIES = 20  # items that another taker may fill in the meantime
LOST = "This item is no longer yours: its time ran out, or it is open in another tab. Take the next one."


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes, from which browser tab, at what moment, for how many seconds."""

    rater_id: str
    tab: str
    now: datetime
    seconds: int

    @property
    def until(self) -> datetime:
        """When the lease ends by itself."""
        return self.now + timedelta(seconds=self.seconds)

    @property
    def fresh(self) -> datetime:
        """A lease that ends before this moment has not been renewed for a while."""
        return self.until - timedelta(seconds=self.seconds / STALE)


class Queue:
    """Items and turns. Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, items: Sequence[Item], actor: str, now: datetime) -> int:
        """Add the items whose subject is not in the queue yet, and return how many those were."""

        def write(session: Session) -> int:
            known: set[str] = set()
            for start in range(0, len(items), _AT_ONCE):
                subjects = [item.subject for item in items[start : start + _AT_ONCE]]
                known.update(session.scalars(select(ItemRow.subject).where(ItemRow.subject.in_(subjects))))
            fresh = {item.subject: item for item in items if item.subject not in known}
            session.add_all(from_item(item) for item in fresh.values())
            if fresh:
                session.flush()
                audit_sql.append(session, actor, "items_added", "queue", {"count": len(fresh)}, now)
            return len(fresh)

        try:
            return self._database.write(write)
        except Conflict:  # another process added the same at this moment: then it is known now
            return self._database.write(write, "The same item was added at this moment. Try again.")

    def item(self, item_id: str) -> Item:
        """The item of that id, or `NotFound`."""
        with self._database.read() as session:
            return to_item(item_row(session, item_id))

    def has_training(self, position: int) -> bool:
        """Whether there is a training item at that position."""
        with self._database.read() as session:
            own = (ItemRow.purpose == Purpose.TRAINING.value, ItemRow.position == position)
            return session.scalars(select(ItemRow.id).where(*own).limit(1)).first() is not None

    def items_of(self, recovery_id: str) -> list[Item]:
        """The items that show the recovery."""
        with self._database.read() as session:
            shown = or_(ItemRow.recovery_id == recovery_id, ItemRow.other_id == recovery_id)
            return [to_item(row) for row in session.scalars(select(ItemRow).where(shown).order_by(ItemRow.id))]

    def open_work(self) -> Iterator[Item]:
        """Items of work that are open, in the order of their ids, read page by page."""
        last, work = "", (ItemRow.purpose == Purpose.WORK.value, ItemRow.state == ItemState.OPEN.value)
        while True:
            query = select(ItemRow).where(*work, ItemRow.id > last).order_by(ItemRow.id).limit(_AT_ONCE)
            with self._database.read() as session:
                page = [to_item(row) for row in session.scalars(query)]
            yield from page
            if len(page) < _AT_ONCE:
                return
            last = page[-1].id

    def change(self, item_id: str, actor: str, now: datetime, values: Mapping[str, Any]) -> Item:
        """Set `rank`, `overlap` or `state` of an item; told in the audit log."""

        def write(session: Session) -> Item:
            row = item_row(session, item_id, lock=True)
            for name, value in values.items():
                setattr(row, name, value)
            audit_sql.append(session, actor, "item_changed", item_id, dict(values), now)
            return to_item(row)

        return self._database.write(write)

    def rerank(self, ranks: Mapping[str, float]) -> None:
        """Set the place of items in the queue."""

        def write(session: Session) -> None:
            for item_id, rank in sorted(ranks.items()):
                item_row(session, item_id, lock=True).rank = rank

        self._database.write(write)

    def current(self, taker: Taker) -> tuple[Item, Turn] | None:
        """What this tab is at: an item whose later stages are open, or a live lease, which is renewed.

        What the same rater is at in a tab that has gone silent is taken over, until its lease ends.
        """

        def write(session: Session) -> tuple[Item, Turn] | None:
            own = TurnRow.rater_id == taker.rater_id
            open_ = and_(TurnRow.state == TurnState.RATED.value, TurnRow.tab == taker.tab)
            at_hand = or_(TurnRow.tab == taker.tab, TurnRow.expires_at < taker.fresh)
            live = TurnRow.state.in_((TurnState.HELD.value, TurnState.RATED.value))
            held = and_(live, TurnRow.expires_at > taker.now, at_hand)
            query = select(TurnRow).where(own, or_(open_, held))
            # "rated" sorts after "held": what was begun is finished first
            row = session.scalars(query.order_by(TurnRow.state.desc(), TurnRow.expires_at.desc()).limit(1)).first()
            if row is None:
                return None
            row.expires_at, row.tab = taker.until, taker.tab
            return to_item(item_row(session, row.item_id)), to_turn(row)

        return self._database.write(write)

    def take(self, taker: Taker, purpose: Purpose, hint: str = "") -> tuple[Item, Turn] | None:
        """Lease the next item of a purpose to the rater; the hinted one if it is still free. None: nothing is left."""

        def write(session: Session) -> tuple[Item, Turn] | None:
            for row in _candidates(session, taker, purpose, hint):
                if _wanted(session, row, taker):  # seen with the lock held: another taker may have come first
                    return to_item(row), to_turn(_lease(session, row, taker, 0))
            return None

        return self._database.write(write, "Another tab of yours took the same item at this moment. Try again.")

    def take_again(self, taker: Taker, gap: int) -> tuple[Item, Turn] | None:
        """Lease an item that the rater has judged before, at least `gap` judgements ago, for a second round."""

        def write(session: Session) -> tuple[Item, Turn] | None:
            second = aliased(TurnRow)
            again = exists().where(second.item_id == ItemRow.id, second.rater_id == taker.rater_id, second.round == 1)
            done = (
                select(ItemRow)
                .join(TurnRow, TurnRow.item_id == ItemRow.id)
                .where(TurnRow.rater_id == taker.rater_id, TurnRow.round == 0, TurnRow.state == TurnState.DONE.value)
                .where(ItemRow.purpose == Purpose.WORK.value, ItemRow.kind == ItemKind.SINGLE.value, ~again)
            )
            row = session.scalars(done.order_by(TurnRow.finished_at.desc()).offset(gap).limit(1)).first()
            return None if row is None else (to_item(row), to_turn(_lease(session, row, taker, 1)))

        return self._database.write(write, "Another tab of yours took the same item at this moment. Try again.")

    def upcoming(self, taker: Taker, count: int, purpose: Purpose = Purpose.WORK) -> list[Item]:
        """The items that would be served next, without a lease."""
        with self._database.read() as session:
            rows = session.scalars(_open(taker, purpose).order_by(ItemRow.rank).limit(count))
            return [to_item(row) for row in rows]

    def open_count(self, taker: Taker, most: int = 1000) -> int:
        """How many items wait for this rater; not counted beyond `most`."""
        with self._database.read() as session:
            waiting = _open(taker, Purpose.WORK).with_only_columns(ItemRow.id).limit(most).subquery()
            return session.scalar(select(func.count()).select_from(waiting)) or 0

    def over_count(self, rater_id: str, since: datetime | None = None) -> int:
        """How many items the rater is done with, judged or skipped; since a moment, where one is given."""
        query = select(func.count()).select_from(TurnRow).where(TurnRow.rater_id == rater_id, TurnRow.state.in_(OVER))
        with self._database.read() as session:
            return session.scalar(query.where(TurnRow.finished_at >= since) if since else query) or 0

    def turn(self, item_id: str, taker: Taker) -> Turn:
        """The rater's last turn at an item, or `NotFound`: it was never served to this rater."""
        with self._database.read() as session:
            return to_turn(turn_row(session, item_id, taker.rater_id))

    def beat(self, item_id: str, taker: Taker) -> None:
        """Renew the lease.

        Raises:
            Conflict: it ran out and another has the place, or it is held in another tab.
        """

        def write(session: Session) -> None:
            row = turn_row(session, item_id, taker.rater_id)
            if row.tab != taker.tab or row.state not in (TurnState.HELD.value, TurnState.RATED.value):
                raise Conflict(LOST)
            if row.state == TurnState.HELD.value and row.expires_at <= taker.now:
                item = item_row(session, item_id, lock=True)
                if row.round == 0 and not _wanted(session, item, taker):
                    raise Conflict(LOST)
            row.expires_at = taker.until

        self._database.write(write)

    def waits_blind(self, recovery_ids: Sequence[str], rater_id: str) -> bool:
        """Whether one of the recoveries may still be served to the rater by itself, for a blind judgement."""
        judged = select(TurnRow.item_id).where(TurnRow.rater_id == rater_id, TurnRow.state.in_(OVER))
        alone = (ItemRow.purpose == Purpose.WORK.value, ItemRow.kind == ItemKind.SINGLE.value)
        open_ = (ItemRow.state == ItemState.OPEN.value, ItemRow.recovery_id.in_(recovery_ids))
        with self._database.read() as session:
            query = select(ItemRow.id).where(*alone, *open_, ItemRow.id.not_in(judged)).limit(1)
            return session.scalars(query).first() is not None

    def opened(self, item_id: str, taker: Taker, stage: str) -> datetime:
        """Note that a stage is shown to the rater, and return when it was first."""

        def write(session: Session) -> datetime:
            row = turn_row(session, item_id, taker.rater_id, lock=True)
            if stage not in row.opened:
                row.opened = {**row.opened, stage: taker.now.isoformat()}
            return datetime.fromisoformat(row.opened[stage])

        return self._database.write(write)

    def skip(self, item_id: str, taker: Taker, reason: str) -> None:
        """Give the item back to the pool, with the reason; this rater is not served it again.

        Raises:
            Conflict: it was judged already.
        """

        def write(session: Session) -> None:
            row = turn_row(session, item_id, taker.rater_id, lock=True)
            if row.state == TurnState.SKIPPED.value:
                return  # asked once more
            if row.state in JUDGED:
                raise Conflict("This item was judged already. Undo the judgement to change it.")
            row.state, row.stage, row.reason, row.finished_at = TurnState.SKIPPED.value, "", reason, taker.now
            drop_draft(session, item_id, taker.rater_id)
            audit_sql.append(session, taker.rater_id, "skipped", item_id, {}, taker.now)

        self._database.write(write)

    def close(self, item_id: str, taker: Taker) -> None:
        """Leave what is left of a judged item: its later stages, or a judgement that was reopened."""

        def write(session: Session) -> None:
            row = turn_row(session, item_id, taker.rater_id, lock=True)
            if row.state == TurnState.RATED.value:
                row.state, row.stage = TurnState.DONE.value, ""
                drop_draft(session, item_id, taker.rater_id)

        self._database.write(write)

    def reopen(self, item_id: str, round_: int, taker: Taker, stage: str) -> tuple[Item, Turn]:
        """Open a judged item again at a stage, for a correction."""

        def write(session: Session) -> tuple[Item, Turn]:
            row = session.get(TurnRow, (item_id, taker.rater_id, round_), with_for_update=True)
            if row is None or row.state not in JUDGED:
                raise NotFound("There is no judgement of yours to correct here.")
            row.state, row.stage = TurnState.RATED.value, stage
            row.tab, row.expires_at = taker.tab, taker.until
            return to_item(item_row(session, item_id)), to_turn(row)

        return self._database.write(write)

    def draft(self, item_id: str, rater_id: str) -> Draft | None:
        """What the rater had filled in."""
        with self._database.read() as session:
            row = session.get(DraftRow, (item_id, rater_id))
            return to_draft(row) if row else None

    def save_draft(self, draft: Draft, tab: str | None = None) -> None:
        """Keep what is filled in, in this tab where one is named; an empty body forgets it.

        Raises:
            NotFound: the item was never served to the rater.
            Conflict: the item is at another stage, or in another tab.
        """

        def write(session: Session) -> None:
            turn = turn_row(session, draft.item_id, draft.rater_id, lock=True)
            if tab not in (None, turn.tab):
                raise Conflict(LOST)
            if turn.stage != draft.stage:
                raise Conflict("This stage was sent or left already; there is nothing to fill in any more.")
            drop_draft(session, draft.item_id, draft.rater_id)
            if draft.body:
                row = DraftRow(
                    item_id=draft.item_id, rater_id=draft.rater_id, stage=draft.stage, body=dict(draft.body),
                    saved_at=draft.saved_at,
                )  # fmt: skip
                session.add(row)

        self._database.write(write, "The draft was saved twice at this moment. Go on.")


def item_row(session: Session, item_id: str, *, lock: bool = False) -> ItemRow:
    """The row of an item, locked for writing where asked; `NotFound` where there is none."""
    query = select(ItemRow).where(ItemRow.id == item_id)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"There is no item {item_id[:64]!r} in the queue.")
    return row


def turn_row(session: Session, item_id: str, rater_id: str, *, lock: bool = False) -> TurnRow:
    """The row of a rater's last turn at an item, locked where asked; `NotFound` where it was never served."""
    own = (TurnRow.item_id == item_id, TurnRow.rater_id == rater_id)
    query = select(TurnRow).where(*own).order_by(TurnRow.round.desc()).limit(1)
    row = session.scalars(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("This item was not given to you. Take the next one.")
    return row


def drop_draft(session: Session, item_id: str, rater_id: str) -> None:
    """Forget what was filled in."""
    if old := session.get(DraftRow, (item_id, rater_id)):
        session.delete(old)
        session.flush()


def _candidates(session: Session, taker: Taker, purpose: Purpose, hint: str) -> Iterator[ItemRow]:
    """Items that look free, each locked, best first; the hinted one before all.

    Rows that others hold for a moment are passed over; where no other is left, they are waited for. A row that was
    waited for is judged with the turns as they were before, so that one who just submitted may count twice: a last
    look, with what is stored now, tells whether it is free.
    """
    looks_free = _open(taker, purpose)
    at_once = looks_free.with_for_update(skip_locked=True, of=ItemRow)
    if hint and (row := session.scalars(at_once.where(ItemRow.id == hint)).first()):
        yield row
    passed, query, waiting = [hint], at_once, looks_free.with_for_update(of=ItemRow)
    while len(passed) <= _TRIES:
        row = session.scalars(query.where(ItemRow.id.not_in(passed)).order_by(ItemRow.rank).limit(1)).first()
        if row is not None:
            yield row
            passed.append(row.id)
        elif query is at_once:
            query = waiting
        elif session.scalars(looks_free.where(ItemRow.id.not_in(passed)).limit(1)).first() is None:
            return


def _open(taker: Taker, purpose: Purpose) -> Select[ItemRow]:
    """Open items of a purpose that want this rater."""
    own = exists().where(TurnRow.item_id == ItemRow.id, TurnRow.rater_id == taker.rater_id, _taken(taker))
    wanted = ItemRow.count + _held_by_others(taker) < ItemRow.overlap
    return select(ItemRow).where(ItemRow.purpose == purpose.value, ItemRow.state == ItemState.OPEN.value, wanted, ~own)


def _taken(taker: Taker) -> ColumnElement[bool]:
    """Of the rater's own turns: those after which the item is not served again."""
    elsewhere = and_(TurnRow.state == TurnState.HELD.value, TurnRow.expires_at > taker.now, TurnRow.tab != taker.tab)
    return or_(TurnRow.state.in_(OVER), elsewhere)


def _by_others(taker: Taker) -> tuple[ColumnElement[bool], ...]:
    """Of turns: live leases of other raters; those of second rounds take no place."""
    live = (TurnRow.state == TurnState.HELD.value, TurnRow.expires_at > taker.now, TurnRow.round == 0)
    return (*live, TurnRow.rater_id != taker.rater_id)


def _held_by_others(taker: Taker) -> ColumnElement[int]:
    count = select(func.count()).select_from(TurnRow).where(TurnRow.item_id == ItemRow.id, *_by_others(taker))
    return count.correlate(ItemRow).scalar_subquery()


def _wanted(session: Session, row: ItemRow, taker: Taker) -> bool:
    """Whether the locked item still has a place for this rater, who has not judged it in another tab meanwhile."""
    session.refresh(row, ["count", "overlap", "state"])
    of_item = select(func.count()).select_from(TurnRow).where(TurnRow.item_id == row.id)
    held = session.scalar(of_item.where(*_by_others(taker))) or 0
    own = session.scalar(of_item.where(TurnRow.rater_id == taker.rater_id, _taken(taker)))
    return not own and row.state == ItemState.OPEN.value and row.count + held < row.overlap


def _lease(session: Session, item: ItemRow, taker: Taker, round_: int) -> TurnRow:
    row = session.get(TurnRow, (item.id, taker.rater_id, round_))
    if row is None:
        row = TurnRow(item_id=item.id, rater_id=taker.rater_id, round=round_, opened={})
        session.add(row)
    row.stage = PAIR_STAGE if item.kind == ItemKind.PAIR.value else Stage.BLIND.value
    row.state, row.tab, row.expires_at = TurnState.HELD.value, taker.tab, taker.until
    session.flush()
    return row
