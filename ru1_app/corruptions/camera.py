"""What the lens does, and what is on it. Lengths are for 512 pixels."""

from __future__ import annotations

from ru1_app.corruptions.base import Corruption, Rng, knots, unit
from ru1_app.corruptions.psf import disk_psf, filter_psf
from ru1_app.images import Image8


def defocus_blur(image: Image8, severity: float, rng: Rng) -> Image8:
    """Circle of confusion: radius .3 / 4 / 9 / 18."""
    return filter_psf(image, disk_psf(knots(severity, (0.3, 4, 9, 18)) * unit(image)))


ENTRIES = {
    "defocus_blur": Corruption("Defocus blur", "camera", "the lens is out of focus", defocus_blur),
}
