"""A real PostgreSQL server for tests, in a folder of its own, without a password and without a network port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDERS = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ.get("PATH", "").split(os.pathsep))]


def program(name: str) -> Path | None:
    """Where a program of PostgreSQL is; Debian keeps them off the path."""
    return next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)


@contextmanager
def running() -> Iterator[str]:
    """Start a server and give its SQLAlchemy address; PostgreSQL refuses root, so there it runs as `postgres`."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    root = Path(tempfile.mkdtemp(prefix="ru1-pg-"))  # short: a socket's path may have 107 bytes
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(root, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data, options = root / "data", f"-c listen_addresses='' -c fsync=off -k {root}"

    def run(*words: str | Path) -> None:
        subprocess.run(
            [*as_user, *map(str, words)], check=True, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    try:
        run(initdb, "-D", data, "-U", "ru1", "--auth=trust", "--encoding=UTF8", "--no-sync")
        run(pg_ctl, "-D", data, "-o", options, "-l", root / "log", "-w", "start")
        try:
            yield f"postgresql+psycopg://ru1@/postgres?host={root}"
        finally:
            run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
