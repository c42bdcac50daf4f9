"""Makers of gold from drawn scenes: each plants one known fault, or none. The same seed gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from ru1_app.corruptions import CorruptionSpec, apply_spec
from ru1_app.domain import Region
from ru1_app.images import Image8
from ru1_app.scenes import Scene, render, sample_scene
from ru1_app.scenes.evidence import THINGS, Evidence
from ru1_app.scenes.scene import ARROWS, CAR_COLOURS, EXTRAS, LIGHTS, SPEEDS, WORDS, generator

SIDE = 384
MARGIN = 0.01  # around what differs, as a fraction of the side
SEEN = 24  # levels by which a pixel differs visibly
FIRST_SEED = 3_000_000_000  # of scenes that only gold shows
MILD = ("gaussian_noise@0.45", "fog@0.5", "low_light@0.5", "gaussian_blur@0.25", "contrast_loss@0.5", "jpeg@0.35")
HARSH = ("low_light@1+gaussian_noise@1", "gaussian_blur@1+gaussian_noise@1", "pixelate@1+gaussian_noise@1")
TELLABLE = 24.0  # d' of the thing that was changed, in the corrupted input: three times what an eye needs


class GoldKind(StrEnum):
    """What was done."""

    REENCODED = "reencoded"
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

    `explanation` is what a rater is told in training; `spec` is the corruption of the input with its seed.
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


@dataclass(frozen=True, slots=True)
class Fault:
    """A scene with one thing changed, and how that is judged."""

    scene: Scene
    thing: str
    category: str
    severity: int
    told: str


T = TypeVar("T")
Maker = Callable[[int], Gold]


def reencoded(seed: int) -> Gold:
    """The clean scene, lightly re-encoded: faithful."""
    scene, spec = sample_scene(FIRST_SEED + seed), _spec(MILD, seed)
    clean = render(scene, SIDE)
    return Gold(
        GoldKind.REENCODED, apply_spec(clean, spec).image, lossy(clean, 92), clean, "faithful", 0,
        "All that the recovery shows is in the input too: it is faithful.",
        f"scene:{scene.seed}", str(spec), seed,
    )  # fmt: skip


def not_recovered(seed: int) -> Gold:
    """The harshly corrupted input given back as it is: unusable."""
    scene, spec = sample_scene(FIRST_SEED + seed), _spec(HARSH, seed)
    clean = render(scene, SIDE)
    damaged = apply_spec(clean, spec).image
    return Gold(
        GoldKind.NOT_RECOVERED, damaged, lossy(damaged, 95), clean, "unusable", 2,
        "The damage is still there: too little was recovered to say what the scene shows.",
        f"scene:{scene.seed}", str(spec), seed, {"under_recovered": 2},
    )  # fmt: skip


def _planted(kind: GoldKind, change: Callable[[Scene, np.random.Generator], Fault | None]) -> Maker:
    """A maker of scenes in which one thing was changed, and can be told from the input."""

    def make(seed: int) -> Gold:
        for attempt in range(200):
            number = FIRST_SEED + seed * 211 + attempt
            scene, rng = sample_scene(number), generator(number, 71)
            fault = change(scene, rng)
            spec = _spec(MILD, number)
            if fault is None or _detail(scene, fault, spec) < TELLABLE:
                continue
            clean, false = render(scene, SIDE), render(fault.scene, SIDE)
            box = changed_box(clean, false)
            if box is None or (box.x1 - box.x0) * (box.y1 - box.y0) > 0.2:
                continue
            region = replace(box, category=fault.category)
            verdict_severity = max(2, fault.severity)
            return Gold(
                kind, apply_spec(clean, spec).image, lossy(false, 92), clean, "misleading", verdict_severity,
                fault.told, f"scene:{number}", str(spec), seed, {fault.category: fault.severity}, (region,),
            )  # fmt: skip
        raise AssertionError(f"no scene for {kind} at seed {seed}")

    return make


def _digits(scene: Scene, rng: np.random.Generator) -> Fault:
    speed = _other(SPEEDS, scene.speed, rng)
    told = f"The speed sign reads {scene.speed} in the input and {speed} in the recovery: the text was altered."
    return Fault(replace(scene, speed=speed), "speed", "text_altered", 3, told)


def _word(scene: Scene, rng: np.random.Generator) -> Fault:
    word = _other(WORDS, scene.word, rng)
    told = f"The sign says {scene.word} in the input and {word} in the recovery: the text was altered."
    return Fault(replace(scene, word=word), "word", "text_altered", 3, told)


def _arrow(scene: Scene, rng: np.random.Generator) -> Fault:
    arrow = _other(ARROWS, scene.arrow, rng)
    told = f"The arrow points {scene.arrow} in the input and {arrow} in the recovery: its direction changed."
    return Fault(replace(scene, arrow=arrow), "arrow", "spatial_changed", 3, told)


def _light(scene: Scene, rng: np.random.Generator) -> Fault:
    light = _other(LIGHTS, scene.light, rng)
    told = f"The traffic light is {scene.light} in the input and {light} in the recovery: an attribute changed."
    return Fault(replace(scene, light=light), "light", "attribute_changed", 3, told)


def _car(scene: Scene, rng: np.random.Generator) -> Fault:
    car = _other(CAR_COLOURS, scene.car, rng)
    told = f"The car is {scene.car} in the input and {car} in the recovery: an attribute changed."
    return Fault(replace(scene, car=car), "car", "attribute_changed", 2, told)


def _erased(scene: Scene, rng: np.random.Generator) -> Fault | None:
    here = [name for name in EXTRAS if name in scene.extras and name != "cloud"]
    if not here:
        return None
    gone = here[rng.integers(len(here))]
    told = f"The {gone} of the input is missing in the recovery: an object was removed."
    kept = tuple(name for name in scene.extras if name != gone)
    return Fault(replace(scene, extras=kept), gone, "object_removed", 2, told)


def _added(scene: Scene, rng: np.random.Generator) -> Fault | None:
    missing = [name for name in EXTRAS if name not in scene.extras and name != "cloud"]
    if not missing:
        return None
    new = missing[rng.integers(len(missing))]
    told = f"The recovery shows a {new} that the input does not have: an object was added."
    return Fault(replace(scene, extras=(*scene.extras, new)), new, "object_added", 2, told)


def _count(scene: Scene, rng: np.random.Generator) -> Fault | None:
    if scene.people < 2:
        return None
    people = scene.people - 1
    told = f"There are {scene.people} people in the input and {people} in the recovery: their number changed."
    return Fault(replace(scene, people=people), "people", "count_changed", 2, told)


MAKERS: dict[GoldKind, Maker] = {
    GoldKind.REENCODED: reencoded,
    GoldKind.DIGITS_SWAPPED: _planted(GoldKind.DIGITS_SWAPPED, _digits),
    GoldKind.WORD_SWAPPED: _planted(GoldKind.WORD_SWAPPED, _word),
    GoldKind.ARROW_TURNED: _planted(GoldKind.ARROW_TURNED, _arrow),
    GoldKind.LIGHT_CHANGED: _planted(GoldKind.LIGHT_CHANGED, _light),
    GoldKind.HUE_SHIFTED: _planted(GoldKind.HUE_SHIFTED, _car),
    GoldKind.THING_ERASED: _planted(GoldKind.THING_ERASED, _erased),
    GoldKind.THING_ADDED: _planted(GoldKind.THING_ADDED, _added),
    GoldKind.COUNT_CHANGED: _planted(GoldKind.COUNT_CHANGED, _count),
    GoldKind.NOT_RECOVERED: not_recovered,
}


def changed_box(clean: Image8, other: Image8) -> Region | None:
    """The box around the pixels that differ visibly, a little larger; None where none do."""
    differs = np.abs(clean.astype(np.int16) - other.astype(np.int16)).max(2) >= SEEN
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return None
    height, width = differs.shape
    return Region(
        max(0.0, columns[0] / width - MARGIN),
        max(0.0, rows[0] / height - MARGIN),
        min(1.0, (columns[-1] + 1) / width + MARGIN),
        min(1.0, (rows[-1] + 1) / height + MARGIN),
    )


def lossy(image: Image8, quality: int) -> Image8:
    """A little soft and lightly encoded, as a recovery is: nobody shall know gold by its sharpness."""
    buffer = io.BytesIO()
    soft = cv2.GaussianBlur(image, (0, 0), 0.6)
    Image.fromarray(np.asarray(soft, np.uint8)).save(buffer, format="JPEG", quality=quality, subsampling=0)
    with Image.open(buffer, formats=("JPEG",)) as decoded:
        return np.asarray(decoded.convert("RGB"))


def _spec(choices: tuple[str, ...], seed: int) -> CorruptionSpec:
    return CorruptionSpec.parse(choices[seed % len(choices)], seed=seed % 2**31)


def _other(values: Sequence[T], value: T, rng: np.random.Generator) -> T:
    left = [other for other in values if other != value]
    return left[rng.integers(len(left))]


def _detail(scene: Scene, fault: Fault, spec: CorruptionSpec) -> float:
    """How well the input tells the thing: d' of `scenes.evidence`."""

    def damage(image: Image8, seed: int) -> Image8:
        return apply_spec(image, CorruptionSpec(spec.steps, seed % 2**31)).image

    if fault.thing not in THINGS:
        raise AssertionError(f"{fault.thing!r} is no thing of a scene")
    return Evidence(scene, damage, lambda image: image, SIDE, spec.seed).strength(fault.thing)
