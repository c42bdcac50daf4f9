"""A release as one .zip: the same release gives the same bytes, in memory that does not grow with it.

Nothing is compressed: pictures and Parquet are already. The archive is kept beside the releases, never in one, and is
made anew where it is missing.
"""

from __future__ import annotations

import stat
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ru1_app.errors import ExportFailed
from ru1_app.export.describe.manifest import MANIFEST, Manifest, read_manifest

ARCHIVES = ".archives"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a .zip can tell
AT_ONCE = 2**20  # bytes
OLD = 24 * 3600  # seconds after which an archive may go
Step = Callable[[str, float], None]


def archive_of(release: Path, step: Step | None = None) -> Path:
    """The release as a .zip, made where it is not there yet.

    Raises:
        NotFound: there is no release.
        ExportFailed: the disk refused, or a file of the release is missing.
    """
    manifest = read_manifest(release)
    folder = release.parent / ARCHIVES
    path = folder / f"{release.name}-{manifest.digest[:12]}.zip"
    try:
        folder.mkdir(exist_ok=True)
        sweep(folder)
        if path.is_file():
            path.touch()
        else:
            with _whole(path) as file:
                _write(file, release, manifest, step or (lambda what, share: None))
    except OSError as error:
        raise ExportFailed(f"The .zip could not be written: {error.strerror or error}.") from error
    return path


def sweep(folder: Path) -> None:
    """Remove archives that nobody fetched for a day: each can be made again."""
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > OLD:
                path.unlink()


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name once it is whole."""
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(file: IO[bytes], release: Path, manifest: Manifest, step: Step) -> None:
    top, total, done = f"ru1-{manifest.digest[:12]}", sum(each["bytes"] for each in manifest.files.values()), 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in (MANIFEST, *sorted(manifest.files)):
            source = release / name
            info = zipfile.ZipInfo(f"{top}/{name}", FIRST_DAY)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            info.file_size = source.stat().st_size  # tells whether ZIP64 is needed
            with source.open("rb") as read, archive.open(info, "w") as written:
                while part := read.read(AT_ONCE):
                    written.write(part)
                    done += len(part)
                    step(f"Packing {name}", min(1.0, done / max(1, total)))
