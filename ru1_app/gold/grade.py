"""Grades a judgement of a gold pair against what is known, and says it in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ru1_app.domain import Region, Verdict
from ru1_app.gold.base import Gold, area
from ru1_app.protocol import load_protocol

HIT = 0.3  # IoU from which a region counts as found
NEAR = 0.2  # a region's centre counts too where it lies in the known box grown by this part,
WIDE, SMALL = 4.0, 0.06  # unless the region is this many times larger and covers more than this of the image
HARMLESS = (Verdict.FAITHFUL.value, Verdict.BENIGN_DETAIL.value)


@dataclass(frozen=True, slots=True)
class GoldKey:
    """The right judgement, as it is kept with an item. `accepted` are categories that pass beside the right ones."""

    verdict: str
    severity: int
    explanation: str
    categories: Mapping[str, int]
    regions: tuple[Region, ...]
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """What became of a judgement: whether it passed, what was right in it, and the words for the person.

    `iou` is of the region that fits best, None where there is none to find. `severity`: the very same was said.
    """

    passed: bool
    verdict: bool
    category: bool
    region: bool | None  # None: there is no region to find
    feedback: str
    regions: tuple[Region, ...]  # the known ones, to be shown
    severity: bool = True
    iou: float | None = None


def key_of(gold: Gold) -> dict[str, Any]:
    """The key as plain values, for the database."""
    return {
        "kind": gold.kind.value,
        "verdict": gold.verdict,
        "severity": gold.severity,
        "explanation": gold.explanation,
        "categories": dict(gold.categories),
        "regions": [asdict(region) for region in gold.regions],
        "accepted": list(gold.accepted),
    }


def gold_key_from(raw: Mapping[str, Any]) -> GoldKey:
    """The key from what `key_of` gave; older keys accept nothing beside."""
    return GoldKey(
        raw["verdict"], raw["severity"], raw["explanation"], dict(raw["categories"]),
        tuple(Region(**region) for region in raw["regions"]), tuple(raw.get("accepted", ())),
    )  # fmt: skip


def grade(key: GoldKey, verdict: str, categories: Mapping[str, int], severity: int, regions: Sequence[Region]) -> Grade:
    """Grade a judgement.

    The verdict must be right, where faithful and harmless detail are one; of a fault, one category at least must be
    right or acceptable. A region that was missed is told and does not fail; nor does another severity.
    """
    harmless = key.verdict in HARMLESS
    right = verdict in HARMLESS and severity <= 1 if harmless else verdict == key.verdict
    category = harmless or bool(set(categories) & {*key.categories, *key.accepted})
    pairs = [(one, known) for one in regions for known in key.regions]
    region = any(_hits(one, known) for one, known in pairs) if key.regions else None
    iou = max((_iou(one, known) for one, known in pairs), default=0.0) if key.regions else None
    told = _told(key, right, category, region)
    return Grade(right and category, right, category, region, told, key.regions, severity == key.severity, iou)


def _told(key: GoldKey, right: bool, category: bool, region: bool | None) -> str:
    words = load_protocol()
    begin = "Right." if right and category else "Not quite."
    parts = [begin, key.explanation]
    if not right:
        parts.append(f"The verdict is “{words.verdict(key.verdict).label}”.")
    if right and not category:
        names = " or ".join(f"“{words.category(code).label}”" for code in key.categories)
        parts.append(f"It belongs to {names}.")
    if right and region is False:
        parts.append("The place is drawn on the image; mark it next time.")
    return " ".join(parts)


def _iou(one: Region, known: Region) -> float:
    width = max(0.0, min(one.x1, known.x1) - max(one.x0, known.x0))
    height = max(0.0, min(one.y1, known.y1) - max(one.y0, known.y0))
    union = area(one) + area(known) - width * height
    return width * height / union if union > 0 else 0.0


def _hits(one: Region, known: Region) -> bool:
    if _iou(one, known) >= HIT:
        return True
    x, y = (one.x0 + one.x1) / 2, (one.y0 + one.y1) / 2
    across, down = NEAR * (known.x1 - known.x0), NEAR * (known.y1 - known.y0)
    inside = known.x0 - across <= x <= known.x1 + across and known.y0 - down <= y <= known.y1 + down
    return inside and area(one) <= max(WIDE * area(known), SMALL)
