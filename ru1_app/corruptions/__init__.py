"""Corruptions: seeded, deterministic functions that damage an image, after R-Bench and ImageNet-C.

`corrupt(image, spec)` is the only way in. Severity 0 returns the input's pixels; each corruption has its
own random stream, so two of them never share draws.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

from ru1_app.corruptions import blur, encoding, light, sensor
from ru1_app.corruptions.base import Corruption
from ru1_app.corruptions.spec import LEVELS, MAX_SEED, CorruptionSpec, parse_severity
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8

__all__ = ["CORRUPTIONS", "LEVELS", "MAX_SEED", "Corruption", "CorruptionSpec", "corrupt", "parse_severity"]

CORRUPTIONS: dict[str, Corruption] = {
    "motion_blur": Corruption("Motion blur", "environment", "camera or object moves during exposure", blur.motion_blur),
    "low_light": Corruption("Low light", "environment", "too few photons, dark and noisy", light.low_light),
    "fog": Corruption("Fog", "environment", "a scattering veil of uneven density", light.fog),
    "defocus_blur": Corruption("Defocus blur", "camera", "the lens is out of focus", blur.defocus_blur),
    "gaussian_noise": Corruption("Gaussian noise", "sensor", "read-out noise", sensor.gaussian_noise),
    "shot_noise": Corruption("Shot noise", "sensor", "photon counting", sensor.shot_noise),
    "impulse_noise": Corruption("Salt & pepper", "sensor", "dead and hot pixels", sensor.impulse_noise),
    "jpeg": Corruption("JPEG", "encoding", "coarse block transform", encoding.jpeg),
    "pixelate": Corruption("Pixelation", "encoding", "blocky down-sampling", encoding.pixelate),
    "block_lost": Corruption(
        "Lost blocks", "channel", "lost packets leave blank blocks", encoding.block_lost, local=True
    ),
    "gaussian_blur": Corruption("Gaussian blur", "enhancement", "an over-smoothing filter", blur.gaussian_blur),
    "contrast_loss": Corruption("Contrast loss", "enhancement", "a flat tone curve", light.contrast_loss),
}


def corrupt(image: Image8, spec: CorruptionSpec) -> Image8:
    """Damage an RGB uint8 image [H, W, 3] of any size; same size out, the input is left alone.

    Raises:
        InvalidInput: `spec.name` is not in `CORRUPTIONS`.
    """
    entry = CORRUPTIONS.get(spec.name)
    if entry is None:
        raise InvalidInput(f"There is no corruption {spec.name!r}. There are: {', '.join(CORRUPTIONS)}.")
    if spec.severity == 0:
        return image.copy()
    seeds = np.random.SeedSequence([spec.seed, crc32(spec.name.encode())])
    return entry.apply(image, spec.severity, np.random.Generator(np.random.PCG64(seeds)))
