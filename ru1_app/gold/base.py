"""What a gold pair is, and what every maker needs: a recovery's loss, a fault's box, how the input shows it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Question, Region
from ru1_app.images import Image8

MARGIN = 0.01  # around what differs, as a fraction of the side
SEEN = 24  # levels by which a pixel differs visibly
PLAIN = 3 * SEEN  # levels by which it differs at a glance
SHOWN = 16  # levels by which the input must tell the true picture from the false one, in the median changed pixel
MILD = ("gaussian_noise@0.45", "fog@0.5", "low_light@0.5", "gaussian_blur@0.25", "contrast_loss@0.5", "jpeg@0.35")


class GoldKind(StrEnum):
    """What was done."""

    REENCODED = "reencoded"
    TEXTURE_INVENTED = "texture_invented"
    DIGITS_SWAPPED = "digits_swapped"
    WORD_SWAPPED = "word_swapped"
    ARROW_TURNED = "arrow_turned"
    LIGHT_CHANGED = "light_changed"
    HUE_SHIFTED = "hue_shifted"
    THING_ERASED = "thing_erased"
    THING_ADDED = "thing_added"
    COUNT_CHANGED = "count_changed"
    NOT_RECOVERED = "not_recovered"


@dataclass(frozen=True, eq=False)
class Gold:
    """One gold pair. Images are RGB uint8 [H, W, 3] of one size; regions are fractions of the recovered one.

    `explanation` is what a rater is told in training; `spec` is the corruption of the input with its seed. `accepted`
    are categories that are not the best word for the fault but are not wrong either. `question` hangs on what was
    changed and expects the true answer.
    """

    kind: GoldKind
    corrupted: Image8
    recovered: Image8
    reference: Image8
    verdict: str
    severity: int
    explanation: str
    source: str
    spec: str
    seed: int
    categories: Mapping[str, int] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    accepted: tuple[str, ...] = ()
    question: Question | None = None


def lossy(image: Image8, quality: int) -> Image8:
    """A little soft and lightly encoded, as a recovery is: nobody shall know gold by its sharpness."""
    buffer = io.BytesIO()
    soft = cv2.GaussianBlur(image, (0, 0), 0.6)
    Image.fromarray(np.asarray(soft, np.uint8)).save(buffer, format="JPEG", quality=quality, subsampling=0)
    with Image.open(buffer, formats=("JPEG",)) as decoded:
        return np.asarray(decoded.convert("RGB"))


def difference(one: Image8, other: Image8) -> NDArray[np.int16]:
    """By how many levels two images differ, [H, W]: the most of the three channels."""
    return np.asarray(np.abs(one.astype(np.int16) - other.astype(np.int16)).max(2))


def changed_box(clean: Image8, other: Image8) -> Region | None:
    """The box around the pixels that differ visibly, a little larger; None where none do."""
    differs = difference(clean, other) >= SEEN
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return None
    height, width = differs.shape
    return Region(
        float(max(0.0, columns[0] / width - MARGIN)),
        float(max(0.0, rows[0] / height - MARGIN)),
        float(min(1.0, (columns[-1] + 1) / width + MARGIN)),
        float(min(1.0, (rows[-1] + 1) / height + MARGIN)),
    )


def shown(clean: Image8, false: Image8, spec: CorruptionSpec) -> float:
    """By how many levels the corrupted input differs from what it were if the false picture were true.

    The median of the pixels that were changed at a glance; 0 where none were.
    """
    changed = difference(clean, false) >= PLAIN
    if not changed.any():
        return 0.0
    return float(np.median(difference(corrupt(clean, spec), corrupt(false, spec))[changed]))


def where(region: Region) -> str:
    """The place in words: "at the top left"."""
    across = ("left", "", "right")[min(2, int((region.x0 + region.x1) / 2 * 3))]
    down = ("top", "", "bottom")[min(2, int((region.y0 + region.y1) / 2 * 3))]
    words = " ".join(word for word in (down, across) if word)
    if not words:
        return "in the middle"
    return f"on the {words}" if words == across else f"at the {words}"


def area(region: Region) -> float:
    """The share of the image that a region covers."""
    return (region.x1 - region.x0) * (region.y1 - region.y0)


def mild(seed: int) -> CorruptionSpec:
    """A corruption through which everything can still be told; which one, goes round with the seed."""
    return CorruptionSpec.parse(MILD[seed % len(MILD)], seed=seed % 2**31)
