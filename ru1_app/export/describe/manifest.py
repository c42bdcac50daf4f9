"""`manifest.json`: what was asked for, what a release holds, what was left out and why, a hash of each file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ru1_app.errors import InvalidInput, NotFound

MANIFEST = "manifest.json"
RELEASE_VERSION = "1"  # of the layout of a release


@dataclass(frozen=True, slots=True)
class Written:
    """What one format holds: rows by split, and what it could not use."""

    rows: Mapping[str, int]
    lost: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Nothing here depends on when or where it was written: the same labels give the same bytes."""

    selection: Mapping[str, Any]
    formats: Mapping[str, Written]
    considered: int  # recoveries that the filters let through
    kept: int
    excluded: Mapping[str, int]  # of them, by reason
    preferences: Mapping[str, Any]  # kept, lost by rule, how chosen and rejected ones differ
    judgements: int
    raters: int
    splits: Mapping[str, int]  # recoveries
    labels_until: str  # when the newest of the judgements was made
    taxonomy_versions: tuple[str, ...]
    guideline_versions: tuple[str, ...]
    schema_version: str
    app_version: str
    files: Mapping[str, Mapping[str, Any]]  # sha256 and bytes by relative path
    digest: str  # of the files' names and hashes: what the release is known by
    release_version: str = RELEASE_VERSION

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Manifest:
        """The manifest from plain values; `InvalidInput` where it is none."""
        try:
            formats = {name: Written(**each) for name, each in raw["formats"].items()}
            _check_files(raw["files"])
            versions = {name: tuple(raw[name]) for name in ("taxonomy_versions", "guideline_versions")}
            return cls(**{**raw, "formats": formats, **versions})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidInput("This manifest.json is not that of a release of RU1, or of another version.") from error


def _check_files(files: Mapping[str, Any]) -> None:
    """Refuse, with `ValueError`, what names files outside of the release or lacks what is read of each."""
    for name, entry in files.items():
        path = PurePosixPath(name)
        sound = isinstance(entry["sha256"], str) and isinstance(entry["bytes"], int)
        if not sound or not path.parts or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name!r} is no file of a release.")


def hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """SHA-256 and size of every file below a folder but the manifest, by relative path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: _entry(path) for name, path in sorted(names.items()) if name != MANIFEST}


def digest_of(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One SHA-256 for all files."""
    lines = "".join(f"{each['sha256']}  {name}\n" for name, each in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write it beside the files that it names."""
    text = json.dumps(manifest.as_dict(), indent=2, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release.

    Raises:
        NotFound: there is none.
        InvalidInput: it is not one of this version.
    """
    try:
        raw = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NotFound(f"There is no release in {str(folder)!r}: it lacks a readable {MANIFEST}.") from error
    if not isinstance(raw, dict):
        raise InvalidInput(f"{MANIFEST} is not that of a release of RU1.")
    return Manifest.from_dict(raw)


def differences(folder: Path) -> list[str]:
    """What does not fit the manifest any more, a sentence each; empty where the release is whole."""
    told, found = read_manifest(folder).files, hashes(folder)
    wrong = [f"{name} is missing." for name in sorted(told.keys() - found.keys())]
    wrong += [f"{name} does not belong to it." for name in sorted(found.keys() - told.keys())]
    return wrong + [
        f"{name} was changed." for name in sorted(told.keys() & found.keys()) if dict(told[name]) != found[name]
    ]


def _entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha, "bytes": path.stat().st_size}
