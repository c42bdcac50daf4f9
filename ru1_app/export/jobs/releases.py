"""The releases of a server: looked at, made, packed, checked and pushed in the background; who may do what.

Leads make releases of everything, in a folder where they stay. Whoever is not signed in makes releases of visitors'
flags alone, which anybody may read anyway; they are deleted within hours. Raters judge blind, so nothing is given out
to them.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ru1_app.errors import Forbidden, InvalidInput, NotFound
from ru1_app.export import hub
from ru1_app.export.cases.selection import Selection
from ru1_app.export.describe.manifest import Manifest, differences
from ru1_app.export.formats import format_of
from ru1_app.export.jobs.archive import archive_of
from ru1_app.export.jobs.background import Background, Job, State, Step
from ru1_app.export.jobs.past import Past, past_in
from ru1_app.export.jobs.tickets import Tickets
from ru1_app.export.planning.plan import Plan, plan
from ru1_app.export.planning.preview import Preview, preview
from ru1_app.export.release import LONGEST, write_release
from ru1_app.items import Person, Role
from ru1_app.store import audit_sql
from ru1_app.store.sql import Store

VISITOR = "visitor"  # the actor of the audit log where nobody is signed in
PASSING, PASSING_MOST = 2 * 3600, 5  # seconds and number of visitors' releases that are kept
BLIND = (
    "You judge blind, so what others said is not exported to you. A lead makes releases; whoever is signed out can "
    "export visitors' flags."
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a release would hold, and its first rows."""

    plan: Plan
    preview: Preview


@dataclass(frozen=True, slots=True)
class Made:
    """A release."""

    name: str  # of its folder
    manifest: Manifest


