"""The audit log: whatever is done to its lines is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from ru1_app.config import Settings
from ru1_app.errors import Conflict
from ru1_app.items import AuditEntry
from ru1_app.store import audit_sql
from ru1_app.store.database import Database
from ru1_app.store.sql import Store
from ru1_app.store.tables import AuditRow

pytest_plugins = ["tests.databases"]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LINES = 6
FIELDS = ("at", "actor", "action", "subject", "detail", "previous", "hash")


def add(database: Database, number: int, /, **detail: Any) -> AuditEntry:
    at = NOW + timedelta(seconds=number)
    return database.write(
        lambda session: audit_sql.append(session, f"person-{number}", "judged", f"item-{number}", detail, at)
    )


@pytest.fixture
def database(any_store: Store) -> Database:
    for number in range(LINES):
        add(any_store.database, number, number=number, word="ä")
    return any_store.database


@contextmanager
def tampered(database: Database, *work: str, **values: Any) -> Iterator[None]:
    """The log after some SQL, whose undoing at the end leaves it as it was."""
    before = list(audit_sql.entries(database))
    with database._session.begin() as session:
        for statement in work:
            session.execute(text(statement), values)
    try:
        yield
    finally:
        with database._session.begin() as session:
            session.execute(text("DELETE FROM audit"))
            for entry in before:
                session.add(AuditRow(**{name: getattr(entry, name) for name in ("number", *FIELDS)}))


EACH = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30, derandomize=True
)


def test_the_log_verifies_and_goes_on_after_the_last_line(database: Database) -> None:
    lines = list(audit_sql.entries(database))
    assert [line.number for line in lines] == list(range(1, LINES + 1))
    assert lines[0].previous == audit_sql.START
    assert [line.previous for line in lines[1:]] == [line.hash for line in lines[:-1]]
    assert list(audit_sql.entries(database, 4)) == lines[4:]
    assert audit_sql.broken(database) == (LINES, None)
    assert add(database, 9) == list(audit_sql.entries(database))[-1]
    assert audit_sql.broken(database) == (LINES + 1, None)


@given(number=st.integers(1, LINES), field=st.sampled_from(FIELDS), data=st.data())
@EACH
def test_a_changed_field_of_any_line_is_found(database: Database, number: int, field: str, data: st.DataObject) -> None:
    old = list(audit_sql.entries(database))[number - 1]
    if field == "at":
        value: object = old.at + timedelta(microseconds=data.draw(st.integers(1, 10**9)))
    else:
        letters = st.characters(min_codepoint=32, max_codepoint=0x2FF)
        value = data.draw(st.text(letters, max_size=64 if field != "actor" else 20))
    assume(value != getattr(old, field))
    before = list(audit_sql.entries(database))
    with database._session.begin() as session:
        setattr(session.get_one(AuditRow, number), field, value)
    try:
        count, wrong = audit_sql.broken(database)
        assert wrong is not None
        assert count in (number, number + 1)  # of a changed hash, the next line may tell
        assert str(number) in wrong or str(number + 1) in wrong
    finally:
        with database._session.begin() as session:
            setattr(session.get_one(AuditRow, number), field, getattr(before[number - 1], field))


@given(number=st.integers(1, LINES - 1), renumbered=st.booleans())
@EACH
def test_a_line_that_was_removed_is_found(database: Database, number: int, renumbered: bool) -> None:
    close = [f"UPDATE audit SET number = number - 1 WHERE number = {later}" for later in range(number + 1, LINES + 1)]
    with tampered(database, f"DELETE FROM audit WHERE number = {number}", *(close if renumbered else [])):
        assert audit_sql.broken(database)[1] is not None


@given(number=st.integers(1, LINES), honest=st.booleans())
@EACH
def test_a_line_that_was_inserted_is_found(database: Database, number: int, honest: bool) -> None:
    """Also one whose own hash is right: the line after it does not follow."""
    lines = list(audit_sql.entries(database))
    previous = lines[number - 2].hash if number > 1 else audit_sql.START
    forged = replace(lines[number - 1], subject="forged", previous=previous)
    fields = (number, forged.at, forged.actor, forged.action, forged.subject, forged.detail, previous)
    hash_ = audit_sql.line_hash(*fields) if honest else forged.hash
    shift = [f"UPDATE audit SET number = number + 1 WHERE number = {later}" for later in range(LINES, number - 1, -1)]
    with tampered(database, *shift):
        with database._session.begin() as session:
            row = {name: getattr(forged, name) for name in FIELDS}
            session.add(AuditRow(**{**row, "number": number, "hash": hash_}))
        assert audit_sql.broken(database)[1] is not None


@given(one=st.integers(1, LINES), other=st.integers(1, LINES))
@EACH
def test_two_lines_that_were_exchanged_are_found(database: Database, one: int, other: int) -> None:
    assume(one != other)
    swap = [f"UPDATE audit SET number = {to} WHERE number = {of}" for of, to in ((one, 99), (other, one), (99, other))]
    with tampered(database, *swap):
        assert audit_sql.broken(database)[1] is not None


@given(kept=st.integers(0, LINES - 1))
@EACH
def test_lines_removed_from_the_end_are_found_by_a_hash_that_was_seen(database: Database, kept: int) -> None:
    seen = list(audit_sql.entries(database))[-1].hash
    with tampered(database, f"DELETE FROM audit WHERE number > {kept}"):
        assert audit_sql.broken(database) == (kept, None)  # what is left is whole in itself
        assert seen not in [line.hash for line in audit_sql.entries(database)]


def test_a_line_is_stored_with_what_it_tells_of_or_not_at_all(database: Database) -> None:
    def write(session: Session) -> None:
        audit_sql.append(session, "ann", "judged", "item", {}, NOW)
        raise Conflict("what it tells of fails")

    with pytest.raises(Conflict):
        database.write(write)
    assert audit_sql.broken(database) == (LINES, None)


def test_eight_threads_and_several_processes_keep_one_chain(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(4)]  # each has its own connections and locks
    start = threading.Barrier(8)

    def work(writer: int) -> None:
        start.wait()
        for line in range(12):
            add(stores[writer % 4].database, 100 * writer + line)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert audit_sql.broken(stores[0].database) == (96, None)
    told = [line.subject for line in audit_sql.entries(stores[0].database)]
    assert sorted(told) == sorted(f"item-{100 * writer + line}" for writer in range(8) for line in range(12))


def test_a_long_log_is_read_page_by_page(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_sql, "PAGE", 2)
    database = Store(settings.url, settings.blob_dir).database
    for number in range(5):
        add(database, number)
        assert audit_sql.broken(database) == (number + 1, None)
