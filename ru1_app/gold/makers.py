"""Makers of gold from drawn scenes: each plants one known fault, or none. The same seed gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Question, Region
from ru1_app.gold.base import PLAIN, SHOWN, Gold, GoldKind, area, changed_box, difference, lossy, mild, shown, where
from ru1_app.gold.faults import FAULTS, Fault, Plant
from ru1_app.images import Image8
from ru1_app.scenes import Scene, render, sample_scene
from ru1_app.scenes.evidence import GONE, Evidence, boxes
from ru1_app.scenes.questions import ask
from ru1_app.scenes.scene import Box, generator, layout

SIDE = 384
FIRST_SEED = 3_000_000_000  # of scenes that only gold shows
ATTEMPTS = 200  # scenes that a maker may look at; seeds are `STRIDE` scenes apart
STRIDE = 211
TELLABLE = 24.0  # d' of the thing that was changed, in the corrupted input: three times what an eye needs
LOST = 2 * GONE  # d' below which a thing is lost in harsh damage: it takes luck and time to find
PLAIN_PIXELS = 60  # that must differ at a glance
LARGEST = 0.2  # share of the image that a fault's region may cover
REACH = 0.012  # by which things are drawn beyond their boxes
GRAIN = 6.0  # levels of the asphalt's invented grain
HARSH = ("fog@1+fog@1+gaussian_noise@1", "low_light@1+low_light@1+gaussian_noise@1")
JUDGED = ("light", "arrow", "car", "speed", "word")  # what an unusable recovery must not tell

Maker = Callable[[int], Gold]


def reencoded(seed: int) -> Gold:
    """The clean scene, lightly re-encoded: faithful."""
    scene, spec = sample_scene(FIRST_SEED + seed), mild(seed)
    clean = render(scene, SIDE)
    return Gold(
        GoldKind.REENCODED, corrupt(clean, spec), lossy(clean, 92), clean, "faithful", 0,
        "All that the recovery shows is in the input too: it is faithful.",
        f"scene:{scene.seed}", str(spec), seed, question=_question(scene, None),
    )  # fmt: skip


def texture_invented(seed: int) -> Gold:
    """The clean scene with grain on its asphalt that the drawing lacks: harmless detail."""
    scene, spec = sample_scene(FIRST_SEED + STRIDE * seed), mild(seed)
    if "gaussian_noise" in spec.names:
        spec = mild(seed + 1)  # noise would speak for the grain
    clean = render(scene, SIDE)
    grain = cv2.GaussianBlur(generator(scene.seed, 73).normal(0.0, 1.0, (SIDE, SIDE)), (0, 0), 0.9)
    levels = GRAIN * grain / grain.std() * _asphalt(clean)
    grainy = np.clip(clean + levels[..., None], 0, 255).round().astype(np.uint8)
    return Gold(
        GoldKind.TEXTURE_INVENTED, corrupt(clean, spec), lossy(grainy, 92), clean, "benign_detail", 1,
        "The road at the bottom has a grain that the input does not show. Only texture was invented: harmless detail.",
        f"scene:{scene.seed}", str(spec), seed, question=_question(scene, None),
    )  # fmt: skip


def not_recovered(seed: int) -> Gold:
    """The harshly corrupted input given back as it is, where nothing can be told from it: unusable."""
    for number in range(FIRST_SEED + STRIDE * seed, FIRST_SEED + STRIDE * seed + ATTEMPTS):
        scene = sample_scene(number)
        spec = CorruptionSpec.parse(HARSH[number % len(HARSH)], seed=number % 2**31)
        evidence = evidence_of(scene, spec)
        if any(evidence.strength(thing) >= LOST for thing in JUDGED):
            continue
        damaged = evidence.corrupted
        return Gold(
            GoldKind.NOT_RECOVERED, damaged, lossy(damaged, 95), evidence.sound, "unusable", 2,
            "The damage is still there: too little was recovered to say what the scene shows.",
            f"scene:{number}", str(spec), seed, {"under_recovered": 2}, question=_question(scene, None),
        )  # fmt: skip
    raise AssertionError(f"no scene is lost in harsh damage at seed {seed}")


def _planted(kind: GoldKind, plant: Plant) -> Maker:
    """A maker of scenes in which one thing was changed, and can be told from the input."""

    def make(seed: int) -> Gold:
        for number in range(FIRST_SEED + STRIDE * seed, FIRST_SEED + STRIDE * seed + ATTEMPTS):
            scene = sample_scene(number)
            fault, spec = plant(scene, generator(number, 71)), mild(number)
            clean = render(scene, SIDE)
            false = None if fault is None else _false(scene, fault, clean)
            region = None if fault is None or false is None else _region(scene, fault, changed_box(clean, false))
            if fault is None or false is None or region is None or not _fair(scene, fault, clean, false, spec):
                continue
            return Gold(
                kind, corrupt(clean, spec), lossy(false, 92), clean, "misleading", max(fault.categories.values()),
                fault.told.format(where=where(region)), f"scene:{number}", str(spec), seed, fault.categories,
                (region,), fault.accepted, _question(scene, fault.thing),
            )  # fmt: skip
        raise AssertionError(f"no scene for {kind} at seed {seed}")

    return make


MAKERS: dict[GoldKind, Maker] = {
    GoldKind.REENCODED: reencoded,
    GoldKind.TEXTURE_INVENTED: texture_invented,
    **{kind: _planted(kind, plant) for kind, plant in FAULTS.items()},
    GoldKind.NOT_RECOVERED: not_recovered,
}


def evidence_of(scene: Scene, spec: CorruptionSpec) -> Evidence:
    """What the corrupted scene tells, at the size that is shown."""

    def damage(image: Image8, seed: int) -> Image8:
        return corrupt(image, CorruptionSpec(spec.steps, seed % 2**31))

    return Evidence(scene, damage, lambda image: image, SIDE, spec.seed)


def _false(scene: Scene, fault: Fault, clean: Image8) -> Image8 | None:
    """The clean drawing with the changed thing put in; None where something else stands in its way.

    A thing more or less moves the chances of what is drawn after it, so only the thing's own place is taken over.
    """
    drawn, false = render(fault.scene, SIDE), clean.copy()
    for box in boxes(scene, fault.scene, fault.thing):
        grown = (box[0] - REACH, box[1] - REACH, box[2] + REACH, box[3] + REACH)
        if any(_meet(grown, place.box) for place in layout(scene) if place.box != box):
            return None
        x0, y0, x1, y1 = (round(min(1.0, max(0.0, edge)) * SIDE) for edge in grown)
        false[y0:y1, x0:x1] = drawn[y0:y1, x0:x1]
    return false


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _region(scene: Scene, fault: Fault, changed: Region | None) -> Region | None:
    """The box of what differs; with the middle of a board, so that one changed digit stands for its number."""
    if changed is None:
        return None
    sides = [(changed.x0, changed.y0, changed.x1, changed.y1)]
    if fault.thing in ("speed", "word"):
        (x0, y0, x1, y1), = (place.box for place in layout(scene) if place.name == fault.thing)  # fmt: skip
        across, down = (x1 - x0) / 4, (y1 - y0) / 4
        sides.append((x0 + across, y0 + down, x1 - across, y1 - down))
    lefts, tops, rights, bottoms = zip(*sides, strict=True)
    return Region(
        float(min(lefts)), float(min(tops)), float(max(rights)), float(max(bottoms)), next(iter(fault.categories))
    )


def _fair(scene: Scene, fault: Fault, clean: Image8, false: Image8, spec: CorruptionSpec) -> bool:
    """Whether the fault is small, is seen in the recovery, and can be known from the input."""
    box = changed_box(clean, false)
    return (
        box is not None
        and area(box) <= LARGEST
        and int((difference(clean, false) >= PLAIN).sum()) >= PLAIN_PIXELS
        and shown(clean, false, spec) >= SHOWN
        and evidence_of(scene, spec).strength(fault.thing) >= TELLABLE
    )


def _asphalt(clean: Image8) -> NDArray[np.float64]:
    """1 where the road is bare, soft at the edges, else 0: [SIDE, SIDE]."""
    top = round(0.74 * SIDE)  # no road begins lower
    road = np.median(clean[top:], axis=(0, 1)).astype(np.int16)
    bare = (np.abs(clean.astype(np.int16) - road).max(2) <= 6).astype(np.float64)
    bare[:top] = 0.0
    return np.asarray(cv2.GaussianBlur(cv2.erode(bare, np.ones((3, 3))), (0, 0), 1.0), np.float64)


def _question(scene: Scene, thing: str | None) -> Question | None:
    """A question about the thing, or about any one; None where none of it is asked."""
    rng = generator(scene.seed, 74)
    asked = [each for each in ask(scene, rng) if thing is None or each.things == (thing,)]
    return asked[rng.integers(len(asked))].question if asked else None
