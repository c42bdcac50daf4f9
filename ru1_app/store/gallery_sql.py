"""The cases gallery: pages, counts and facets of what a viewer may see. Gold and training items are left out always.

Nobody finds by a filter what they may not read: a judgement that is hidden from the viewer matches nothing, and is
counted nowhere. Who may read what is said once, in `seen_sql`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, distinct, func, select, tuple_
from sqlalchemy.orm import Session, selectinload

from ru1_app.errors import InvalidInput, NotFound
from ru1_app.items import Item, Purpose
from ru1_app.store.database import Database
from ru1_app.store.desk_rows import to_item
from ru1_app.store.filters import Filters
from ru1_app.store.gallery_where import consensus_of, judged, where
from ru1_app.store.seen_sql import Viewer, is_waiting, judged_items
from ru1_app.store.tables import ConsensusRow, ItemRow, RatingCategoryRow, RatingRow, RecoveryRow, SampleRow, ScoreRow

ORDERS = ("newest", "oldest", "severe", "unsure")
MOST = 100  # cases of one page
RECENT = 200  # cases whose scores are offered as filters


@dataclass(frozen=True, slots=True)
class Said:
    """How many judgements of one source say a verdict."""

    verdict: str
    source: str
    count: int


@dataclass(frozen=True, slots=True)
class Card:
    """A case as the gallery shows it: what the viewer may see of it."""

    id: str
    corrupted_sha: str
    recovered_sha: str
    corruption: str | None
    model: str  # "" while it is hidden
    question: str | None
    created_at: datetime
    item: Item | None  # of the queue
    agreed: str | None  # the verdict of the consensus
    severity: int | None  # and its severity
    elusive: bool
    waiting: bool  # for the viewer's own blind judgement
    said: tuple[Said, ...]
    comment: str  # the newest


@dataclass(frozen=True, slots=True)
class Facets:
    """How many cases there would be with each value, everything else as it is filtered."""

    counts: dict[str, dict[str, int]]
    scores: tuple[str, ...]  # that recent cases have, as scorer.pair


class GallerySql:
    """Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, filters: Filters, viewer: Viewer, order: str = "newest", after: str = "", limit: int = 24
    ) -> list[Card]:
        """A page of cases; `after` is the id of the last case of the page before.

        Raises:
            InvalidInput: there is no such order.
            NotFound: there is no case to go on from.
        """
        if order not in ORDERS:
            raise InvalidInput(f"There is no order {str(order)[:64]!r}; use {', '.join(ORDERS)}.")
        key = _key(order, viewer)
        query = select(RecoveryRow).where(*where(filters, viewer)).options(selectinload(RecoveryRow.sample))
        columns = [each.asc() if order == "oldest" else each.desc() for each in key]
        with self._database.read() as session:
            if after:
                last = session.execute(select(*key).where(RecoveryRow.id == after)).one_or_none()
                if last is None:
                    raise NotFound(f"There is no case {after[:64]!r} to go on from.")
                place = tuple_(*key)
                query = query.where(place > tuple(last) if order == "oldest" else place < tuple(last))
            rows = session.scalars(query.order_by(*columns).limit(min(max(limit, 1), MOST))).all()
            return _cards(session, rows, viewer)

    def count(self, filters: Filters, viewer: Viewer) -> int:
        """How many cases there are."""
        query = select(func.count()).select_from(RecoveryRow).where(*where(filters, viewer))
        with self._database.read() as session:
            return session.scalar(query) or 0

    def facets(self, filters: Filters, viewer: Viewer) -> Facets:
        """Counts for the filter controls: each field with what the others let through."""
        counts: dict[str, dict[str, int]] = {}
        with self._database.read() as session:
            for name in ("corruption", "model", "verdict", "category", "state", "source"):
                unset: dict[str, Any] = {name: ()}
                rows = session.execute(_facet(name, replace(filters, **unset), viewer))
                counts[name] = {str(value): count for value, count in rows if value is not None}
            chains, counts["corruption"] = counts["corruption"], {}
            for name, count in chains.items():  # of a chain: each of its corruptions
                for each in set(name.split("+")):
                    counts["corruption"][each] = counts["corruption"].get(each, 0) + count
            recent = select(RecoveryRow.id).order_by(RecoveryRow.created_at.desc()).limit(RECENT).subquery()
            pairs = (
                select(ScoreRow.scorer + "." + ScoreRow.pair)
                .distinct()
                .where(ScoreRow.recovery_id.in_(select(recent.c.id)), ScoreRow.value.is_not(None))
            )
            return Facets(counts, tuple(sorted(session.scalars(pairs))))

    def items_of(self, recovery_id: str) -> list[Item]:
        """The items of the queue that show a case."""
        query = select(ItemRow).where(ItemRow.recovery_id == recovery_id).order_by(ItemRow.id)
        with self._database.read() as session:
            return [to_item(row) for row in session.scalars(query)]

    def has_judged(self, item_id: str, viewer: Viewer) -> bool:
        """Whether the viewer has judged the item."""
        with self._database.read() as session:
            return item_id in judged_items(session, [item_id], viewer)

    def case_of(self, some_id: str) -> str:
        """The id of a case, from its own or that of an item; `NotFound` where there is neither."""
        with self._database.read() as session:
            if "\0" not in some_id:
                if session.get(RecoveryRow, some_id) is not None:
                    return some_id
                if item := session.get(ItemRow, some_id):
                    return item.recovery_id
        raise NotFound(f"There is no case {some_id[:64]!r}. It may have been flagged in another store.")

    def cards(self, ids: Sequence[str], viewer: Viewer) -> list[Card]:
        """These cases, in this order, the unknown left out."""
        query = select(RecoveryRow).where(RecoveryRow.id.in_(ids)).options(selectinload(RecoveryRow.sample))
        with self._database.read() as session:
            found = {card.id: card for card in _cards(session, session.scalars(query).all(), viewer)}
        return [found[id_] for id_ in ids if id_ in found]


