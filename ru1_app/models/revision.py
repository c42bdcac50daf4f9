"""How weights are named in stored rows, and whether a source is a folder or a model of the hub."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path


def weights_revision(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a weights file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def weights_digest(folder: Path) -> str:
    """The first 12 hex digits of the SHA-256 over all safetensors files below the folder, in order of path."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()[:12]


def is_folder(source: str | Path) -> bool:
    """Whether `source` is meant as a folder: it exists, or is no `owner/name` of the hub."""
    return Path(source).exists() or not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", str(source))


def hub_commit(source: str, revision: str | None = None) -> str:
    """The commit of a loaded hub model, from where its config.json lies in the cache; else `revision` or nothing."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(path).parent.name if isinstance(path, str) else revision or ""
