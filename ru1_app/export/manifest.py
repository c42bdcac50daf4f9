"""What an export holds: counts, what was left out and why, versions, and a hash for every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ru1_app import __version__
from ru1_app.export.records import SCHEMA_VERSION
from ru1_app.protocol import load_protocol


@dataclass(frozen=True, slots=True)
class Manifest:
    """`counts` by part, `skipped` by reason, `files` with `sha256` and `bytes` by relative path."""

    format: str
    filters: Mapping[str, str]
    counts: Mapping[str, int]
    unconfirmed: int
    skipped: Mapping[str, int]
    files: Mapping[str, Mapping[str, Any]]
    schema_version: str
    taxonomy_version: str
    guideline_version: str
    app_version: str
    created_at: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def write_manifest(
    folder: Path,
    format_: str,
    filters: Mapping[str, str],
    counts: Mapping[str, int],
    unconfirmed: int,
    skipped: Mapping[str, int],
) -> Manifest:
    """Hash every file in `folder` and write `manifest.json` beside them."""
    protocol = load_protocol()
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = Manifest(
        format=format_,
        filters=dict(filters),
        counts=dict(counts),
        unconfirmed=unconfirmed,
        skipped=dict(skipped),
        files={path.relative_to(folder).as_posix(): _entry(path) for path in paths},
        schema_version=SCHEMA_VERSION,
        taxonomy_version=protocol.taxonomy_version,
        guideline_version=protocol.guideline_version,
        app_version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    text = json.dumps(manifest.as_dict(), indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def _entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha, "bytes": path.stat().st_size}
