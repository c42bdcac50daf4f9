"""The store on a real PostgreSQL: the same promises as on SQLite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from ru1_app.domain import Case
from ru1_app.errors import Conflict, InvalidInput, Unavailable
from ru1_app.export import Selection, plan, write_release
from ru1_app.flagging import flag
from ru1_app.store.engine import make_engine
from ru1_app.store.migrate import current_revision, upgrade
from ru1_app.store.sql import Store
from ru1_app.store.tables import Base
from tests.factories import make_case
from tests.postgres import program, running
from tests.unit.test_flagging import GOOD
from tests.unit.test_migrate import fill_first_revision
from tests.unit.test_store import rated

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(program("initdb") is None, reason="PostgreSQL is not installed (apt-get install postgresql)"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    """The server with an empty database."""
    with make_engine(server).begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    return server


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    store = Store(url, tmp_path / "blobs")
    yield store
    store.close()


def test_the_migrations_make_exactly_the_tables(url: str) -> None:
    upgrade(url)
    with make_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_case_comes_back_as_it_was_and_is_found(store: Store) -> None:
    case, images = make_case()
    spec = "+".join(["gaussian_noise@mid"] * 8) + "#1"
    sample = replace(case.sample, corruption=spec, severity=None)
    case = rated(replace(case, sample=sample))
    store.add_case(case, images)
    assert store.case(case.id) == case
    assert [found.id for found in store.cases(corruption="gaussian_noise")] == [case.id]
    assert not store.cases(corruption="noise")
    with pytest.raises(Conflict):
        store.add_case(case, images)


def test_a_rule_that_is_broken_leaves_nothing(store: Store) -> None:
    case, images = make_case()
    bad = rated(case)
    with pytest.raises(InvalidInput, match="rule of the database"):
        store.add_case(replace(bad, ratings=(replace(bad.ratings[0], severity=9),)), images)
    assert store.count_cases() == 0


def test_many_flag_at_once_and_each_person_counts_once(store: Store) -> None:
    case, images = make_case()
    people = [f"visitor-{number % 4}" for number in range(12)]

    def one(person: str) -> bool:
        try:
            flag(store, case, images, replace(GOOD, session_id=person))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(one, people))
    assert sum(stored) == 4
    assert sorted(rating.rater_id for rating in store.case(case.id).ratings) == sorted(set(people))


def test_recoveries_of_one_sample_may_arrive_at_once_from_several_processes(url: str, tmp_path: Path) -> None:
    upgrade(url)
    stores = [Store(url, tmp_path / "blobs") for _ in range(6)]  # each has its own connections and locks
    for seed in range(6):
        made = [make_case(seed) for _ in stores]
        assert len({case.sample.id for case, _ in made}) == 1
        start = threading.Barrier(len(stores))

        def one(pair: tuple[Store, tuple[Case, dict[str, bytes]]], start: threading.Barrier = start) -> None:
            store, (case, images) = pair
            start.wait()
            store.add_case(rated(case), images)

        with ThreadPoolExecutor(len(stores)) as pool:
            list(pool.map(one, zip(stores, made, strict=True)))
    assert stores[0].count_cases() == 36
    for store in stores:
        store.close()


def test_an_old_database_is_upgraded_and_exported(url: str, tmp_path: Path) -> None:
    case = fill_first_revision(url, tmp_path / "blobs")
    with pytest.raises(Unavailable, match="ru1 db upgrade"):
        Store(url, tmp_path / "blobs")
    upgrade(url)
    assert current_revision(url) == "0004"
    store = Store(url, tmp_path / "blobs")
    assert store.case(case.id) == case
    everything = Selection(visitors=True)
    _, manifest = write_release(store, tmp_path / "out", everything, ["tables"], name="old")
    assert manifest.kept == 1
    assert plan(store, replace(everything, flags_only=True)).kept == 1
    store.close()
