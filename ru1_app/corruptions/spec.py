"""What was done to an image, as one short string: `gaussian_noise@0.6+jpeg@high#7`.

A spec is an ordered chain of steps and one seed. A step is `name@severity`, or
`name@severity~x0,y0,x1,y1` where it is confined to a box given in fractions of the image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ru1_app.errors import InvalidInput

LEVELS = {"low": 1 / 3, "mid": 2 / 3, "high": 1.0}
ALIASES = {
    **{f"c{n}": n / 5 for n in range(1, 6)},  # ImageNet-C's severities 1-5
    **dict(zip(("r25", "r50", "r100"), LEVELS.values(), strict=True)),  # Robust-R1's folders, intensity .23/.45/.9
}
MAX_SEED = 2**32 - 1
MAX_STEPS = 8
FORM = "write name@severity#seed, as in gaussian_noise@mid#7, and join several with +"
_STEP = re.compile(r"(?P<name>[a-z0-9_]+)@(?P<severity>[a-z0-9.]+)(?:~(?P<box>[0-9.,]+))?\Z")
_SEED = re.compile(r"[0-9]{1,10}\Z")


class Box(NamedTuple):
    """A part of an image in fractions of its width and height, origin top left; x0 < x1 and y0 < y1."""

    x0: float
    y0: float
    x1: float
    y1: float


def parse_severity(text: str) -> float:
    """`low`, `mid`, `high`, an alias (`c1`-`c5`: ImageNet-C; `r25`, `r50`, `r100`: Robust-R1) or a number in [0, 1].

    Raises:
        InvalidInput: anything else.
    """
    known = LEVELS | ALIASES
    if text in known:
        return known[text]
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise InvalidInput(f"Severity {text!r} is not low, mid, high, c1 to c5, or a number from 0 to 1.")
    return value


@dataclass(frozen=True, slots=True)
class CorruptionStep:
    """One named corruption of a chain, its severity in [0, 1], and the box it is confined to, if any.

    Severities and boxes are kept to four decimals (the named levels exactly), so that the string says all.
    """

    name: str
    severity: float
    box: Box | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.severity <= 1.0:
            raise InvalidInput(f"Severity {self.severity!r} is not from 0 to 1.")
        near = [level for level in LEVELS.values() if abs(level - self.severity) < 5e-5]
        object.__setattr__(self, "severity", near[0] if near else round(self.severity, 4) + 0.0)
        if self.box is not None:
            box = Box(*(round(value, 4) + 0.0 for value in self.box))  # + 0.0: no "-0" in the string
            if not (0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1):
                raise InvalidInput(f"The box {_numbers(box)} is not x0,y0,x1,y1 with 0 <= x0 < x1 <= 1, and so for y.")
            object.__setattr__(self, "box", box)

    @classmethod
    def parse(cls, text: str) -> CorruptionStep:
        """Read `name@severity` or `name@severity~x0,y0,x1,y1`.

        Raises:
            InvalidInput: not of that form, or a value out of range.
        """
        match = _STEP.match(text.strip())
        if match is None:
            raise InvalidInput(f"{text.strip()!r} is not a corruption: {FORM}.")
        return cls(match["name"], parse_severity(match["severity"]), _box(match["box"]))

    @property
    def level(self) -> str | None:
        """`low`, `mid` or `high` where the severity is one of them."""
        return next((name for name, value in LEVELS.items() if value == self.severity), None)

    def __str__(self) -> str:
        severity = self.level or _number(self.severity)
        return f"{self.name}@{severity}" + (f"~{_numbers(self.box)}" if self.box else "")


@dataclass(frozen=True, slots=True)
class CorruptionSpec:
    """A chain of one to `MAX_STEPS` corruptions in order, and a seed. Same spec and image, same bytes out."""

    steps: tuple[CorruptionStep, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MAX_STEPS:
            raise InvalidInput(f"A chain has one to {MAX_STEPS} corruptions, not {len(self.steps)}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise InvalidInput(f"Seed {self.seed!r} is not a whole number from 0 to {MAX_SEED}.")

    @classmethod
    def of(cls, name: str, severity: float, seed: int = 0, box: Box | None = None) -> CorruptionSpec:
        """A chain of one corruption."""
        return cls((CorruptionStep(name, severity, box),), seed)

    @classmethod
    def parse(cls, text: str, *, seed: int | None = None) -> CorruptionSpec:
        """Read steps joined with `+`, then `#seed`; `seed` fills in where the text has none.

        A blank is read as `+`, as which an address bar may hand it over.

        Raises:
            InvalidInput: not of that form, or a severity, box or seed out of range.
        """
        chain, mark, own = text.strip().partition("#")
        if mark and not _SEED.match(own):
            raise InvalidInput(f"{own!r} is not a seed: give a whole number from 0 to {MAX_SEED} after the #.")
        if mark and seed is not None and int(own) != seed:
            raise InvalidInput(f"{text!r} names seed {own}, but seed {seed} was asked for: give one of them.")
        parts = re.split(r"\s*\+\s*|\s+", chain)
        return cls(tuple(CorruptionStep.parse(part) for part in parts), int(own) if mark else (seed or 0))

    @property
    def names(self) -> tuple[str, ...]:
        """The corruptions' names, in order."""
        return tuple(step.name for step in self.steps)

    @property
    def severity(self) -> float | None:
        """The severity of the only step; None for a chain of several."""
        return self.steps[0].severity if len(self.steps) == 1 else None

    @property
    def level(self) -> str | None:
        """The level that every step has, if they agree."""
        levels = {step.level for step in self.steps}
        return levels.pop() if len(levels) == 1 else None

    def __str__(self) -> str:
        return "+".join(map(str, self.steps)) + f"#{self.seed}"


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"{text!r} is not a box: give x0,y0,x1,y1 as fractions of the image.") from None
    return Box(x0, y0, x1, y1)


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def _numbers(box: Box) -> str:
    return ",".join(map(_number, box))
