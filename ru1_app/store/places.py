"""Where the database lies: whether that disk keeps writers apart, and whether it outlives a restart.

SQLite relies on the file system's locks. Where they do nothing (bucket mounts, some network mounts), two processes
write over each other; within one process SQLite keeps its connections apart by itself, so the probe asks a second one.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ru1_app.config import variable
from ru1_app.errors import Unavailable

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse", "gcsfuse", "glusterfs", "gpfs", "hf-mount", "lustre", "ncpfs", "nfs",
    "nfs4", "s3fs", "smb3", "smbfs", "virtiofs",
}  # fmt: skip
IN_MEMORY = {"overlay", "ramfs", "tmpfs"}  # on a Space: gone with the container
LOCAL_FUSE = {"fuseblk"}  # NTFS and exFAT on a disk of this machine
LOCKED = 3  # exit code of the other process
_OTHER = f"""
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], uri=True, timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    sys.exit({LOCKED} if "locked" in str(error) else 1)
"""
ELSEWHERE = "Put RU1_DATA_DIR on a local disk, or use PostgreSQL through RU1_DATABASE_URL."
log = logging.getLogger(__name__)


class PlaceKind(StrEnum):
    """What the database lies on."""

    SERVER = "server"  # a database server looks after it
    LOCAL = "local"
    NETWORK = "network"  # a network or FUSE mount
    EPHEMERAL = "ephemeral"  # lost when the Space restarts


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database lies. `sentence` is for the page and the log; None where there is nothing to say."""

    kind: PlaceKind
    locks: bool
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of the system's list of mounts."""

    point: Path
    type: str

    @property
    def far(self) -> bool:
        """Whether files on it lie elsewhere, or behind a program."""
        return self.type in NETWORK or (self.type.startswith("fuse") and self.type not in LOCAL_FUSE)


def check_place(url: str, *, accept_unsafe: bool = False) -> Place:
    """Look at the place of the database before it is opened; its folder is made.

    Raises:
        Unavailable: the disk ignores locks, and that was not accepted; or the folder cannot be made.
    """
    place = place_of(url)
    if not place.locks and not accept_unsafe:
        raise Unavailable(f"{place.sentence} RU1_ACCEPT_UNSAFE_STORE=1 opens it all the same.")
    if place.sentence:
        log.warning("%s", place.sentence)
    return place


def place_of(url: str) -> Place:
    """Where the database of this address lies."""
    folder = _folder(url)
    if folder is None:
        return Place(PlaceKind.SERVER, True)
    mount = mount_of(folder)
    locks = locks_work(folder)
    far = mount is not None and mount.far
    if locks is None:  # it could not be tried
        locks = not far
    lies = (
        f"The database lies on a {mount.type} mount ({mount.point})" if mount and far else "The database lies on a disk"
    )
    if not locks:
        said = f"{lies} that ignores file locks: two writers would damage it. {ELSEWHERE}"
        return Place(PlaceKind.NETWORK if far else PlaceKind.LOCAL, False, said)
    if far:
        said = f"{lies}. Its locks hold on this machine; let no other one use the same file. {ELSEWHERE}"
        return Place(PlaceKind.NETWORK, True, said)
    if variable("SPACE_ID") and (mount is None or mount.point == Path("/") or mount.type in IN_MEMORY):
        said = (
            "What is stored here is lost when the Space restarts: export it before that, or use PostgreSQL through "
            "RU1_DATABASE_URL."
        )
        return Place(PlaceKind.EPHEMERAL, True, said)
    return Place(PlaceKind.LOCAL, True)


def mount_of(path: Path, listing: str | None = None) -> Mount | None:
    """The mount that a path lies on; None where the system has no list of them."""
    if listing is None:
        try:
            listing = MOUNTS.read_text("utf-8", "surrogateescape")
        except OSError:
            return None
    real, found = path.resolve(), None
    for line in listing.splitlines():
        before, _, after = line.partition(" - ")
        words, types = before.split(" "), after.split(" ")
        if len(words) < 5 or not types[0]:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[4]))
        if real.is_relative_to(point) and (found is None or point.is_relative_to(found.point)):
            found = Mount(point, types[0])  # the last of the same place hides those before it
    return found


def locks_work(folder: Path) -> bool | None:
    """Whether a second process is kept from writing while a first one does; None where it cannot be tried."""
    probe = folder / f".ru1-probe-{uuid.uuid4().hex}.sqlite3"
    try:
        probe.touch(exist_ok=False)
    except OSError:
        return None  # opening the database will say why
    try:
        with closing(sqlite3.connect(_address(probe), uri=True, timeout=0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            return _kept_out(probe)
    except sqlite3.OperationalError:  # not even one lock can be had
        return False
    finally:
        with suppress(OSError):
            probe.unlink()


def _kept_out(probe: Path) -> bool | None:
    command = [sys.executable, "-I", "-S", "-c", _OTHER, _address(probe)]
    try:
        code = subprocess.run(command, capture_output=True, check=False, timeout=30).returncode
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return {0: False, LOCKED: True}.get(code)


def _address(probe: Path) -> str:
    return probe.absolute().as_uri()


def _folder(url: str) -> Path | None:
    """The folder of a SQLite file, made where it is not there; None for a server, or where there is no file."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
            return None
        folder = Path(parsed.database or "").parent
        folder.mkdir(parents=True, exist_ok=True)
    except (ArgumentError, ImportError, ValueError):
        return None  # opening the database will say why
    except OSError as error:
        raise Unavailable(f"The folder of the database cannot be made: {error.strerror}.") from error
    return folder
