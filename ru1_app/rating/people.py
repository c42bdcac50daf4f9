"""Who may sign in and do what: local names with passwords, Hugging Face names, roles.

A wrong password and an unknown name take the same time and say the same. Passwords are kept as argon2 hashes alone.
"""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ru1_app.config import Settings
from ru1_app.errors import Forbidden, InvalidInput, NotFound, SignedOut
from ru1_app.items import Person, Role
from ru1_app.store.audit_sql import SYSTEM
from ru1_app.store.people_sql import HUGGING_FACE, LOCAL, People

NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
SHORTEST, LONGEST = 10, 200  # characters of a password
SIGNED_IN = timedelta(days=7)
WRONG_MOST, WRONG_WITHIN = 5, timedelta(minutes=15)
NAMES_MOST = 10_000  # with wrong attempts that are remembered at once
HASHES_AT_ONCE = 2  # each takes 64 MiB for a moment
WRONG = "That name and password do not go together. Try again."
SIGN_IN = "Sign in to go on."
AGAIN = "Your sign-in has ended. Sign in again to go on."


class Accounts:
    """Safe to use from many threads. Wrong attempts are counted by each process for itself."""

    def __init__(
        self, people: People, settings: Settings, hasher: PasswordHasher | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._people, self._settings = people, settings
        self._hasher = hasher or PasswordHasher()
        self._now = clock or (lambda: datetime.now(UTC))
        self._attempts = Attempts()
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def add(self, name: str, password: str, role: Role, by: Person | None = None) -> Person:
        """Add a local person; `by` is who asks, None the command line, which may give any role.

        Raises:
            Forbidden: who asks is no admin.
            InvalidInput: the name or the password breaks a rule.
            Conflict: the name is taken.
        """
        actor = _actor(by)
        secret = self._hash(check_password(password))
        return self._people.add(check_name(name), role, actor, self._now(), secret=secret)

    def sign_in(self, name: str, password: str) -> tuple[str, Person]:
        """A token and whose it is.

        Raises:
            SignedOut: name and password do not go together.
            Forbidden: there were too many wrong attempts for this name.
        """
        if not (isinstance(name, str) and isinstance(password, str)):
            raise InvalidInput("Give a name and a password.")
        now = self._now()
        self._attempts.begin(name[: 2 * LONGEST], now)
        nobody = self._nobody  # made here whoever asks: the first attempt after a start tells nothing either
        found = self._people.secret_of(name) if NAME.fullmatch(name) else None
        right = self._verify(found[1] if found else nobody, password)
        if found is None or not right:
            raise SignedOut(WRONG)
        self._attempts.clear(name)
        person, secret = found
        if self._hasher.check_needs_rehash(secret):
            self._people.set_secret(person.id, self._hash(password), SYSTEM, now)
        return self._token(person, now), person

    def hugging_face(self, username: str) -> tuple[str, Person]:
        """A token and whose it is, for a name that Hugging Face vouches for: a visitor, or what the settings say.

        A role that was given otherwise is never lowered.
        """
        role = Role.VISITOR
        if username in self._settings.raters:
            role = Role.RATER
        if username in self._settings.leads:
            role = Role.LEAD
        now = self._now()
        person = self._people.provide(HUGGING_FACE, check_name(username), role, now)
        return self._token(person, now), person

    def person_of(self, token: str) -> Person:
        """Whose token this is.

        Raises:
            SignedOut: nobody's, or not any more.
        """
        if not isinstance(token, str) or not token:
            raise SignedOut(SIGN_IN)
        person = self._people.signed_in(token, self._now())
        if person is None:
            raise SignedOut(AGAIN)
        return person

    def sign_out(self, token: str) -> None:
        """End a sign-in."""
        if isinstance(token, str):
            self._people.sign_out(token)

    def set_role(self, person: Person, role: Role, by: Person | None = None) -> Person:
        """Give somebody a role; `by` as for `add`.

        Raises:
            Forbidden: who asks is no admin.
        """
        return self._people.set_role(person.id, role, _actor(by), self._now())

    def forget(self, person: Person, by: Person | None = None) -> None:
        """Erase who somebody is and what they wrote; an admin may, the person, and the command line.

        Raises:
            Forbidden: who asks is none of these.
        """
        actor = by.id if by is not None and by.id == person.id else _actor(by)
        self._people.forget(person.id, actor, self._now())

    def find(self, name: str) -> Person:
        """The person of that name; "hf:NAME" or "local:NAME" where both have one.

        Raises:
            NotFound: nobody is named so.
            InvalidInput: two are.
        """
        provider, _, rest = name.rpartition(":")
        found = [self._people.named(rest, each) for each in (LOCAL, HUGGING_FACE) if provider in ("", each)]
        people = [person for person in found if person is not None]
        if not people:
            raise NotFound(f"Nobody is named {name!r}. `ru1 users list` shows who there is.")
        if len(people) > 1:
            raise InvalidInput(f"Two people are named {name!r}: say 'local:{name}' or 'hf:{name}'.")
        return people[0]

    @cached_property
    def _nobody(self) -> str:
        """A hash that no password is right for, so that an unknown name takes as long as a known one."""
        return self._hash(secrets.token_urlsafe(32))

    def _token(self, person: Person, now: datetime) -> str:
        token = secrets.token_urlsafe(32)
        self._people.sign_in(person.id, token, now, now + SIGNED_IN)
        return token

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(_normal(password))

    def _verify(self, secret: str, password: str) -> bool:
        with self._hashing:
            try:
                return self._hasher.verify(secret, _normal(password[: LONGEST + 1]))
            except (VerificationError, InvalidHashError):
                return False


class Attempts:
    """Counts sign-ins that were begun and not ended well, by name, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[str, deque[datetime]] = {}

    def begin(self, name: str, now: datetime) -> None:
        """Count an attempt before it is made: many at once get no more than one after the other.

        Raises:
            Forbidden: there were too many.
        """
        with self._lock:
            if len(self._begun) >= NAMES_MOST:
                self._sweep(now)
            times = self._begun.pop(name, deque())
            self._begun[name] = times  # last in order: the longest unused name is first
            while times and times[0] <= now - WRONG_WITHIN:
                times.popleft()
            if len(times) >= WRONG_MOST:
                minutes = max(1, -(-(times[0] + WRONG_WITHIN - now) // timedelta(minutes=1)))
                raise Forbidden(f"There were too many attempts for this name. Wait {minutes} min, then try again.")
            times.append(now)

    def clear(self, name: str) -> None:
        """Forget the attempts: one was right."""
        with self._lock:
            self._begun.pop(name, None)

    def _sweep(self, now: datetime) -> None:
        old = [name for name, times in self._begun.items() if not times or times[-1] <= now - WRONG_WITHIN]
        for name in old or list(self._begun)[:1]:
            del self._begun[name]


def need(person: Person, role: Role) -> None:
    """Refuse, with `Forbidden`, who does not reach the role."""
    if not person.role.may(role):
        raise Forbidden(f"This needs the role {role.value!r}; yours is {person.role.value!r}. Ask an admin for it.")


def check_name(name: str) -> str:
    """The name, or `InvalidInput` with what is allowed."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f"The name {name[:64]!r} is not allowed: 1 to 64 letters from A to Z, digits, and the characters . _ - @."
        )
    return name


def check_password(password: str) -> str:
    """The password, or `InvalidInput` with what is allowed."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"The password has {len(password)} characters; {SHORTEST} to {LONGEST} are allowed.")
    return password


def _normal(password: str) -> bytes:
    """The same bytes however a keyboard puts accents together."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _actor(by: Person | None) -> str:
    if by is None:
        return SYSTEM
    need(by, Role.ADMIN)
    return by.id
