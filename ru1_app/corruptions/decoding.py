"""What a receiver does wrong when it decodes: colour planes, white point, levels."""

from __future__ import annotations

from ru1_app.corruptions.base import Corruption

ENTRIES: dict[str, Corruption] = {}
