"""Corruptions: seeded, deterministic functions that damage an image, after R-Bench, ImageNet-C and Robust-R1.

`corrupt(image, spec)` and `apply_spec`, which also tells where, are the only ways in. Severity 0 returns the
input's pixels; each corruption has its own random stream, so two of them never share draws.
"""

from __future__ import annotations

from ru1_app.corruptions.base import STEPS, Corruption, Geometry
from ru1_app.corruptions.engine import Corrupted, apply_spec, corrupt
from ru1_app.corruptions.registry import CORRUPTIONS, entry_of
from ru1_app.corruptions.spec import LEVELS, MAX_SEED, MAX_STEPS, Box, CorruptionSpec, CorruptionStep, parse_severity

__all__ = [
    "CORRUPTIONS",
    "LEVELS",
    "MAX_SEED",
    "MAX_STEPS",
    "STEPS",
    "Box",
    "Corrupted",
    "Corruption",
    "CorruptionSpec",
    "CorruptionStep",
    "Geometry",
    "apply_spec",
    "corrupt",
    "entry_of",
    "parse_severity",
]
