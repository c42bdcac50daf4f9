"""What a recovery at mid severity should gain, of models trained on a CPU and on a GPU: data, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ru1_app.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Targets:
    """Least gains. `psnr` by corruption and `mean_psnr` are in dB; the clean ones are no gains but scores."""

    psnr: Mapping[str, float]
    mean_psnr: float
    mean_ssim: float
    clean_psnr: float
    clean_ssim: float


_PSNR = {  # corruption: dB when trained on a CPU, on a GPU
    "gaussian_noise": (8, 11),
    "shot_noise": (6.5, 9),
    "impulse_noise": (10, 14),
    "low_light": (9, 11),
    "fog": (4.5, 6.5),
    "contrast_loss": (2, 3.5),
    "white_balance": (1.2, 2.5),
    "scan_lines": (4, 8),
    "gaussian_blur": (0.4, 1.5),
    "defocus_blur": (0.4, 1.5),
    "motion_blur": (0.3, 1.5),
    "jpeg": (0.4, 1.0),
    "downsample": (0.2, 0.8),
    "pixelate": (0.6, 1.5),
    "block_exchange": (-0.05, 0.3),
}
TARGETS = {
    "cpu": Targets({name: pair[0] for name, pair in _PSNR.items()}, 3.5, 0.12, 38, 0.97),
    "gpu": Targets({name: pair[1] for name, pair in _PSNR.items()}, 5.5, 0.18, 42, 0.97),
}


def targets_of(hardware: str) -> Targets:
    """The column of the hardware that the models were trained on.

    Raises:
        InvalidInput: there is no such column.
    """
    if hardware not in TARGETS:
        raise InvalidInput(f"There are no targets for {hardware!r}. Give --hardware {' or '.join(TARGETS)}.")
    return TARGETS[hardware]


def verdict(row: Mapping[str, Any] | None, target: float | None) -> str:
    """Whether a mean reaches its target, and whether its interval leaves that open; a dash where either is missing."""
    if not row or target is None:
        return "–"
    found = "met" if row["mean"] >= target else "not met"
    low, high = row.get("low"), row.get("high")
    unsure = low is not None and high is not None and low < target <= high
    return f"{found}, within the interval" if unsure else found
