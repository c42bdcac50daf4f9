"""What this machine has, without importing torch."""

from __future__ import annotations

from pathlib import Path

from ru1_app.config import variable


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is here, or lent for a call (ZeroGPU)."""
    cards = Path("/proc/driver/nvidia/gpus")
    return variable("SPACES_ZERO_GPU") is not None or (cards.is_dir() and any(cards.iterdir()))
