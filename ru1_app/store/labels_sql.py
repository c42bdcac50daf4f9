"""Reads the labels of the rating desk for reports, and keeps what is derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import selectinload

from ru1_app.domain import Rating, RatingSource
from ru1_app.items import Item, PairVote, Purpose, TurnState
from ru1_app.store.database import Database
from ru1_app.store.desk_rows import to_item, to_vote
from ru1_app.store.judgements_sql import valid_ratings, valid_votes
from ru1_app.store.rows import to_rating
from ru1_app.store.tables import ConsensusRow, ItemRow, PairVoteRow, RatingRow, RecoveryRow, TurnRow

PAGE = 500


@dataclass(frozen=True, slots=True)
class Label:
    """A valid judgement with its item."""

    item: Item
    rating: Rating


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the raters of an item say together; derived, and made again from the ratings at any time."""

    item_id: str
    recovery_id: str
    verdict: str | None  # of the majority; None: there is none
    severity: int | None  # the median, rounded up
    raters: int
    share: float  # of the raters who say the verdict
    modelled: str | None  # the verdict by Dawid and Skene
    certainty: float | None  # its posterior probability
    elusive: bool  # faithful when seen blind, misleading beside the reference
    adjudicated: bool
    computed_at: datetime


class Labels:
    """Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ratings(self, purposes: Sequence[Purpose] = (Purpose.WORK,)) -> Iterator[Label]:
        """Every valid judgement by raters and adjudicators of items of these purposes, in the order of their ids.

        One query, read piece by piece: a correction that comes meanwhile is not seen beside what it corrects.
        """
        query = (
            valid_ratings()
            .add_columns(ItemRow)
            .join(ItemRow, ItemRow.id == RatingRow.item_id)
            .where(ItemRow.purpose.in_([each.value for each in purposes]))
            .order_by(RatingRow.id)
        )
        with self._database.read() as session:
            rows = session.execute(query.execution_options(yield_per=PAGE))
            yield from (Label(to_item(item), to_rating(row)) for row, item in rows)

    def votes(self) -> Iterator[tuple[Item, PairVote]]:
        """Every valid pair vote with its item."""
        query = valid_votes().add_columns(ItemRow).join(ItemRow, ItemRow.id == PairVoteRow.item_id)
        with self._database.read() as session:
            rows = session.execute(query.order_by(PairVoteRow.id).execution_options(yield_per=PAGE))
            yield from ((to_item(item), to_vote(row)) for row, item in rows)

    def states(self) -> dict[str, int]:
        """How many work items are in each state."""
        query = select(ItemRow.state, func.count()).where(ItemRow.purpose == Purpose.WORK.value)
        with self._database.read() as session:
            return {state: count for state, count in session.execute(query.group_by(ItemRow.state))}

    def turns(self) -> dict[str, dict[str, int]]:
        """How many turns each rater has, by state."""
        query = select(TurnRow.rater_id, TurnRow.state, func.count()).group_by(TurnRow.rater_id, TurnRow.state)
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as session:
            for rater, state, count in session.execute(query):
                found.setdefault(rater, {})[state] = count
        return found

    def skips(self, limit: int = 50) -> list[tuple[str, str, str]]:
        """The newest skips: item, rater, reason."""
        query = select(TurnRow.item_id, TurnRow.rater_id, TurnRow.reason).where(
            TurnRow.state == TurnState.SKIPPED.value
        )
        with self._database.read() as session:
            rows = session.execute(query.order_by(TurnRow.finished_at.desc()).limit(limit))
            return [(item, rater, reason or "") for item, rater, reason in rows]

    def models(self, recovery_ids: Sequence[str]) -> dict[str, str]:
        """The model behind each recovery."""
        found: dict[str, str] = {}
        with self._database.read() as session:
            for start in range(0, len(recovery_ids), PAGE):
                some = recovery_ids[start : start + PAGE]
                query = select(RecoveryRow.id, RecoveryRow.model_id).where(RecoveryRow.id.in_(some))
                found.update((id_, model) for id_, model in session.execute(query))
        return found

    def keep_agreed(self, rows: Sequence[Agreed]) -> None:
        """Replace everything that was derived before."""

        def write(session: Any) -> None:
            session.execute(delete(ConsensusRow))
            for start in range(0, len(rows), PAGE):
                session.add_all(
                    ConsensusRow(**{name: getattr(row, name) for name in Agreed.__slots__})
                    for row in rows[start : start + PAGE]
                )
                session.flush()

        self._database.write(write)

    def agreed(self) -> list[Agreed]:
        """What was derived last, by item."""
        with self._database.read() as session:
            rows = session.scalars(select(ConsensusRow).order_by(ConsensusRow.item_id))
            return [Agreed(**{name: getattr(row, name) for name in Agreed.__slots__}) for row in rows]

    def adjudicated(self) -> dict[str, Rating]:
        """The adjudicators' valid judgements by item; the newest where several settled one."""
        query = valid_ratings().where(RatingRow.source == RatingSource.ADJUDICATOR.value)
        with self._database.read() as session:
            rows = session.scalars(query.options(selectinload(RatingRow.categories)).order_by(RatingRow.created_at))
            return {row.item_id or "": to_rating(row) for row in rows}
