"""One hostile file and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Expect(StrEnum):
    """What must become of a file; `EITHER` is a picture or a sentence, but nothing else."""

    ACCEPT = "accept"
    REJECT = "reject"
    EITHER = "either"


@dataclass(frozen=True)
class Probe:
    """The colour at a point of the accepted picture (pixels, from the upper left), within `off` levels."""

    x: int
    y: int
    rgb: tuple[int, int, int]
    off: int = 1


@dataclass(frozen=True)
class Hostile:
    """A file of a group, made when it is needed.

    `size` is width and height as accepted, `says` are words of the refusal or of the notes, `silent` words that must
    not be in the notes. `seconds` and `megabytes` (above what the process had) bound the reading.
    """

    name: str
    group: str
    make: Callable[[], bytes]
    expect: Expect
    size: tuple[int, int] | None = None
    probes: tuple[Probe, ...] = ()
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    seconds: float = 2.0
    megabytes: float = 60.0


def accept(
    name: str, group: str, make: Callable[[], bytes], size: tuple[int, int], *probes: Probe, says: tuple[str, ...] = (),
    silent: tuple[str, ...] = (), seconds: float = 2.0, megabytes: float = 60.0,
) -> Hostile:  # fmt: skip
    return Hostile(name, group, make, Expect.ACCEPT, size, probes, says, silent, seconds, megabytes)


def reject(
    name: str, group: str, make: Callable[[], bytes], *says: str, seconds: float = 2.0, megabytes: float = 60.0
) -> Hostile:
    return Hostile(name, group, make, Expect.REJECT, says=says, seconds=seconds, megabytes=megabytes)


def either(name: str, group: str, make: Callable[[], bytes]) -> Hostile:
    return Hostile(name, group, make, Expect.EITHER)
