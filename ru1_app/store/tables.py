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
        UniqueConstraint("supersedes"),
        # One rating per person, recovery and stage; corrections hang on it as a chain.
        Index(
            "uq_ratings_first",
            "recovery_id",
            "rater_id",
            "source",
            "stage",
            unique=True,
            sqlite_where=text("supersedes IS NULL"),
            postgresql_where=text("supersedes IS NULL"),
        ),
        Index("ix_ratings_verdict_recovery_id", "verdict", "recovery_id"),
        Index("ix_ratings_source_recovery_id", "source", "recovery_id"),
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
