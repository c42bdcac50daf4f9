"""How the database is opened. SQLite: WAL, foreign keys, and writers that take their lock at the start."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ru1_app.errors import Unavailable

READS = "ru1_reads"  # execution option of a connection that only reads


def make_engine(url: str, *, migrating: bool = False) -> Engine:
    """An engine for the URL; the folder of a SQLite file is made.

    SQLite's transactions begin with `BEGIN IMMEDIATE`: one that reads first and writes later would fail at
    once under load, whatever its busy timeout. Those of `reading(engine)` take no lock. When `migrating`, SQLite
    does not check foreign keys: its way to change a table is to make a new one and drop the old.

    Raises:
        Unavailable: the URL is none, its driver is not installed, or the folder cannot be made.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database in (None, "", ":memory:"):
            raise Unavailable("RU1_DATABASE_URL names a database in memory, which is lost at once. Name a file.")
        _make_folder(parsed)
        engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})
    except (ArgumentError, ImportError, ValueError) as error:
        raise Unavailable("RU1_DATABASE_URL is not an address this installation can open.") from error
    except OSError as error:
        raise Unavailable(f"The folder of the database cannot be made: {error.strerror}.") from error
    event.listen(engine, "connect", partial(_prepare, foreign_keys="OFF" if migrating else "ON"))
    event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read: in WAL mode no writer makes them wait."""
    return engine.execution_options(**{READS: True})


def _make_folder(url: URL) -> None:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare(connection: Any, record: Any, *, foreign_keys: str) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    _use_wal(cursor)
    for pragma in (f"foreign_keys={foreign_keys}", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Switch a database to WAL, once: while several open a new one, SQLite says "locked" without any waiting."""
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    for wait in (*(0.01 * 2**k for k in range(10)), None):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return  # or it stays in another mode, where the file system cannot share memory
        except sqlite3.OperationalError:
            if wait is None:
                raise
            time.sleep(wait)
