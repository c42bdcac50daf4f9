"""What was done to an image, as one short string: `gaussian_noise@mid#7`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ru1_app.errors import InvalidInput

LEVELS = {"low": 1 / 3, "mid": 2 / 3, "high": 1.0}
_SPEC = re.compile(r"(?P<name>[a-z0-9_]+)@(?P<severity>[a-z]+|[0-9.]+)(?:#(?P<seed>[0-9]+))?\Z")
MAX_SEED = 2**32 - 1


def parse_severity(text: str) -> float:
    """`low`, `mid`, `high`, or a number in [0, 1]; anything else raises `InvalidInput`."""
    if text in LEVELS:
        return LEVELS[text]
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise InvalidInput(f"Severity {text!r} is not low, mid, high or a number from 0 to 1.")
    return value


@dataclass(frozen=True, slots=True)
class CorruptionSpec:
    """A named corruption, its severity in [0, 1] and its seed. Same spec and image, same bytes out.

    Severities are kept to four decimals (the named levels exactly), so that the string says all.
    """

    name: str
    severity: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.severity <= 1.0:
            raise InvalidInput(f"Severity {self.severity!r} is not from 0 to 1.")
        if not 0 <= self.seed <= MAX_SEED:
            raise InvalidInput(f"Seed {self.seed!r} is not a whole number from 0 to {MAX_SEED}.")
        near = [level for level in LEVELS.values() if abs(level - self.severity) < 5e-5]
        object.__setattr__(self, "severity", near[0] if near else round(self.severity, 4))

    @classmethod
    def parse(cls, text: str, *, seed: int | None = None) -> CorruptionSpec:
        """Read `name@severity` or `name@severity#seed`; `seed` fills in where the text has none.

        Raises:
            InvalidInput: not of that form, or a severity or seed out of range.
        """
        match = _SPEC.match(text.strip())
        if match is None:
            raise InvalidInput(f"{text!r} is not a corruption: write name@severity#seed, as in gaussian_noise@mid#7.")
        own = match["seed"]
        if own is not None and seed is not None and int(own) != seed:
            raise InvalidInput(f"{text!r} names seed {own}, but seed {seed} was asked for: give one of them.")
        chosen = int(own) if own is not None else (seed or 0)
        return cls(match["name"], parse_severity(match["severity"]), chosen)

    @property
    def level(self) -> str | None:
        """`low`, `mid` or `high` where the severity is one of them."""
        return next((name for name, value in LEVELS.items() if value == self.severity), None)

    def __str__(self) -> str:
        severity = self.level or f"{self.severity:.4f}".rstrip("0").rstrip(".")
        return f"{self.name}@{severity}#{self.seed}"
