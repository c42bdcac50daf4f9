"""The gallery's filters as conditions on `RecoveryRow`. Each is answered from an index or from one row of the case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import aliased

from ru1_app.domain import Condition, PairKind
from ru1_app.items import ItemState, Purpose, Role
from ru1_app.store.filters import CONSENSUS, GAIN, Filters
from ru1_app.store.seen_sql import FINISHED, Viewer, readable, waiting_for
from ru1_app.store.tables import AnswerRow, ConsensusRow, ItemRow, RatingCategoryRow, RatingRow, RecoveryRow

from ru1_app.store.tables import SampleRow, ScoreRow  # isort: skip

Clause = ColumnElement[bool]


def where(filters: Filters, viewer: Viewer) -> list[Clause]:
    """What a case must meet."""
    known = exists().where(ItemRow.recovery_id == RecoveryRow.id, ItemRow.purpose != Purpose.WORK.value)
    clauses = [
        ~known,
        *_of_sample(filters),
        *_of_recovery(filters),
        *_of_item(filters, viewer),
        *_said(filters, viewer),
    ]
    tells = filters.score or filters.model or filters.flip  # what a rater is not told before the blind judgement
    if tells and viewer.role.may(Role.RATER) and not viewer.all:
        clauses.append(RecoveryRow.id.not_in(waiting_for(viewer)))
    return clauses


def judged(viewer: Viewer) -> list[Clause]:
    """Of `RatingRow`: valid, and the viewer may read it."""
    later = aliased(RatingRow)
    return [~exists().where(later.supersedes == RatingRow.id), readable(viewer)]


def consensus_of(viewer: Viewer, ids: Sequence[str] | None = None) -> Select[Any]:
    """What raters say together, as far as the viewer may read it."""
    query = select(ConsensusRow)
    if ids is not None:
        query = query.where(ConsensusRow.recovery_id.in_(ids))
    if viewer.all:
        return query
    return query.where(exists().where(ItemRow.id == ConsensusRow.item_id, ItemRow.state.in_(FINISHED)))


def _of_sample(filters: Filters) -> list[Clause]:
    clauses: list[Clause] = []
    if filters.corruption:
        within = "+" + SampleRow.corruption_name + "+"
        clauses.append(or_(*(within.contains(f"+{name}+", autoescape=True) for name in filters.corruption)))
    if filters.strength_low is not None:
        clauses.append(SampleRow.severity >= filters.strength_low - 1e-9)
    if filters.strength_high is not None:
        clauses.append(SampleRow.severity <= filters.strength_high + 1e-9)
    if filters.text:
        clauses.append(SampleRow.question.icontains(filters.text, autoescape=True))
    return [RecoveryRow.sample_id.in_(select(SampleRow.id).where(*clauses))] if clauses else []


def _of_recovery(filters: Filters) -> list[Clause]:
    clauses: list[Clause] = []
    if filters.model:
        clauses.append(RecoveryRow.model_id.in_(filters.model))
    if filters.since:
        clauses.append(RecoveryRow.created_at >= datetime.combine(filters.since, time(), UTC))
    if filters.until:
        clauses.append(RecoveryRow.created_at < datetime.combine(filters.until + timedelta(days=1), time(), UTC))
    if filters.score:
        clauses.append(_scored(filters))
    if filters.flip:
        clauses.append(_flipped())
    return clauses


def _scored(filters: Filters) -> Clause:
    scorer, _, pair = filters.score.partition(".")
    row = aliased(ScoreRow)
    value: Any = row.value
    wanted = [row.scorer == scorer, row.value.is_not(None)]
    query = select(row.recovery_id)
    if pair == GAIN:
        before = aliased(ScoreRow)
        query = query.join(before, and_(before.recovery_id == row.recovery_id, before.scorer == row.scorer))
        wanted += [row.pair == PairKind.RECOVERED_REFERENCE.value, before.pair == PairKind.CORRUPTED_REFERENCE.value]
        wanted.append(before.value.is_not(None))
        value = row.value - before.value
    else:
        wanted.append(row.pair == pair)
    if filters.score_low is not None:
        wanted.append(value >= filters.score_low)
    if filters.score_high is not None:
        wanted.append(value <= filters.score_high)
    return RecoveryRow.id.in_(query.where(*wanted))


def _flipped() -> Clause:
    """The answer from the corrupted image was the right letter, and that from both another."""
    before, after = aliased(AnswerRow), aliased(AnswerRow)
    query = (
        select(before.recovery_id)
        .join(after, and_(after.recovery_id == before.recovery_id, after.condition == Condition.BOTH.value))
        .join(RecoveryRow, RecoveryRow.id == before.recovery_id)
        .join(SampleRow, SampleRow.id == RecoveryRow.sample_id)
        .where(before.condition == Condition.CORRUPTED.value, before.choice == SampleRow.expected)
        .where(after.choice != SampleRow.expected)
    )
    return RecoveryRow.id.in_(query)


def _of_item(filters: Filters, viewer: Viewer) -> list[Clause]:
    clauses: list[Clause] = []
    states = set(filters.state)
    if filters.disputed:
        states = states & {ItemState.DISPUTED.value} if states else {ItemState.DISPUTED.value}
    if filters.state or filters.disputed:
        work = (ItemRow.purpose == Purpose.WORK.value, ItemRow.state.in_(sorted(states)))
        clauses.append(RecoveryRow.id.in_(select(ItemRow.recovery_id).where(*work)))
    agreed = consensus_of(viewer).with_only_columns(ConsensusRow.recovery_id)
    wanted: list[Clause] = [ConsensusRow.elusive.is_(True)] if filters.elusive else []
    if filters.verdict_of == CONSENSUS:
        wanted += [ConsensusRow.verdict.in_(filters.verdict)] if filters.verdict else []
        wanted += _severity(filters, ConsensusRow.severity)
    if wanted:
        clauses.append(RecoveryRow.id.in_(agreed.where(*wanted)))
    return clauses


def _said(filters: Filters, viewer: Viewer) -> list[Clause]:
    clauses: list[Clause] = []
    if filters.verdict_of != CONSENSUS:
        clauses += [RatingRow.verdict.in_(filters.verdict)] if filters.verdict else []
        clauses += _severity(filters, RatingRow.severity)
    if filters.impact:
        clauses.append(RatingRow.answer_impact.in_(filters.impact))
    if filters.source:
        clauses.append(RatingRow.source.in_(filters.source))
    if filters.category:
        codes = RatingCategoryRow.code.in_(filters.category)
        clauses.append(exists().where(RatingCategoryRow.rating_id == RatingRow.id, codes))
    if not clauses:
        return []
    return [RecoveryRow.id.in_(select(RatingRow.recovery_id).where(*clauses, *judged(viewer)))]


def _severity(filters: Filters, column: Any) -> list[Clause]:
    found: list[Clause] = []
    if filters.severity_low is not None:
        found.append(column >= filters.severity_low)
    if filters.severity_high is not None:
        found.append(column <= filters.severity_high)
    return found