class Releases:
    """Safe to use from many threads. `folder` holds the leads' releases, `passing` those of visitors."""

    def __init__(self, store: Store, folder: Path, passing: Path, clock: Callable[[], datetime] | None = None) -> None:
        self._store, self.folder, self._passing = store, folder, passing
        self._now = clock or (lambda: datetime.now(UTC))
        self._lanes = {True: Background(), False: Background()}
        self.tickets = Tickets()  # for fetching archives

    def look(self, person: Person | None, selection: Selection) -> str:
        """Have a release planned; the job's result is `Looked`.

        Raises:
            Forbidden: the person judges blind.
            Unavailable: too much is waiting.
        """
        wanted = allowed(person, selection)

        def work(step: Step) -> Looked:
            made = plan(self._store, wanted, self._now(), step)
            step("Taking the first rows", 1.0)
            return Looked(made.without_cases(), preview(made))

        return self._start(person, "look", work)

    def start(self, person: Person | None, selection: Selection, formats: Sequence[str], looked: str = "") -> str:
        """Have a release made; the job's result is `Made`. `looked`: a job that looked at the same selection, up to
        whose moment judgements are taken, so that what was seen is what is made.

        Raises:
            InvalidInput: no format is chosen, or there is none of that name.
            Forbidden: the person judges blind.
            Unavailable: too much is waiting.
        """
        wanted = allowed(person, selection)
        if not formats:
            raise InvalidInput("Choose at least one format.")
        chosen = [format_of(each).name for each in dict.fromkeys(formats)]
        until = self._moment(person, looked, wanted) or self._now()
        whole = leads(person)
        root = self.folder if whole else self._passing

        def work(step: Step) -> Made:
            if not whole:
                self._sweep(PASSING_MOST - 1)
            name = self._name(root, chosen, secret=not whole)
            where, manifest = write_release(self._store, root, wanted, chosen, name=name, until=until, step=step)
            tell(self._store, manifest, where, _actor(person), self._now())
            return Made(name, manifest)

        return self._start(person, "make", work)

    def pack(self, person: Person | None, name: str) -> str:
        """Have a release packed; the job's result is the archive's path."""
        where = self.where(person, name)
        return self._start(person, "pack", lambda step: archive_of(where, step))

    def verify(self, person: Person | None, name: str) -> str:
        """Have a release checked against its manifest; the job's result is what does not fit, a sentence each."""
        where = self.where(person, name)

        def work(step: Step) -> list[str]:
            step("Hashing every file", 0.0)
            return differences(where)

        return self._start(person, "verify", work)

    def push(self, person: Person | None, name: str, repo: str, *, private: bool = True, dry_run: bool = False) -> str:
        """Have a release pushed to the Hub; the job's result is `hub.Pushed`.

        Raises:
            Forbidden: the person is no lead.
            InvalidInput: it is no name of a repository.
        """
        if not leads(person):
            raise Forbidden("Leads alone push releases to the Hub: the server's token is theirs to use.")
        where, repo = self.where(person, name), hub.check_name(repo)

        def work(step: Step) -> hub.Pushed:
            done = hub.push(where, repo, private=private, dry_run=dry_run, step=step)
            if not dry_run:
                told = {"repository": repo, "private": private, "commit": done.commit}
                audit_sql.tell(self._store.database, _actor(person), "release_pushed", done.digest, told, self._now())
            return done

        return self._start(person, "push", work)

    def job(self, person: Person | None, id_: str) -> Job:
        """How a job of one's own stands; `NotFound` where there is none."""
        job = self._lanes[leads(person)].job(id_)
        if job.owner != _actor(person):
            raise NotFound("That job is somebody else's.")
        return job

    def cancel(self, person: Person | None, id_: str) -> None:
        """Stop a job of one's own at its next step."""
        self._lanes[leads(person)].cancel(self.job(person, id_).id)

    def past(self, person: Person | None) -> list[Past]:
        """The releases that were made, newest first; none for who is no lead."""
        return past_in(self.folder) if leads(person) else []

    def where(self, person: Person | None, name: str) -> Path:
        """The folder of a release; of a visitor's release the name itself is the key.

        Raises:
            NotFound: there is none of that name.
        """
        sound = isinstance(name, str) and name[:1] not in ("", ".") and Path(name).name == name and "\0" not in name
        if not sound or len(name.encode()) > LONGEST:
            raise NotFound(f"There is no release {str(name)[:64]!r}.")
        path = (self.folder if leads(person) else self._passing) / name
        if not path.is_dir():
            raise NotFound(f"There is no release {name[:64]!r}. It may have been deleted; make it again.")
        return path

    def _start(self, person: Person | None, kind: str, work: Callable[[Step], Any]) -> str:
        self._sweep(PASSING_MOST)
        return self._lanes[leads(person)].start(_actor(person), kind, work)

    def _moment(self, person: Person | None, looked: str, wanted: Selection) -> datetime | None:
        """Up to when judgements are taken: as they were looked at, where that was of the same selection."""
        if not looked:
            return None
        with suppress(NotFound):
            job = self.job(person, looked)
            if job.state is State.DONE and isinstance(job.result, Looked):
                source = job.result.plan.source
                return source.until if source.selection == wanted else None
        return None

    def _name(self, root: Path, formats: Sequence[str], *, secret: bool) -> str:
        """A folder's name that is free: the day, the time, the format, and for a visitor's what nobody can guess."""
        base = f"{self._now():%Y%m%d-%H%M%S}-{formats[0] if len(formats) == 1 else f'{len(formats)}-formats'}"
        if secret:
            return f"{base}-{secrets.token_hex(12)}"
        names = (base if number == 1 else f"{base}-{number}" for number in range(1, 10_000))
        return next(name for name in names if not (root / name).exists())

    def _sweep(self, most: int) -> None:
        """Remove visitors' releases that are old or too many."""
        found: list[tuple[float, Path]] = []
        for path in self._passing.glob("[!.]*"):
            with suppress(OSError):  # another thread was quicker
                found.append((path.stat().st_mtime, path))
        for number, (made_at, path) in enumerate(sorted(found, reverse=True)):
            if number >= most or time.time() - made_at > PASSING:
                shutil.rmtree(path, ignore_errors=True)
                for archive in (self._passing / ".archives").glob(f"{path.name}-*.zip"):
                    archive.unlink(missing_ok=True)


def leads(person: Person | None) -> bool:
    """Whether the person may make releases of everything."""
    return person is not None and person.role.may(Role.LEAD)


def allowed(person: Person | None, selection: Selection) -> Selection:
    """What of a selection the person may have: everything, or visitors' flags of what no rater judged.

    Raises:
        Forbidden: the person judges blind.
    """
    if leads(person):
        return selection
    if person is not None and person.role.may(Role.RATER):
        raise Forbidden(BLIND)
    return replace(selection, visitors=True, flags_only=True, least_raters=1, adjudicated=False, elusive=False)


def tell(store: Store, manifest: Manifest, where: Path, actor: str, now: datetime) -> None:
    """Add the release to the audit log. One that no line of the log tells of must not be: it is removed then."""
    told = {"folder": where.name, "selection": dict(manifest.selection), "formats": sorted(manifest.formats)}
    try:
        audit_sql.tell(store.database, actor, "release", manifest.digest, told, now)
    except BaseException:
        shutil.rmtree(where, ignore_errors=True)
        raise


def _actor(person: Person | None) -> str:
    return person.id if leads(person) and person is not None else VISITOR
