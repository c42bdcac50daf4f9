"""The database's revision: made on first use, upgraded on request, refused where it does not fit."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.store import migrate
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


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.add_column("samples", sa.Column("note", sa.Text(), nullable=True))
"""


def test_an_old_database_is_refused_then_upgraded(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, images = make_case()
    Store(settings.url, settings.blob_dir).add_case(rated(case), images)
    later = shutil.copytree(migrate.MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (later / "versions" / "0002_next.py").write_text(NEXT)
    monkeypatch.setattr(migrate, "MIGRATIONS", later)
    with pytest.raises(Unavailable, match="ru1 db upgrade"):
        Store(settings.url, settings.blob_dir)
    upgrade(settings.url)
    assert current_revision(settings.url) == "0002"
    assert Store(settings.url, settings.blob_dir).case(case.id).sample == case.sample


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


def test_a_data_folder_that_no_database_address_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="RU1_DATA_DIR"):
        _ = Settings(data_dir=tmp_path / "what?").url
