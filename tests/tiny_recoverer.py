"""A random recoverer of the real kind, saved as the trainer saves it."""

from __future__ import annotations

from pathlib import Path

import torch

from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.training.weights import save_pipeline

SIZES = (8, 16, 16, 16), (1, 1, 1, 1), (1, 1, 1)


def make_tiny_recoverer(folder: Path, seed: int = 0) -> Path:
    """Its folder; every layer does something, the last ones too."""
    torch.manual_seed(seed)
    net = RecoveryNet(*SIZES)
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    save_pipeline(net, 0.05, folder)
    return folder
