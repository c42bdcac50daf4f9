"""Applies a spec to an image, step by step."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from ru1_app.corruptions.base import Geometry, Mask
from ru1_app.corruptions.registry import entry_of
from ru1_app.corruptions.spec import Box, CorruptionSpec, CorruptionStep
from ru1_app.images import Image8


@dataclass(frozen=True)
class Corrupted:
    """A corrupted image with what is known of the damage."""

    image: Image8
    mask: Mask | None  # true where it may be damaged; None: everywhere
    geometry: Geometry


def corrupt(image: Image8, spec: CorruptionSpec) -> Image8:
    """`apply_spec` for those who need the image only."""
    return apply_spec(image, spec).image


def apply_spec(image: Image8, spec: CorruptionSpec) -> Corrupted:
    """Damage an RGB uint8 image [H, W, 3] of any size; same size out, the input is left alone.

    Each corruption has a random stream of its own, from the seed, its name and how often the chain has used
    that name before, so adding a step to a chain leaves the draws of the others alone.

    Raises:
        InvalidInput: a name is not in the registry.
    """
    entries = [entry_of(step.name) for step in spec.steps]
    used: Counter[str] = Counter()
    out, masks = image.copy(), []
    for step in spec.steps:
        stream = np.random.SeedSequence([spec.seed, crc32(step.name.encode()), used[step.name]])
        used[step.name] += 1
        out, mask = _apply(out, step, np.random.Generator(np.random.PCG64(stream)))
        masks.append(mask)
    order = list(Geometry)
    moved = [entry.geometry for entry, step in zip(entries, spec.steps, strict=True) if step.severity > 0]
    return Corrupted(out, _union(masks), max(moved, key=order.index, default=Geometry.KEPT))


def _apply(image: Image8, step: CorruptionStep, rng: np.random.Generator) -> tuple[Image8, Mask | None]:
    """The damaged image and where; a box is left as it was outside of it."""
    if step.severity == 0:
        return image, np.zeros(image.shape[:2], np.bool_)
    entry = entry_of(step.name)
    if entry.local is not None:
        out, mask = entry.local(image, step.severity, rng)
    elif entry.apply is not None:
        out, mask = entry.apply(image, step.severity, rng), None
    else:
        raise TypeError(f"the registry gives no function for {step.name}")
    if step.box is None:
        return out, mask
    inside = box_mask(image.shape[0], image.shape[1], step.box)
    return np.where(inside[..., None], out, image), inside if mask is None else inside & mask


def box_mask(height: int, width: int, box: Box) -> Mask:
    """True in the pixels [H, W] that the box touches: at least one."""
    mask = np.zeros((height, width), np.bool_)
    rows, columns = _pixels(box.y0, box.y1, height), _pixels(box.x0, box.x1, width)
    mask[rows, columns] = True
    return mask


def _pixels(low: float, high: float, count: int) -> slice:
    """Pixels between two fractions; a touch of less than a millionth is rounding."""
    first = min(math.floor(low * count + 1e-6), count - 1)
    return slice(first, max(math.ceil(high * count - 1e-6), first + 1))


def _union(masks: list[Mask | None]) -> Mask | None:
    known = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(known) if len(known) == len(masks) else None
