"""A release: an immutable folder of training data that appears whole or not at all.

What goes in is planned first (`planning.plan`); then each format walks over what was judged up to the same moment, so
raters can go on meanwhile. The bytes depend on the labels and the selection alone: the day
is in the folder's name.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ru1_app import __version__
from ru1_app.errors import ExportFailed, InvalidInput
from ru1_app.export.cases.selection import Selection
from ru1_app.export.cases.source import watched
from ru1_app.export.cases.tally import Tally
from ru1_app.export.describe.card import write_card
from ru1_app.export.describe.croissant import write_croissant
from ru1_app.export.describe.manifest import Manifest, Written, digest_of, hashes, write_manifest
from ru1_app.export.formats import format_of
from ru1_app.export.formats.format import Format
from ru1_app.export.locks import held, try_hold
from ru1_app.export.planning.plan import Plan, Step, plan, why_empty
from ru1_app.export.values.records import SCHEMA_VERSION
from ru1_app.store.sql import Store

UNFINISHED = ".unfinished-"
GRACE = 60  # seconds between making a folder and locking it
LONGEST = 200  # bytes of a folder's name: its archive has a longer one


def write_release(
    store: Store,
    root: Path,
    selection: Selection,
    formats: Sequence[str],
    *,
    name: str = "",
    until: datetime | None = None,
    step: Step | None = None,
) -> tuple[Path, Manifest]:
    """Write a release to a new folder below `root` and return where it is.

    `name` is the folder's; without one it is made of the day, the time and the formats.

    Raises:
        InvalidInput: an unknown format, a name that is taken, or nothing fits the selection.
        ExportFailed: the disk refused; nothing is left behind.
    """
    if not formats:
        raise InvalidInput("Choose at least one format.")
    chosen = [format_of(each) for each in dict.fromkeys(formats)]
    target = _target(root, name, chosen)
    told = step or (lambda what, share: None)
    with _spoken(target), _workshop(root) as folder:
        made = plan(store, selection, until, lambda what, share: told(what, 0.1 * share))
        if not made.kept:
            raise InvalidInput(why_empty(made))
        written = _write(folder, made, chosen, told)
        told("Hashing the files", 0.92)
        manifest = _finish(folder, made, written, selection)
        told("Putting it into place", 0.99)
        folder.rename(target)
    return target, manifest


def _target(root: Path, name: str, chosen: Sequence[Format]) -> Path:
    """The folder that the release becomes; `InvalidInput` where its name cannot be had."""
    target = root / (name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{'-'.join(each.name for each in chosen)}"[:120])
    fits = len(os.fsencode(target.name)) <= LONGEST and "\0" not in target.name
    if target.parent != root or target.name.startswith(".") or not fits:
        raise InvalidInput(f"{name[:64]!r} is no name of a folder.")
    if target.exists():
        raise InvalidInput(f"{str(target)!r} exists already; a release is never changed. Name a new folder.")
    return target


@contextmanager
def _spoken(target: Path) -> Iterator[None]:
    """What the disk refuses, as one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another release was quicker
            raise InvalidInput(f"{str(target)!r} exists already; a release is never changed.") from error
        raise ExportFailed(f"The release could not be written: {error.strerror}.") from error


def _write(folder: Path, made: Plan, chosen: Sequence[Format], told: Step) -> dict[str, Written]:
    """A folder for each format; `InvalidInput` where none of them has a row."""
    tally, written = Tally(), {}
    for number, each in enumerate(chosen):
        start, width = 0.1 + 0.8 * number / len(chosen), 0.8 / len(chosen)
        source = watched(made.source, _progress(told, each.title, made.kept, start, width))
        (folder / each.name).mkdir()
        rows = each.write(source, folder / each.name, tally)
        written[each.name] = Written(dict(sorted(rows.items())), tally.of(each.name))
    if not any(sum(each.rows.values()) for each in written.values()):
        raise InvalidInput(_why_no_rows(written))
    return written


def _progress(told: Step, title: str, count: int, start: float, width: float) -> Callable[[int], None]:
    return lambda done: told(f"{title}: {done:,} of {count:,} recoveries", start + width * done / max(1, count))


def _finish(folder: Path, made: Plan, written: dict[str, Written], selection: Selection) -> Manifest:
    write_card(folder, made, written)
    write_croissant(folder, made.survey)
    files = hashes(folder)
    found = made.survey
    manifest = Manifest(
        selection=selection.to_dict(),
        formats=written,
        considered=made.considered,
        kept=made.kept,
        excluded=made.excluded,
        preferences=found.preferences,
        judgements=found.judgements,
        raters=found.raters,
        splits=found.splits,
        labels_until=found.labels_until,
        taxonomy_versions=found.taxonomy_versions,
        guideline_versions=found.guideline_versions,
        schema_version=SCHEMA_VERSION,
        app_version=__version__,
        files=files,
        digest=digest_of(files),
    )
    write_manifest(manifest, folder)
    os.sync()  # everything is on disk before the name says that it is there
    return manifest


@contextmanager
def _workshop(root: Path) -> Iterator[Path]:
    """A folder beside the releases that nobody takes for one; what killed processes left of theirs is removed."""
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    part = Path(tempfile.mkdtemp(dir=root, prefix=UNFINISHED))
    try:
        with held(part / "lock"):
            folder = part / "release"
            folder.mkdir()
            yield folder
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove unfinished releases whose writers are gone."""
    for part in root.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            begun = (part / "lock").exists() or time.time() - part.stat().st_mtime > GRACE
            if begun and try_hold(part / "lock"):
                shutil.rmtree(part, ignore_errors=True)


def _why_no_rows(written: dict[str, Written]) -> str:
    parts = []
    for name, each in written.items():
        lost = ", ".join(f"{count:,} {reason}" for reason, count in each.lost.items()) or "nothing of its kind"
        parts.append(f"{name}: {lost}")
    return f"No format has a row ({'; '.join(parts)}). Choose another format or other filters."
