"""Saved views: filters of the gallery under a name, each with an owner. Every change is told in the audit log."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ru1_app.errors import Conflict, Forbidden, InvalidInput, NotFound
from ru1_app.items import Person, Role
from ru1_app.store import audit_sql
from ru1_app.store.database import Database
from ru1_app.store.filters import Filters
from ru1_app.store.tables import ViewRow

LONGEST = 60  # characters of a name; of its slug as many at most
MOST = 200  # views of one person


@dataclass(frozen=True, slots=True)
class View:
    """Filters under a name. `slug` is its place in the address and stays when the name changes."""

    slug: str
    name: str
    filters: Filters
    owner: str  # a person's id
    created_at: datetime
    updated_at: datetime


class Views:
    """Safe to use from many threads and processes; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, name: str, filters: Filters, owner: Person, now: datetime) -> View:
        """Keep the filters; the same person's view of that name gets them.

        Raises:
            InvalidInput: the name has no letter or digit, or is too long.
            Conflict: somebody else has a view of that name.
        """
        name = check_name(name)
        slug, kept = slug_of(name), filters.to_dict()

        def write(session: Session) -> View:
            row = session.get(ViewRow, slug, with_for_update=True)
            if row is not None and row.owner != owner.id:
                raise Conflict(f"Somebody else has a view named {row.name!r}. Choose another name.")
            if row is None:
                if len(session.scalars(select(ViewRow.slug).where(ViewRow.owner == owner.id)).all()) >= MOST:
                    raise InvalidInput(f"You have {MOST} views. Delete one first.")
                row = ViewRow(slug=slug, owner=owner.id, created_at=now, name=name, filters=kept, updated_at=now)
                session.add(row)
            row.name, row.filters, row.updated_at = name, kept, now
            session.flush()
            audit_sql.append(session, owner.id, "view_saved", slug, {"filters": kept}, now)
            return _view(row)

        return self._database.write(write, "Somebody saved a view of that name at this moment. Choose another name.")

    def all(self) -> list[View]:
        """Every view, by name."""
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(select(ViewRow).order_by(ViewRow.name, ViewRow.slug))]

    def view(self, slug: str) -> View:
        """The view of that slug; `NotFound` where there is none."""
        with self._database.read() as session:
            return _view(_row(session, slug))

    def rename(self, slug: str, name: str, by: Person, now: datetime) -> View:
        """Give a view another name; its address stays.

        Raises:
            Forbidden: it is neither one's own, nor is one a lead.
        """
        name = check_name(name)
        return self._change(slug, by, "view_renamed", {"name": name}, now)

    def delete(self, slug: str, by: Person, now: datetime) -> None:
        """Delete a view; raises as `rename`."""
        self._change(slug, by, "view_deleted", {}, now)

    def _change(self, slug: str, by: Person, action: str, values: Mapping[str, Any], now: datetime) -> View:
        def write(session: Session) -> View:
            row = _row(session, slug)
            if row.owner != by.id and not by.role.may(Role.LEAD):
                raise Forbidden(f"The view {row.name!r} is somebody else's. Its owner or a lead can change it.")
            for name, value in values.items():
                setattr(row, name, value)
            row.updated_at = now
            changed = _view(row)
            if not values:
                session.delete(row)
            audit_sql.append(session, by.id, action, slug, dict(values), now)
            return changed

        return self._database.write(write)


def check_name(name: str) -> str:
    """The name without space around it, or `InvalidInput`."""
    if not isinstance(name, str):
        raise InvalidInput("Give the view a name.")
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST or not slug_of(name):
        raise InvalidInput(f"Name the view with 1 to {LONGEST} characters, a letter or a digit among them.")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in name):
        raise InvalidInput("The name holds a character that cannot be stored. Type it again.")
    return name


def slug_of(name: str) -> str:
    """The name as a part of an address: small letters and digits, joined by hyphens."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", "-", kept).strip("-")[:LONGEST].strip("-")


def _row(session: Session, slug: str) -> ViewRow:
    row = session.get(ViewRow, slug) if isinstance(slug, str) and "\0" not in slug else None
    if row is None:
        raise NotFound(f"There is no view {str(slug)[:64]!r}. It may have been deleted.")
    return row


def _view(row: ViewRow) -> View:
    return View(row.slug, row.name, Filters.from_dict(row.filters), row.owner, row.created_at, row.updated_at)
