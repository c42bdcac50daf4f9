"""People and their sign-ins. Each method is one transaction; every change of a person is told in the audit log.

The log holds ids alone. Names and password hashes are in one row, and of a sign-in only the SHA-256 of its token is
kept: forgetting somebody empties the row and leaves its id, the pseudonym that ratings carry.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime

from sqlalchemy import Delete, Engine, Select, Update, delete, select, update
from sqlalchemy.orm import Session

from ru1_app.domain import RatingSource
from ru1_app.errors import Conflict, NotFound
from ru1_app.items import Person, Role
from ru1_app.store import audit_sql
from ru1_app.store.database import Database
from ru1_app.store.desk_rows import to_person
from ru1_app.store.tables import DraftRow, PairVoteRow, PersonRow, RatingRow, SignInRow, TurnRow

LOCAL, HUGGING_FACE = "local", "hf"
_SCRUB_WAIT = 2000  # milliseconds that other users of a SQLite file are waited for
log = logging.getLogger(__name__)


class People:
    """Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._on_sqlite = database.engine.dialect.name == "sqlite"

    def add(
        self, name: str, role: Role, actor: str, now: datetime, *, provider: str = LOCAL, secret: str | None = None
    ) -> Person:
        """Add somebody; `secret` is the hash of the password.

        Raises:
            Conflict: the name is taken.
        """
        taken = f"There is somebody named {name!r} already. Choose another name."
        return self._database.write(lambda session: _add(session, provider, name, secret, role, actor, now), taken)

    def provide(self, provider: str, name: str, role: Role, now: datetime) -> Person:
        """The person of that name, added where there is none; a lower role is raised to `role`."""

        def write(session: Session) -> Person:
            row = session.scalars(_named(provider, name)).one_or_none()
            if row is None:
                return _add(session, provider, name, None, role, audit_sql.SYSTEM, now)
            if not Role(row.role).may(role):
                _set_role(session, row, role, audit_sql.SYSTEM, now)
            return to_person(row)

        try:
            return self._database.write(write)
        except Conflict:  # signed in from elsewhere for the first time at this moment: then the person is known now
            return self._database.write(write)

    def by_id(self, person_id: str) -> Person:
        """The person of that id, forgotten or not; `NotFound` where there is none."""
        with self._database.read() as session:
            row = session.get(PersonRow, person_id)
            if row is None:
                raise NotFound(f"There is no person {person_id[:64]!r}.")
            return to_person(row)

    def named(self, name: str, provider: str = LOCAL) -> Person | None:
        """The person of that name."""
        with self._database.read() as session:
            row = session.scalars(_named(provider, name)).one_or_none()
            return to_person(row) if row else None

    def secret_of(self, name: str) -> tuple[Person, str] | None:
        """The local person of that name with the hash of the password."""
        with self._database.read() as session:
            row = session.scalars(_named(LOCAL, name)).one_or_none()
            return (to_person(row), row.secret) if row and row.secret else None

    def all(self) -> list[Person]:
        """Everybody, the forgotten ones too, in the order they came."""
        with self._database.read() as session:
            rows = session.scalars(select(PersonRow).order_by(PersonRow.created_at, PersonRow.id))
            return [to_person(row) for row in rows]

    def set_role(self, person_id: str, role: Role, actor: str, now: datetime) -> Person:
        """Give somebody a role; `NotFound` where there is nobody, or nobody any more."""

        def write(session: Session) -> Person:
            row = _row(session, person_id)
            if row.role != role.value:
                _set_role(session, row, role, actor, now)
            return to_person(row)

        return self._database.write(write)

    def set_secret(self, person_id: str, secret: str, actor: str, now: datetime) -> None:
        """Keep another hash of the password."""

        def write(session: Session) -> None:
            _row(session, person_id).secret = secret
            audit_sql.append(session, actor, "secret_changed", person_id, {}, now)

        self._database.write(write)

    def set_gate_passed(self, person_id: str, now: datetime) -> Person:
        """Note that somebody passed the training gate; the first time stays."""

        def write(session: Session) -> Person:
            row = _row(session, person_id)
            if row.gate_passed_at is None:
                row.gate_passed_at = now
                audit_sql.append(session, audit_sql.SYSTEM, "gate_passed", person_id, {}, now)
            return to_person(row)

        return self._database.write(write)

    def sign_in(self, person_id: str, token: str, now: datetime, until: datetime) -> None:
        """Keep a sign-in under its token; all that have ended are swept."""

        def write(session: Session) -> None:
            _row(session, person_id)
            session.execute(delete(SignInRow).where(SignInRow.expires_at <= now))
            row = SignInRow(token_sha=_sha(token), person_id=person_id, created_at=now, expires_at=until)
            session.add(row)

        self._database.write(write)

    def signed_in(self, token: str, now: datetime) -> Person | None:
        """Whose token this is; None where it has ended or never was."""
        valid = (SignInRow.token_sha == _sha(token), SignInRow.expires_at > now, PersonRow.forgotten_at.is_(None))
        with self._database.read() as session:
            own = select(PersonRow).join(SignInRow, SignInRow.person_id == PersonRow.id).where(*valid)
            row = session.scalars(own).one_or_none()
            return to_person(row) if row else None

    def sign_out(self, token: str) -> None:
        """End a sign-in; one that has ended already is no error."""
        ended = delete(SignInRow).where(SignInRow.token_sha == _sha(token))
        self._database.write(lambda session: session.execute(ended))

    def forget(self, person_id: str, actor: str, now: datetime) -> Mapping[str, int]:
        """Erase who somebody is and what they wrote in their own words; their judgements stay, under the id alone.

        Name, password hash, sign-ins and drafts go, comments and reasons are blanked. SQLite's file is scrubbed of
        what was erased; PostgreSQL drops it with the next vacuum. Returns how many of each were touched.

        Raises:
            NotFound: there is nobody of that id, or they were forgotten already.
        """

        def write(session: Session) -> Mapping[str, int]:
            if self._on_sqlite:
                session.connection().exec_driver_sql("PRAGMA secure_delete=ON")  # what is erased is overwritten
            row = _row(session, person_id)
            row.name, row.secret, row.forgotten_at = None, None, now
            session.flush()
            counts = {what: len(session.execute(erase).all()) for what, erase in _erasures(person_id).items()}
            audit_sql.append(session, actor, "person_forgotten", person_id, counts, now)
            return counts

        counts = self._database.write(write)
        if self._on_sqlite:
            _empty_log(self._database.engine)
        return counts

    def flag_times(self, rater_id: str, since: datetime, most: int) -> list[datetime]:
        """When a visitor's session flagged since a moment, newest first, at most so many."""
        own = (RatingRow.rater_id == rater_id, RatingRow.source == RatingSource.VISITOR.value)
        query = select(RatingRow.created_at).where(*own, RatingRow.created_at > since)
        with self._database.read() as session:
            return list(session.scalars(query.order_by(RatingRow.created_at.desc()).limit(most)))


