"""Makers of gold from clean photographs. A photo that has no place for a kind's fault gives none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.gold.base import SHOWN, Gold, GoldKind, area, changed_box, difference, lossy, mild, shown, where
from ru1_app.images import Image8
from ru1_app.scenes.scene import generator

HARSH = ("fog@1+fog@1+gaussian_noise@1", "contrast_loss@1+contrast_loss@1+gaussian_noise@1")
ATTEMPTS = 6  # corruptions that are tried for one photo
HUES = (32, 148)  # a shift of hue, in half degrees: the colour gets another name
SATURATION, WARM_SATURATION, VALUE = 90, 150, 60  # from which a hue is seen; skin is warm and pale
SAME_HUE = 10  # half degrees within one colour
COLOURS = (
    (6, "red"), (20, "orange"), (34, "yellow"), (84, "green"), (100, "turquoise"), (130, "blue"), (152, "purple"),
    (170, "pink"), (180, "red"),
)  # fmt: skip
"""Names of hues in half degrees, each up to its number."""
SOLID = 0.55  # share of its box that a coloured area must fill: a thing, not a grain
SMALLEST, LARGEST = 0.015, 0.2  # share of the image that a recoloured or erased thing covers
STRUCTURE = 36.0  # levels by which an erased box must differ, in the mean, from what its surroundings let one expect
WINDOWS = 40  # boxes that are looked at for one to erase
TOLD = 0.35  # correlation of middle-sized structure above which the harshly damaged photo still shows something

PhotoMaker = Callable[[str, Image8, int], Gold | None]
Mask = NDArray[np.bool_]


def reencoded(name: str, clean: Image8, seed: int) -> Gold:
    """The photo, lightly re-encoded: faithful."""
    spec = mild(seed)
    return Gold(
        GoldKind.REENCODED, corrupt(clean, spec), lossy(clean, 92), clean, "faithful", 0,
        "All that the recovery shows is in the input too: it is faithful.", f"photo:{name}", str(spec), seed,
    )  # fmt: skip


def hue_shifted(name: str, clean: Image8, seed: int) -> Gold | None:
    """One strongly coloured area in another colour; None where the photo has none."""
    rng = generator(seed, 81)
    hsv = cv2.cvtColor(clean, cv2.COLOR_RGB2HSV)
    found = list(_coloured(hsv))
    if not found:
        return None
    mask = found[rng.integers(len(found))]
    hue = int(np.median(hsv[..., 0][mask]))
    shift = [each for each in range(*HUES) if _named(hue) != _named(hue + each)]
    by = shift[rng.integers(len(shift))]
    turned = hsv.copy()
    turned[..., 0] = (hsv[..., 0].astype(np.int16) + by) % 180
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    false = clean + soft * (cv2.cvtColor(turned, cv2.COLOR_HSV2RGB).astype(np.float32) - clean)
    told = f"What is {_named(hue)} {{where}} in the input is {_named(hue + by)} in the recovery: an attribute changed."
    return _planted(
        GoldKind.HUE_SHIFTED, name, clean, np.asarray(false.round(), np.uint8), seed, "attribute_changed", told
    )


def erased(name: str, clean: Image8, seed: int) -> Gold | None:
    """A box with real structure painted over from its surroundings; None where there is none."""
    rng = generator(seed, 82)
    height, width = clean.shape[:2]
    best, structure = None, STRUCTURE
    for _ in range(WINDOWS):
        high, wide = (round(side * rng.uniform(0.16, 0.28)) for side in (height, width))
        top, left = rng.integers(2, height - high - 2), rng.integers(2, width - wide - 2)
        mask = np.zeros((height, width), np.uint8)
        cv2.ellipse(mask, (int(left + wide // 2), int(top + high // 2)), (wide // 2, high // 2), 0, 0, 360, 1, -1)
        false = np.asarray(cv2.inpaint(clean, mask, 4, cv2.INPAINT_TELEA), np.uint8)
        differs = float(difference(clean, false)[mask > 0].mean())
        if differs > structure:
            best, structure = false, differs
    told = "What the input shows {where}, in the box, is painted over in the recovery: something was removed."
    accepted = ("count_changed", "geometry_artifact", "under_recovered", "person_altered")
    if best is None:
        return None
    return _planted(GoldKind.THING_ERASED, name, clean, best, seed, "object_removed", told, accepted)


def not_recovered(name: str, clean: Image8, seed: int) -> Gold | None:
    """The harshly corrupted photo given back as it is; None where it still shows something."""
    for attempt in range(ATTEMPTS):
        spec = CorruptionSpec.parse(HARSH[(seed + attempt) % len(HARSH)], seed=(seed + attempt) % 2**31)
        damaged = corrupt(clean, spec)
        if told(clean, damaged) < TOLD:
            return Gold(
                GoldKind.NOT_RECOVERED, damaged, lossy(damaged, 95), clean, "unusable", 2,
                "The damage is still there: too little was recovered to say what the photo shows.",
                f"photo:{name}", str(spec), seed, {"under_recovered": 2},
            )  # fmt: skip
    return None


PHOTO_MAKERS: dict[GoldKind, PhotoMaker] = {
    GoldKind.REENCODED: reencoded,
    GoldKind.HUE_SHIFTED: hue_shifted,
    GoldKind.THING_ERASED: erased,
    GoldKind.NOT_RECOVERED: not_recovered,
}


def told(clean: Image8, damaged: Image8) -> float:
    """How much of the middle-sized structure is left in the damaged image: a correlation, -1 to 1."""
    one, other = (_structure(image).ravel() for image in (clean, damaged))
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0


def _named(hue: int) -> str:
    return next(name for end, name in COLOURS if hue % 180 < end)


def _structure(image: Image8) -> NDArray[np.float32]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = max(grey.shape)
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), side * part) for part in (0.008, 0.04))
    return np.asarray(fine - coarse, np.float32)


def _planted(
    kind: GoldKind, name: str, clean: Image8, false: Image8, seed: int, category: str, told: str,
    accepted: tuple[str, ...] = (),
) -> Gold | None:  # fmt: skip
    """The pair, under the first corruption through which the fault can be known; None where there is none."""
    box = changed_box(clean, false)
    if box is None or not SMALLEST <= area(box) <= 2 * LARGEST:
        return None
    region = replace(box, category=category)
    for attempt in range(ATTEMPTS):
        spec = mild(seed + attempt)
        if shown(clean, false, spec) >= SHOWN:
            return Gold(
                kind, corrupt(clean, spec), lossy(false, 92), clean, "misleading", 2, told.format(where=where(region)),
                f"photo:{name}", str(spec), seed, {category: 2}, (region,), accepted,
            )  # fmt: skip
    return None


def _coloured(hsv: Image8) -> Iterator[Mask]:
    """The connected areas of one strong colour, neither tiny nor most of the picture."""
    hue, saturation, value = (hsv[..., channel].astype(np.int16) for channel in range(3))
    warm = (hue <= 20) | (hue >= 172)
    strong = (saturation >= np.where(warm, WARM_SATURATION, SATURATION)) & (value >= VALUE)
    for centre in range(0, 180, SAME_HUE):
        away = np.abs((hue - centre + 90) % 180 - 90)
        near = (strong & (away <= SAME_HUE)).astype(np.uint8)
        near = cv2.morphologyEx(near, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        number, labels, stats, _ = cv2.connectedComponentsWithStats(near)
        for label in range(1, number):
            size, box = (
                stats[label, cv2.CC_STAT_AREA],
                stats[label, cv2.CC_STAT_WIDTH] * stats[label, cv2.CC_STAT_HEIGHT],
            )
            if SMALLEST <= size / hue.size <= LARGEST and size >= SOLID * box:
                yield np.asarray(labels == label)
