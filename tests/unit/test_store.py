"""The store: what goes in comes out, all or nothing, from many threads, on every revision."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ru1_app.config import Settings
from ru1_app.domain import Case, Question, RatingSource, Verdict
from ru1_app.errors import Conflict, InvalidInput, NotFound, Unavailable
from ru1_app.flagging import FlagForm, make_rating
from ru1_app.protocol import load_protocol
from ru1_app.store.engine import make_engine
from ru1_app.store.migrate import current_revision, upgrade
from ru1_app.store.sql import Store
from ru1_app.store.tables import Base
from tests.factories import make_case


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.url, settings.blob_dir)


def rated(case: Case, verdict: str = "misleading", session: str = "s1") -> Case:
    severity = load_protocol().verdict(verdict).default
    form = FlagForm(verdict=verdict, severity=severity, consent=True, session_id=session)
    return replace(case, ratings=(make_rating(load_protocol(), case.id, form, datetime.now(UTC)),))


def test_a_case_comes_back_as_it_was(store: Store) -> None:
    case, images = make_case()
    case = rated(case)
    store.add_case(case, images)
    assert store.case(case.id) == case
    for sha, data in images.items():
        assert store.image(sha) == data
        assert store.image_path(sha).read_bytes() == data


@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=60))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
def test_any_text_survives(store: Store, text: str) -> None:
    case, images = make_case()
    sample = replace(case.sample, question=Question(text, (text, text + "x")), source=text)
    case = rated(replace(case, sample=sample))
    store.add_case(case, images)
    assert store.case(case.id) == case


def test_cases_are_listed_newest_first_and_in_pages(store: Store) -> None:
    made = []
    for seed in range(5):
        case, images = make_case(seed)
        case = rated(case, "misleading" if seed % 2 else "faithful")
        store.add_case(case, images)
        made.append(case)
    newest = [case.id for case in reversed(made)]
    assert [case.id for case in store.cases()] == newest
    first = store.cases(limit=2)
    assert [case.id for case in store.cases(limit=2, after=first[-1].id)] == newest[2:4]
    assert {case.id for case in store.cases(verdict=Verdict.FAITHFUL)} == {made[k].id for k in (0, 2, 4)}
    assert store.cases(source=RatingSource.RATER) == []
    assert store.cases(corruption="fog") == []
    assert store.count_cases() == 5
    assert [case.id for case in store.iter_cases()] == sorted(newest)


def test_a_case_twice_is_a_conflict(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    with pytest.raises(Conflict):
        store.add_case(rated(case), images)


def test_a_case_whose_images_are_not_given_stores_nothing(store: Store, settings: Settings) -> None:
    case, images = make_case()
    del images[case.recovery.image_sha]
    with pytest.raises(InvalidInput):
        store.add_case(rated(case), images)
    assert store.count_cases() == 0
    assert not list(settings.blob_dir.rglob("*.png"))


def test_a_failing_transaction_leaves_no_row(store: Store, settings: Settings) -> None:
    case, images = make_case()
    bad = rated(case)
    bad = replace(bad, ratings=(replace(bad.ratings[0], severity=9),))
    with pytest.raises(Conflict):
        store.add_case(bad, images)
    with sqlite3.connect(settings.data_dir / "ru1.sqlite3") as raw:
        counts = [
            raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("recoveries", "samples", "images")
        ]
    assert counts == [0, 0, 0]


def test_eight_threads_write_and_nothing_is_lost(store: Store) -> None:
    made = [make_case(seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: store.add_case(rated(pair[0]), pair[1]), made))
    assert store.count_cases() == 16


def test_the_same_person_rates_a_recovery_once(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    with pytest.raises(Conflict):
        store.add_rating(rated(case).ratings[0])
    store.add_rating(rated(case, session="s2").ratings[0])
    assert len(store.case(case.id).ratings) == 2


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "0" * 64])
def test_unknown_names_are_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFound):
        store.image(name)
    with pytest.raises(NotFound):
        store.case(name)


def test_sqlite_runs_in_wal_mode_with_foreign_keys(settings: Settings) -> None:
    with make_engine(settings.url).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_migrations_make_exactly_the_tables(settings: Settings) -> None:
    upgrade(settings.url)
    with make_engine(settings.url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_an_old_database_is_refused_then_upgraded(settings: Settings) -> None:
    upgrade(settings.url, "0001")
    engine = make_engine(settings.url)
    with engine.begin() as connection:  # as a database from before the first revision's stamp
        connection.exec_driver_sql("DELETE FROM alembic_version")
    with pytest.raises(Unavailable):
        Store(settings.url, settings.blob_dir)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
    upgrade(settings.url)
    assert Store(settings.url, settings.blob_dir).count_cases() == 0
    assert current_revision(settings.url) == "0001"


def test_a_newer_database_is_refused(settings: Settings) -> None:
    upgrade(settings.url)
    with make_engine(settings.url).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="9999"):
        Store(settings.url, settings.blob_dir)


def test_a_damaged_blob_is_noticed(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    path: Path = store.image_path(case.recovery.image_sha)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Unavailable, match="damaged"):
        store.image(case.recovery.image_sha)