def _add(
    session: Session, provider: str, name: str, secret: str | None, role: Role, actor: str, now: datetime
) -> Person:
    row = PersonRow(id=uuid.uuid4().hex, provider=provider, name=name, secret=secret, role=role.value, created_at=now)
    session.add(row)
    session.flush()
    audit_sql.append(session, actor, "person_added", row.id, {"provider": provider, "role": role.value}, now)
    return to_person(row)


def _set_role(session: Session, row: PersonRow, role: Role, actor: str, now: datetime) -> None:
    told = {"from": row.role, "to": role.value}
    row.role = role.value
    audit_sql.append(session, actor, "role_changed", row.id, told, now)


def _named(provider: str, name: str) -> Select[PersonRow]:
    return select(PersonRow).where(PersonRow.provider == provider, PersonRow.name == name)


def _row(session: Session, person_id: str) -> PersonRow:
    """The row, locked for writing, of somebody who was not forgotten."""
    own = (PersonRow.id == person_id, PersonRow.forgotten_at.is_(None))
    row = session.scalars(select(PersonRow).where(*own).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"There is no person {person_id[:64]!r}, or they were forgotten.")
    return row


def _sha(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _erasures(person_id: str) -> Mapping[str, Update | Delete]:
    """What is erased of a person's own words, by table; each gives back the rows that it touched."""
    own = (RatingRow.rater_id == person_id, RatingRow.comment != "")
    voted = (PairVoteRow.rater_id == person_id, PairVoteRow.comment != "")
    skipped = (TurnRow.rater_id == person_id, TurnRow.reason.is_not(None))
    return {
        "sign_ins": delete(SignInRow).where(SignInRow.person_id == person_id).returning(SignInRow.created_at),
        "drafts": delete(DraftRow).where(DraftRow.rater_id == person_id).returning(DraftRow.item_id),
        "comments": update(RatingRow).where(*own).values(comment="").returning(RatingRow.id),
        "vote_comments": update(PairVoteRow).where(*voted).values(comment="").returning(PairVoteRow.id),
        "reasons": update(TurnRow).where(*skipped).values(reason=None).returning(TurnRow.item_id),
    }


def _empty_log(engine: Engine) -> None:
    """Move SQLite's write-ahead log into the database file and cut it off: it holds pages from before the erasure."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        (waited,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_SCRUB_WAIT}")
        (busy, *_) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={waited}")
        cursor.close()
    if busy:
        log.warning("Others read the database: its write-ahead log still holds what was erased until they are done.")
