"""Position tables of the image tokens."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def position_table(side: int, width: int) -> Tensor:
    """[side * side, width] float32: sine and cosine of the column, then of the row (upstream modeling_utils.py).

    omega_i = 10000^(-i / (width / 4)); entry row * side + column.
    """
    omega = 1.0 / 10000 ** (np.arange(width // 4, dtype=np.float64) / (width / 4))
    angles = np.arange(side, dtype=np.float64)[:, None] * omega
    line = np.concatenate([np.sin(angles), np.cos(angles)], 1)  # [side, width / 2]
    columns = np.broadcast_to(line[None], (side, side, line.shape[1]))
    rows = np.broadcast_to(line[:, None], (side, side, line.shape[1]))
    return torch.from_numpy(np.concatenate([columns, rows], 2).reshape(side * side, -1)).float()
