"""What this machine has, without importing torch."""

from __future__ import annotations

from pathlib import Path

from ru1_app.config import is_set_to, variable


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is here and not hidden from torch, or is lent for a call (ZeroGPU)."""
    if is_set_to("CUDA_VISIBLE_DEVICES", "", "-1"):
        return False
    cards = Path("/proc/driver/nvidia/gpus")
    return variable("SPACES_ZERO_GPU") is not None or (cards.is_dir() and any(cards.iterdir()))
