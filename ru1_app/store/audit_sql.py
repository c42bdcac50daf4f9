"""The audit log: lines are added in the transaction of what they tell of, never changed, each hashed with the last.

Whoever alters, removes or inserts a line must make every later hash anew; an export of any earlier hash then shows it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ru1_app.items import AuditEntry
from ru1_app.store.database import Database
from ru1_app.store.tables import AuditRow

SYSTEM = "system"
START = "0" * 64  # what stands before the first line
PAGE = 1000
_LOCK = 5_278_114  # of PostgreSQL: one writer of the log at a time, in any process


def append(
    session: Session, actor: str, action: str, subject: str, detail: Mapping[str, Any], now: datetime
) -> AuditEntry:
    """Add a line in the session's transaction. SQLite lets one writer in at a time; PostgreSQL is told to."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    last = session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).one_or_none()
    number, previous = (last.number + 1, last.hash) if last else (1, START)
    told = json.dumps(detail, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    digest = line_hash(number, now, actor, action, subject, told, previous)
    session.add(
        AuditRow(
            number=number, at=now, actor=actor, action=action, subject=subject, detail=told,
            previous=previous, hash=digest,
        )
    )  # fmt: skip
    session.flush()
    return AuditEntry(number, now, actor, action, subject, told, previous, digest)


def tell(
    database: Database, actor: str, action: str, subject: str, detail: Mapping[str, Any], now: datetime
) -> AuditEntry:
    """Add a line that tells of nothing else in the store."""
    return database.write(lambda session: append(session, actor, action, subject, detail, now))


def line_hash(number: int, at: datetime, actor: str, action: str, subject: str, detail: str, previous: str) -> str:
    """SHA-256, hexadecimal, over the fields of a line as a JSON list, the hash before it first."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    line = json.dumps([previous, number, moment, actor, action, subject, detail], ensure_ascii=True)
    return hashlib.sha256(line.encode()).hexdigest()


def entries(database: Database, after: int = 0) -> Iterator[AuditEntry]:
    """All lines from number `after` + 1 on, read page by page."""
    while True:
        with database.read() as session:
            query = select(AuditRow).where(AuditRow.number > after).order_by(AuditRow.number).limit(PAGE)
            page = [_entry(row) for row in session.scalars(query)]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].number


def broken(database: Database) -> tuple[int, str | None]:
    """How many lines there are, and what is wrong with the first that does not fit; None where all do."""
    count, previous = 0, START
    for entry in entries(database):
        count += 1
        if entry.number != count:
            return count - 1, f"line {count} is missing: after it stands line {entry.number}"
        if entry.previous != previous:
            return count, f"line {entry.number} does not follow the line before it"
        fields = (entry.number, entry.at, entry.actor, entry.action, entry.subject, entry.detail, entry.previous)
        if line_hash(*fields) != entry.hash:
            return count, f"line {entry.number} was changed after it was written"
        previous = entry.hash
    return count, None


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.number, row.at, row.actor, row.action, row.subject, row.detail, row.previous, row.hash)
