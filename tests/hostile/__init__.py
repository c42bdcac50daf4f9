"""Files that a stranger might give, each with what must become of it. All are made here, none is stored."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.file import Expect, Hostile, Probe
from tests.hostile.good import GOOD
from tests.hostile.kinds import KINDS
from tests.hostile.names import NAMES
from tests.hostile.traps import TRAPS

__all__ = ["FILES", "Expect", "Hostile", "Probe", "write_all"]

FILES: tuple[Hostile, ...] = (*GOOD, *KINDS, *TRAPS, *NAMES)


def write_all(folder: Path) -> dict[str, Path]:
    """Write every file into `folder`, and say where by its name."""
    folder.mkdir(parents=True)
    places = {file.name: folder / file.name for file in FILES}
    for file in FILES:
        places[file.name].write_bytes(file.make())
    return places
