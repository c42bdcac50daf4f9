"""The releases in a folder, as their manifests tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ru1_app.errors import Ru1Error
from ru1_app.export.describe.manifest import MANIFEST, read_manifest

STAMP = "%Y%m%d-%H%M%S"


@dataclass(frozen=True, slots=True)
class Past:
    """A release that was made."""

    name: str  # of its folder
    made_at: datetime
    digest: str
    kept: int  # recoveries
    formats: Mapping[str, Mapping[str, int]]  # rows by split
    selection: Mapping[str, Any]
    files: int
    size: int  # bytes


def past_in(root: Path) -> list[Past]:
    """Every release below a folder, newest first. What is unfinished, or no release, is not among them."""
    if not root.is_dir():
        return []
    found = [past_of(path) for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted((each for each in found if each), key=lambda each: (each.made_at, each.name), reverse=True)


def past_of(folder: Path) -> Past | None:
    """The release of a folder, or None where it is none."""
    try:
        return _read(folder, (folder / MANIFEST).stat().st_mtime_ns)
    except (Ru1Error, OSError):
        return None


@lru_cache(500)
def _read(folder: Path, changed: int) -> Past:
    """A manifest names every file, so it may be large: it is read once."""
    manifest = read_manifest(folder)
    return Past(
        name=folder.name,
        made_at=_moment(folder.name) or datetime.fromtimestamp(changed / 1e9, UTC),
        digest=manifest.digest,
        kept=manifest.kept,
        formats={name: dict(each.rows) for name, each in manifest.formats.items()},
        selection=manifest.selection,
        files=len(manifest.files) + 1,
        size=sum(each["bytes"] for each in manifest.files.values()) + (folder / MANIFEST).stat().st_size,
    )


def _moment(name: str) -> datetime | None:
    """When the folder's name says that it was made."""
    try:
        return datetime.strptime(name[:15], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
