"""How a local folder of weights is named in stored rows."""

from __future__ import annotations

import hashlib
from pathlib import Path


def weights_revision(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a weights file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def weights_digest(folder: Path) -> str:
    """The first 12 hex digits of the SHA-256 over the folder's safetensors files, in order of name."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()[:12]
