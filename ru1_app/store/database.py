"""One database: its sessions for reading and writing, and what its refusals mean. Every store shares one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from ru1_app.errors import Conflict, InvalidInput, Unavailable
from ru1_app.store.engine import make_engine, reading
from ru1_app.store.migrate import check_revision

T = TypeVar("T")
UNIQUE = "23505"  # PostgreSQL's code, in any language; SQLite says it in English


class Database:
    """Safe to use from many threads and processes; every write is one transaction.

    Raises:
        Unavailable: the database cannot be opened, or is older or newer than the code.
    """

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._session = sessionmaker(self.engine, expire_on_commit=False)
        self._reader = sessionmaker(reading(self.engine), expire_on_commit=False)
        self._writing = threading.Lock()
        check_revision(url, self.engine)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def write(self, work: Callable[[Session], T], conflict: str = "This is stored already.") -> T:
        """What `work` gives, in one transaction: all of it is stored, or nothing.

        Raises:
            Conflict: a row that must be the only one of its kind is there already; `conflict` says so to the person.
            InvalidInput: a value breaks a rule of the database.
            Unavailable: the database could not be written.
        """
        try:
            with self._writing, self._session.begin() as session:
                return work(session)
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != UNIQUE and "unique" not in str(error.orig).lower():
                raise InvalidInput("What was given breaks a rule of the database; nothing was stored.") from error
            raise Conflict(conflict) from error
        except OverflowError as error:
            raise InvalidInput("A number is too large to be stored.") from error
        except DBAPIError as error:
            raise Unavailable("The database could not be written. Try again in a moment.") from error
        except UnicodeEncodeError as error:  # half of a surrogate pair: no database can keep it
            raise InvalidInput("A text holds a character that cannot be stored. Type it again.") from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads; `Unavailable` where that fails, `InvalidInput` for a text that no row can hold."""
        try:
            with self._reader() as session:
                yield session
        except DBAPIError as error:
            raise Unavailable("The database could not be read. Try again in a moment.") from error
        except UnicodeEncodeError as error:
            raise InvalidInput("A text holds a character that nothing stored can hold. Type it again.") from error
