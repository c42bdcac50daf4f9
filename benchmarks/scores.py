"""The scorers against their references, in one run. python benchmarks/scores.py [--json]

SSIM against scikit-image with the same parameters (goal: at least 4x faster, within 1e-4 on every pair, and within
2e-5 of pytorch_msssim, which is upstream's reward); a batch of 16 on torch against 16 calls of pytorch_msssim (goal:
at least 3x faster) and 16 calls of its own; what the other scorers take beside SSIM, and the colour difference beside
scikit-image's. One thread for OpenCV, torch's default for the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytorch_msssim
import torch
from common import median_seconds, row, show
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from ru1_app.corruptions import CORRUPTIONS, LEVELS, CorruptionSpec, corrupt
from ru1_app.images import Image8
from ru1_app.scoring.ciede import ciede2000
from ru1_app.scoring.ms_ssim import ms_ssim
from ru1_app.scoring.no_reference import blockiness, noise, sharpness
from ru1_app.scoring.ssim import ssim
from ru1_app.scoring.ssim_torch import ssim_batch

SIZES = (512, 1024)
BATCH = 16


def oracle(a: Image8, b: Image8) -> float:
    """scikit-image with upstream's parameters."""
    value: float = structural_similarity(
        a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    return value


def upstream(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The reward of Robust-U1."""
    values: torch.Tensor = pytorch_msssim.ssim(a, b, data_range=1.0, win_size=11, size_average=False)
    return values


def tensor(image: Image8) -> torch.Tensor:
    """[1, 3, H, W] in [0, 1]."""
    return torch.tensor(image).permute(2, 0, 1)[None].float() / 255


def timed(size: int) -> Iterator[dict[str, Any]]:
    """Seconds at one size."""
    photo = cv2.resize(data.astronaut(), (size, size), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    bad = corrupt(photo, CorruptionSpec.of("gaussian_noise", 0.5))
    reference = median_seconds(lambda: oracle(photo, bad), 5)
    own = median_seconds(lambda: ssim(photo, bad))
    yield row(f"ssim {size}, scikit-image", own, "s", reference)
    for name, work in {
        "ms_ssim": lambda: ms_ssim(photo, bad),
        "ciede2000": lambda: ciede2000(photo, bad),
        "sharpness": lambda: sharpness(bad),
        "noise": lambda: noise(bad),
        "blockiness": lambda: blockiness(bad),
    }.items():
        yield row(f"{name} {size}, our ssim", median_seconds(work), "s", own)
    reference = median_seconds(lambda: deltaE_ciede2000(rgb2lab(photo), rgb2lab(bad)).mean(), 5)
    yield row(f"ciede2000 {size}, scikit-image", median_seconds(lambda: ciede2000(photo, bad)), "s", reference)


def differences() -> Iterator[dict[str, Any]]:
    """Largest difference over all corruptions at three levels on three photos, beside what is allowed."""
    to_skimage = to_upstream = 0.0
    for photo in (data.astronaut()[:256, :300], data.coffee()[:260, :256], data.chelsea()[:256, :256]):
        for name in CORRUPTIONS:
            for severity in LEVELS.values():
                bad = corrupt(photo, CorruptionSpec.of(name, severity, 1))
                value = ssim(bad, photo)
                to_skimage = max(to_skimage, abs(value - oracle(bad, photo)))
                to_upstream = max(to_upstream, abs(value - float(upstream(tensor(bad), tensor(photo)))))
    yield row("largest difference to scikit-image, allowed", to_skimage, "", 1e-4)
    yield row("largest difference to pytorch_msssim, allowed", to_upstream, "", 2e-5)


def batches() -> Iterator[dict[str, Any]]:
    """A batch against as many calls."""
    for size in (64, 128, 256, 512):
        a = torch.rand(BATCH, 3, size, size)
        b = (a + 0.1 * torch.randn_like(a)).clamp(0, 1)
        with torch.inference_mode():
            whole = median_seconds(lambda a=a, b=b: ssim_batch(a, b))
            for name, one in {"calls of pytorch_msssim": upstream, "calls of its own": ssim_batch}.items():
                pairs = list(zip(a.split(1), b.split(1), strict=True))
                calls = median_seconds(lambda one=one, pairs=pairs: [one(x, y) for x, y in pairs], 5)
                yield row(f"ssim of {BATCH} at {size}, {name}", whole, "s", calls)


cv2.setNumThreads(1)
show([*(entry for size in SIZES for entry in timed(size)), *differences(), *batches()])
