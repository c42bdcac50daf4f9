"""Reads what a release is made of: cases with their judgements, sample by sample, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from ru1_app.domain import Case, RatingSource, Sample
from ru1_app.items import Item, ItemKind, PairVote, Purpose, Role
from ru1_app.store.database import Database
from ru1_app.store.desk_rows import to_item, to_vote
from ru1_app.store.filters import Filters
from ru1_app.store.gallery_where import where
from ru1_app.store.rows import to_case
from ru1_app.store.seen_sql import Viewer
from ru1_app.store.sql import loaded
from ru1_app.store.tables import ItemRow, PairVoteRow, RatingRow, RecoveryRow, SampleRow

PAGE = 200  # cases read at once

Chosen = tuple[str, str]
"""The ids of a sample and of one recovery of it."""


@dataclass(frozen=True, slots=True)
class Vote:
    """A pair vote with the item that it is of."""

    item: Item
    vote: PairVote


@dataclass(frozen=True, slots=True)
class Group:
    """One sample with the chosen recoveries of it, and every vote on one of them, superseded ones too."""

    sample: Sample
    cases: tuple[Case, ...]
    votes: tuple[Vote, ...]


class Released:
    """Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def judged(self, filters: Filters, *, flags_only: bool = False) -> list[Chosen]:
        """Recoveries that somebody judged or voted on and that meet the filters, by sample; never gold or training.

        `flags_only`: those that visitors flagged and nobody else judged, by filters that see no more than that.
        """
        flag = RatingRow.source == RatingSource.VISITOR.value
        rated = select(RatingRow.recovery_id)
        voted = [
            select(column).join(PairVoteRow, PairVoteRow.item_id == ItemRow.id)
            for column in (ItemRow.recovery_id, ItemRow.other_id)
        ]
        some: ColumnElement[bool] = (
            RecoveryRow.id.in_(rated) | RecoveryRow.id.in_(voted[0]) | RecoveryRow.id.in_(voted[1])
        )
        viewer = Viewer(role=Role.LEAD)
        if flags_only:
            others = (RecoveryRow.id.not_in(each) for each in (rated.where(~flag), *voted))
            some, viewer = and_(RecoveryRow.id.in_(rated.where(flag)), *others), Viewer()
        query = select(RecoveryRow.sample_id, RecoveryRow.id).where(some, *where(filters, viewer))
        with self._database.read() as session:
            return sorted((sample, recovery) for sample, recovery in session.execute(query))

    def licenses(self) -> list[str | None]:
        """The licences of all samples, by name; None stands for samples without one."""
        with self._database.read() as session:
            found = session.scalars(select(SampleRow.license).distinct())
            return sorted(found, key=lambda name: (name is None, name))

    def groups(self, chosen: Sequence[Chosen]) -> Iterator[Group]:
        """The samples of these recoveries, in their order; what was removed meanwhile is left out."""
        for page in _pages(chosen):
            with self._database.read() as session:
                found = _groups(session, page)
            yield from found


def _pages(chosen: Sequence[Chosen]) -> Iterator[Sequence[Chosen]]:
    """Pages that end between two samples."""
    start = 0
    while start < len(chosen):
        end = min(start + PAGE, len(chosen))
        while end < len(chosen) and chosen[end][0] == chosen[end - 1][0]:
            end += 1
        yield chosen[start:end]
        start = end


def _groups(session: Session, page: Sequence[Chosen]) -> list[Group]:
    ids = [recovery for _, recovery in page]
    rows = session.scalars(loaded(select(RecoveryRow).where(RecoveryRow.id.in_(ids))))
    cases = {row.id: to_case(row) for row in rows}
    votes: dict[str, list[Vote]] = {}
    query = select(PairVoteRow, ItemRow).join(ItemRow, ItemRow.id == PairVoteRow.item_id)
    pairs = (ItemRow.kind == ItemKind.PAIR.value, ItemRow.purpose == Purpose.WORK.value)
    either = ItemRow.recovery_id.in_(ids) | ItemRow.other_id.in_(ids)
    for vote, item in session.execute(query.where(*pairs, either).order_by(PairVoteRow.id)):
        of = item.recovery_id if item.recovery_id in cases else str(item.other_id)
        votes.setdefault(of, []).append(Vote(to_item(item), to_vote(vote)))
    found: dict[str, list[Case]] = {}
    for sample, recovery in page:
        if recovery in cases:
            found.setdefault(sample, []).append(cases[recovery])
    return [
        Group(some[0].sample, tuple(some), tuple(vote for case in some for vote in votes.get(case.id, ())))
        for some in found.values()
    ]
