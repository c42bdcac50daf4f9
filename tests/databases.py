"""Fixtures: an empty store on SQLite, and one on a real PostgreSQL. A module names this one in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ru1_app.config import Settings
from ru1_app.store.engine import make_engine
from ru1_app.store.sql import Store
from tests.postgres import program, running

NEEDS_POSTGRES = pytest.mark.skipif(program("initdb") is None, reason="PostgreSQL is not installed")


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.service, NEEDS_POSTGRES])])
def open_store(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens one database, empty at first, as often as it is called; each time as another process would."""
    url = settings.url
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server")
        engine = make_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()
    opened: list[Store] = []

    def open_() -> Store:
        opened.append(Store(url, tmp_path / "blobs"))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def any_store(open_store: Callable[[], Store]) -> Store:
    """An empty store of each kind."""
    return open_store()
