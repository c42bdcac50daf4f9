"""The tables. Rows never leave `ru1_app.store`; a change here needs a migration beside `0001_initial`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: UTC in the table, aware in Python (SQLite itself forgets the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("A stored moment needs a time zone.")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        dict[str, Any] | None: JSON(none_as_null=True),
        dict[str, list[str]]: JSON,
        list[float]: JSON,
        list[list[float]]: JSON,
        list[str]: JSON,
        str: Text,
    }


class ImageRow(Base):
    __tablename__ = "images"

    sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]


class SampleRow(Base):
    __tablename__ = "samples"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    corrupted_sha: Mapped[str] = mapped_column(ForeignKey("images.sha"))
    reference_sha: Mapped[str | None] = mapped_column(ForeignKey("images.sha"))
    split_group: Mapped[str] = mapped_column(String(64), index=True)
    corruption: Mapped[str | None]
    corruption_name: Mapped[str | None] = mapped_column(index=True)  # of a chain: joined with +
    severity: Mapped[float | None]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[str]
    license: Mapped[str | None]
    question: Mapped[str | None]
    options: Mapped[list[str]]
    expected: Mapped[str | None]


class RecoveryRow(Base):
    __tablename__ = "recoveries"
    __table_args__ = (Index("ix_recoveries_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sample_id: Mapped[str] = mapped_column(ForeignKey("samples.id"), index=True)
    image_sha: Mapped[str] = mapped_column(ForeignKey("images.sha"))
    uncertainty_sha: Mapped[str | None] = mapped_column(ForeignKey("images.sha"))
    model_id: Mapped[str] = mapped_column(String(200), index=True)
    model_revision: Mapped[str] = mapped_column(String(200))
    model_engine: Mapped[str] = mapped_column(String(200))
    seed: Mapped[int] = mapped_column(BigInteger)
    settings: Mapped[dict[str, Any]]
    seconds: Mapped[float]
    app_version: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    uncertainty_kind: Mapped[str | None] = mapped_column(String(32))
    unsure_share: Mapped[float | None] = mapped_column(index=True)
    unsure_regions: Mapped[list[list[float]]]
    sample_answers: Mapped[dict[str, list[str]]]
    trace: Mapped[str | None]

    sample: Mapped[SampleRow] = relationship(lazy="raise")
    answers: Mapped[list[AnswerRow]] = relationship(lazy="raise", order_by="AnswerRow.position")
    scores: Mapped[list[ScoreRow]] = relationship(lazy="raise", order_by="ScoreRow.position")
    ratings: Mapped[list[RatingRow]] = relationship(lazy="raise", order_by="(RatingRow.created_at, RatingRow.id)")


class AnswerRow(Base):
    __tablename__ = "answers"

    recovery_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    condition: Mapped[str] = mapped_column(String(32))
    text: Mapped[str]
    choice: Mapped[str | None]
    confidence: Mapped[float | None]
    in_scope: Mapped[bool]
    note: Mapped[str | None]
    seconds: Mapped[float]
    probabilities: Mapped[list[float]]
    reading: Mapped[dict[str, Any]]
    model_id: Mapped[str] = mapped_column(String(200))
    model_revision: Mapped[str] = mapped_column(String(200))
    model_engine: Mapped[str] = mapped_column(String(200))


class ScoreRow(Base):
    __tablename__ = "scores"
    __table_args__ = (Index("ix_scores_scorer_pair_recovery_id_value", "scorer", "pair", "recovery_id", "value"),)

    recovery_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pair: Mapped[str] = mapped_column(String(32))
    scorer: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(64))
    value: Mapped[float | None]
    reason: Mapped[str | None]
    model: Mapped[str | None]


class RatingRow(Base):
    __tablename__ = "ratings"
    __table_args__ = (
        CheckConstraint("severity BETWEEN 0 AND 3", name="severity"),
        CheckConstraint("confidence BETWEEN 1 AND 3", name="confidence"),
        CheckConstraint("global_rating BETWEEN 1 AND 5", name="global_rating"),
        UniqueConstraint("supersedes"),
        # One rating per person, recovery, stage and round; corrections hang on it as a chain.
        Index(
            "uq_ratings_first",
            "recovery_id",
            "rater_id",
            "source",
            "stage",
            "round",
            unique=True,
            sqlite_where=text("supersedes IS NULL"),
            postgresql_where=text("supersedes IS NULL"),
        ),
        Index("ix_ratings_verdict_recovery_id", "verdict", "recovery_id"),
        Index("ix_ratings_source_recovery_id", "source", "recovery_id"),
        Index("ix_ratings_rater_id_created_at", "rater_id", "created_at"),
        Index("ix_ratings_item_id", "item_id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    recovery_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(String(32))
    stage: Mapped[str] = mapped_column(String(32))
    verdict: Mapped[str] = mapped_column(String(32))
    severity: Mapped[int]
    answer_impact: Mapped[str] = mapped_column(String(32))
    comment: Mapped[str]
    rater_id: Mapped[str] = mapped_column(String(64))
    consent: Mapped[bool]
    confidence: Mapped[int | None]
    taxonomy_version: Mapped[str] = mapped_column(String(32))
    guideline_version: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("ratings.id"))
    item_id: Mapped[str | None] = mapped_column(ForeignKey("items.id"))
    round: Mapped[int]
    shown_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    supported_by_input: Mapped[str | None] = mapped_column(String(32))
    global_rating: Mapped[int | None]
    guard: Mapped[str | None] = mapped_column(String(32))

    categories: Mapped[list[RatingCategoryRow]] = relationship(lazy="raise", order_by="RatingCategoryRow.code")
    regions: Mapped[list[RatingRegionRow]] = relationship(lazy="raise", order_by="RatingRegionRow.position")


class RatingCategoryRow(Base):
    __tablename__ = "rating_categories"
    __table_args__ = (CheckConstraint("severity BETWEEN 0 AND 3", name="severity"),)

    rating_id: Mapped[str] = mapped_column(ForeignKey("ratings.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    severity: Mapped[int]


class RatingRegionRow(Base):
    __tablename__ = "rating_regions"

    rating_id: Mapped[str] = mapped_column(ForeignKey("ratings.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    x0: Mapped[float]
    y0: Mapped[float]
    x1: Mapped[float]
    y1: Mapped[float]
    category: Mapped[str | None] = mapped_column(String(64))


class PersonRow(Base):
    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("provider", "name"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    provider: Mapped[str] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(String(200))
    secret: Mapped[str | None]  # argon2 hash
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    gate_passed_at: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]


class SignInRow(Base):
    __tablename__ = "sign_ins"

    token_sha: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ItemRow(Base):
    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint("overlap >= 1", name="overlap"),
        Index("ix_items_purpose_state_rank", "purpose", "state", "rank"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(16))
    recovery_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id", ondelete="CASCADE"), index=True)
    other_id: Mapped[str | None] = mapped_column(ForeignKey("recoveries.id", ondelete="CASCADE"), index=True)
    overlap: Mapped[int]
    rank: Mapped[float]
    count: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    key: Mapped[dict[str, Any] | None]
    position: Mapped[int | None]
    created_at: Mapped[datetime]


class TurnRow(Base):
    __tablename__ = "turns"
    __table_args__ = (Index("ix_turns_rater_id_state_finished_at", "rater_id", "state", "finished_at"),)

    item_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    rater_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    tab: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    opened: Mapped[dict[str, Any]]
    finished_at: Mapped[datetime | None]  # of the first judgement, or of the skip
    reason: Mapped[str | None]  # of a skip


class DraftRow(Base):
    __tablename__ = "drafts"

    item_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    rater_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16))
    body: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class PairVoteRow(Base):
    __tablename__ = "pair_votes"
    __table_args__ = (
        UniqueConstraint("supersedes"),
        Index(
            "uq_pair_votes_first", "item_id", "rater_id", "round", unique=True,
            sqlite_where=text("supersedes IS NULL"), postgresql_where=text("supersedes IS NULL"),
        ),
        Index("ix_pair_votes_rater_id_created_at", "rater_id", "created_at"),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"))
    rater_id: Mapped[str] = mapped_column(String(64))
    left_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id"))
    right_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id"))
    choice: Mapped[str] = mapped_column(String(16))
    comment: Mapped[str]
    created_at: Mapped[datetime]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    round: Mapped[int]
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("pair_votes.id"))


class AuditRow(Base):
    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str]
    detail: Mapped[str]  # canonical JSON, as it was hashed
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ConsensusRow(Base):
    """Derived from the ratings, and made again from them at any time."""

    __tablename__ = "consensus"

    item_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    recovery_id: Mapped[str] = mapped_column(ForeignKey("recoveries.id", ondelete="CASCADE"), index=True)
    verdict: Mapped[str | None] = mapped_column(String(32), index=True)  # None: no majority
    severity: Mapped[int | None]
    raters: Mapped[int]
    share: Mapped[float]  # of the raters who say the verdict
    modelled: Mapped[str | None] = mapped_column(String(32))  # the verdict by Dawid and Skene
    certainty: Mapped[float | None]  # its posterior probability
    elusive: Mapped[bool]  # blind faithful, misleading beside the reference
    adjudicated: Mapped[bool]
    computed_at: Mapped[datetime]


class ViewRow(Base):
    __tablename__ = "views"

    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    filters: Mapped[dict[str, Any]]
    owner: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