def _key(order: str, viewer: Viewer) -> list[Any]:
    """The columns of an order."""
    tail: list[Any] = [RecoveryRow.created_at, RecoveryRow.id]
    if order == "unsure":
        return [func.coalesce(RecoveryRow.unsure_share, -1.0), *tail]
    if order == "severe":
        severity = consensus_of(viewer).with_only_columns(func.max(ConsensusRow.severity))
        own = severity.where(ConsensusRow.recovery_id == RecoveryRow.id).correlate(RecoveryRow).scalar_subquery()
        return [func.coalesce(own, -1), *tail]
    return tail


def _facet(name: str, filters: Filters, viewer: Viewer) -> Any:
    """Values of a field with the number of cases."""
    cases = select(RecoveryRow.id).where(*where(filters, viewer))
    if name == "model":
        return select(RecoveryRow.model_id, func.count()).where(*where(filters, viewer)).group_by(RecoveryRow.model_id)
    if name == "corruption":
        query = select(SampleRow.corruption_name, func.count()).join(RecoveryRow, RecoveryRow.sample_id == SampleRow.id)
        return query.where(*where(filters, viewer)).group_by(SampleRow.corruption_name)
    if name == "state":
        query = select(ItemRow.state, func.count(distinct(ItemRow.recovery_id)))
        work = ItemRow.purpose == Purpose.WORK.value
        return query.where(work, ItemRow.recovery_id.in_(cases)).group_by(ItemRow.state)
    number: ColumnElement[int] = func.count(distinct(RatingRow.recovery_id))
    own = (*judged(viewer), RatingRow.recovery_id.in_(cases))
    if name == "category":
        query = select(RatingCategoryRow.code, number).join(RatingRow, RatingRow.id == RatingCategoryRow.rating_id)
        return query.where(*own).group_by(RatingCategoryRow.code)
    column = RatingRow.verdict if name == "verdict" else RatingRow.source
    return select(column, number).where(*own).group_by(column)


def _cards(session: Session, rows: Sequence[RecoveryRow], viewer: Viewer) -> list[Card]:
    ids = [row.id for row in rows]
    work = (ItemRow.purpose == Purpose.WORK.value, ItemRow.kind == "single", ItemRow.recovery_id.in_(ids))
    items = {row.recovery_id: to_item(row) for row in session.scalars(select(ItemRow).where(*work))}
    agreed = {row.recovery_id: row for row in session.scalars(consensus_of(viewer, ids))}
    said: dict[str, Counter[tuple[str, str]]] = {id_: Counter() for id_ in ids}
    comments: dict[str, str] = {}
    seen = select(RatingRow.recovery_id, RatingRow.verdict, RatingRow.source, RatingRow.stage, RatingRow.comment)
    seen = seen.where(*judged(viewer), RatingRow.recovery_id.in_(ids)).order_by(RatingRow.created_at, RatingRow.id)
    for id_, verdict, source, stage, comment in session.execute(seen):
        if stage in ("open", "blind") or source == "adjudicator":  # what follows repeats the verdict
            said[id_][verdict, source] += 1
        comments[id_] = comment or comments.get(id_, "")
    done = judged_items(session, [item.id for item in items.values()], viewer)
    cards = []
    for row in rows:
        item, own = items.get(row.id), (said[row.id], comments.get(row.id, ""))
        cards.append(_card(row, item, agreed.get(row.id), is_waiting(item, done, viewer), own))
    return cards


def _card(
    row: RecoveryRow, item: Item | None, agreed: ConsensusRow | None, waiting: bool,
    words: tuple[Counter[tuple[str, str]], str],
) -> Card:  # fmt: skip
    said, comment = words
    return Card(
        id=row.id,
        corrupted_sha=row.sample.corrupted_sha,
        recovered_sha=row.image_sha,
        corruption=row.sample.corruption,
        model="" if waiting else row.model_id,
        question=row.sample.question,
        created_at=row.created_at,
        item=item,
        agreed=agreed.verdict if agreed else None,
        severity=agreed.severity if agreed else None,
        elusive=bool(agreed and agreed.elusive),
        waiting=waiting,
        said=tuple(Said(verdict, source, count) for (verdict, source), count in sorted(said.items())),
        comment=comment,
    )
