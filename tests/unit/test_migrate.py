"""The database's revision: made on first use, upgraded on request, refused where it does not fit."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from ru1_app.config import Settings
from ru1_app.domain import Case
from ru1_app.errors import Unavailable
from ru1_app.store.blobs import Blobs
from ru1_app.store.engine import make_engine
from ru1_app.store.migrate import current_revision, upgrade
from ru1_app.store.sql import Store
from ru1_app.store.tables import Base
from tests.factories import make_case
from tests.unit.test_store import rated


def test_sqlite_runs_in_wal_mode_with_foreign_keys(settings: Settings) -> None:
    with make_engine(settings.url).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_migrations_make_exactly_the_tables(settings: Settings) -> None:
    upgrade(settings.url)
    with make_engine(settings.url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def fill_first_revision(url: str, blobs: Path) -> Case:
    """A database as revision 0001 left it, with one rated case, written with nothing of today's tables."""
    case, images = make_case()
    answers = tuple(
        replace(each, answered=replace(each.answered, probabilities=(), reading=None)) for each in case.answers
    )
    case = rated(replace(case, recovery=replace(case.recovery, uncertainty=None), scores=(), answers=answers))
    upgrade(url, "0001")
    store = Blobs(blobs)
    sample, recovery, rating = case.sample, case.recovery, case.ratings[0]
    assert sample.question
    model = {f"model_{name}": getattr(recovery.model, name) for name in ("id", "revision", "engine")}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("images", {"sha": store.put(data), "bytes": len(data), "width": 28, "height": 24}) for data in images.values()
    ]
    rows.append(("samples", {
        "id": sample.id, "corrupted_sha": sample.corrupted_sha, "reference_sha": sample.reference_sha,
        "split_group": sample.split_group, "corruption": sample.corruption, "corruption_name": "gaussian_noise",
        "severity": sample.severity, "seed": sample.seed, "source": sample.source, "license": sample.license,
        "question": sample.question.text, "options": json.dumps(sample.question.options),
        "expected": sample.question.expected,
    }))  # fmt: skip
    rows.append(("recoveries", {
        "id": recovery.id, "sample_id": sample.id, "image_sha": recovery.image_sha,
        "uncertainty_sha": recovery.uncertainty_sha, **model, "seed": recovery.seed,
        "settings": json.dumps(dict(recovery.settings)), "seconds": recovery.seconds,
        "app_version": recovery.app_version, "created_at": recovery.created_at.replace(tzinfo=None).isoformat(" "),
    }))  # fmt: skip
    for position, answer in enumerate(case.answers):
        model = {f"model_{name}": getattr(answer.model, name) for name in ("id", "revision", "engine")}
        said = answer.answered
        rows.append(("answers", {
            "recovery_id": recovery.id, "position": position, "condition": answer.condition, "text": said.text,
            "choice": said.choice, "confidence": said.confidence, "in_scope": said.in_scope, "note": said.note,
            "seconds": said.seconds, **model,
        }))  # fmt: skip
    rows.append(("ratings", {
        "id": rating.id, "recovery_id": recovery.id, "source": rating.source, "stage": rating.stage,
        "verdict": rating.verdict, "severity": rating.severity, "answer_impact": rating.answer_impact,
        "comment": rating.comment, "rater_id": rating.rater_id, "consent": True,
        "taxonomy_version": rating.taxonomy_version, "guideline_version": rating.guideline_version,
        "created_at": rating.created_at.replace(tzinfo=None).isoformat(" "),
    }))  # fmt: skip
    engine = make_engine(url)
    with engine.begin() as connection:
        for table, row in rows:
            marks = ", ".join(f":{name}" for name in row)
            values = {name: str(value) if isinstance(value, StrEnum) else value for name, value in row.items()}
            connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"), values)
    engine.dispose()
    return case


def test_an_old_database_is_refused_then_upgraded(settings: Settings) -> None:
    case = fill_first_revision(settings.url, settings.blob_dir)
    with pytest.raises(Unavailable, match="ru1 db upgrade"):
        Store(settings.url, settings.blob_dir)
    upgrade(settings.url)
    store = Store(settings.url, settings.blob_dir)
    assert case.answers
    assert store.case(case.id) == case
    assert [found.id for found in store.cases(corruption="gaussian_noise")] == [case.id]
    chained, images = make_case(1)
    spec = "fog@mid+gaussian_noise@low#1"
    store.add_case(rated(replace(chained, sample=replace(chained.sample, corruption=spec, severity=None))), images)
    assert {found.id for found in store.cases(corruption="gaussian_noise")} == {case.id, chained.id}
    assert [found.id for found in store.cases(corruption="fog")] == [chained.id]
    assert not store.cases(corruption="noise")


def test_tables_without_a_revision_are_refused(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with sqlite3.connect(settings.data_dir / "ru1.sqlite3") as raw:
        raw.execute("CREATE TABLE mine (id INTEGER)")
    with pytest.raises(Unavailable, match="does not know"):
        Store(settings.url, settings.blob_dir)


def test_a_file_that_is_no_database_is_said_to_be_none(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "ru1.sqlite3").write_text("no database " * 100)
    for look in (lambda: Store(settings.url, settings.blob_dir), lambda: current_revision(settings.url)):
        with pytest.raises(Unavailable, match="cannot be opened"):
            look()


@pytest.mark.parametrize("url", ["nonsense", "nosuch://x", ""])
def test_an_address_that_is_none_is_said_to_be_none(settings: Settings, url: str) -> None:
    with pytest.raises(Unavailable, match="RU1_DATABASE_URL"):
        Store(url, settings.blob_dir)


def test_a_newer_database_is_refused(settings: Settings) -> None:
    upgrade(settings.url)
    with make_engine(settings.url).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="9999"):
        Store(settings.url, settings.blob_dir)


@pytest.mark.parametrize("name", ["what?", "50%41", "a b", "#1", "über", "it's"])
def test_a_data_folder_of_any_name_holds_its_database(tmp_path: Path, name: str) -> None:
    settings = Settings(data_dir=tmp_path / name)
    Store(settings.url, settings.blob_dir).close()
    assert (tmp_path / name / "ru1.sqlite3").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
