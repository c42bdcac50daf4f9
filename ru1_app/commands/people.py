"""Commands on who may rate, and on the audit log."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ru1_app.commands.base import Json, printable, show
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.items import AuditEntry, Person, Role

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from `ru1 users list`.")]


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 64 letters, digits and . _ - @")],
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.RATER,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from a pipe.")] = False,
) -> None:
    """Add somebody who signs in with a name and a password."""
    from ru1_app.rating.people import check_name
    from ru1_app.wiring import wire

    check_name(name)
    person = wire().accounts.add(name, _password(password_stdin), role)
    print(f"{name} may sign in as {person.role.value}; the id in ratings is {person.id}.")


def list_(json_: Json = False) -> None:
    """List who there is."""
    from ru1_app.wiring import wire

    people = wire().people.all()
    lines = [
        f"{person.name or '(forgotten)':<24} {person.provider:<6} {person.role.value:<12} {person.id}"
        for person in people
    ]
    show([_row(person) for person in people], json_, lines or ["Nobody yet: `ru1 users add NAME --role lead`."])


def role(name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE", help="What the person may do.")]) -> None:
    """Give somebody another role."""
    from ru1_app.wiring import wire

    accounts = wire().accounts
    person = accounts.set_role(accounts.find(name), role)
    print(f"{name} is {person.role.value} now.")


def forget(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:  # fmt: skip
    """Erase who somebody is and what they wrote; their judgements stay under an id without a name."""
    from ru1_app.wiring import wire

    accounts = wire().accounts
    person = accounts.find(name)
    if not yes:
        _ask(f"Forget {name}? Name, password, comments and drafts are erased for good.")
    accounts.forget(person)
    print(f"Forgotten. The judgements of {person.id} stay; export again what was exported with their comments.")


def verify(
    seen: Annotated[
        str | None, typer.Option(metavar="HASH", help="A hash of an earlier line, which must still be there.")
    ] = None,
    json_: Json = False,
) -> None:
    """Check that no line of the audit log was changed, removed, inserted or moved."""
    from ru1_app.store import audit_sql
    from ru1_app.wiring import wire

    database = wire().store.database
    with _readable():
        count, wrong = audit_sql.broken(database)
    if wrong is None and seen and all(entry.hash != seen for entry in audit_sql.entries(database)):
        wrong = f"no line has the hash {seen[:64]!r}, so lines were removed or made anew since it was seen"
    last = None
    if wrong is None:
        last = (
            next((entry.hash for entry in audit_sql.entries(database, count - 1)), None) if count else audit_sql.START
        )
    document = {"lines": count, "verifies": wrong is None, "last_hash": last, "wrong": wrong}
    show(document, json_, [f"{count} lines verify; the last hash is {last}."] if wrong is None else [])
    if wrong is not None:
        raise Unavailable(f"The audit log does not verify: {wrong}.")


def export(out: Annotated[Path, typer.Argument(metavar="OUT", help="A .jsonl file that does not exist yet.")]) -> None:
    """Write the audit log as JSON lines, the whole file or none."""
    from ru1_app.files import write_parts
    from ru1_app.store import audit_sql
    from ru1_app.wiring import wire

    if out.exists():
        raise InvalidInput(f"{printable(out)!r} exists already. Name a new file.")
    if not out.absolute().parent.is_dir():
        raise InvalidInput(f"The folder of {printable(out)!r} does not exist.")
    database, count, last = wire().store.database, 0, audit_sql.START

    def lines() -> Iterator[bytes]:
        nonlocal count, last
        for entry in audit_sql.entries(database):
            count, last = count + 1, entry.hash
            yield _line(entry)

    with _readable():
        write_parts(out, lines())
    print(f"{printable(out)}: {count} lines; the last hash is {last}.")


@contextmanager
def _readable() -> Iterator[None]:
    """A line that was changed into what is no line is told like any other change."""
    try:
        yield
    except ValueError as error:
        raise Unavailable("The audit log does not verify: a line holds a moment that cannot be read.") from error


def _line(entry: AuditEntry) -> bytes:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")  # as it was hashed
    return (json.dumps({**asdict(entry), "at": at}) + "\n").encode()


def _row(person: Person) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(person).items()}


def _password(from_pipe: bool) -> str:
    if from_pipe:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidInput("There is no terminal to ask for the password on: pipe it in with --password-stdin.")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    return password


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("There is no terminal to ask on: say --yes to forget somebody for good.")
    if not typer.confirm(question, err=True):
        raise InvalidInput("Nothing was forgotten.")
