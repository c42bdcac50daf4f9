"""Grades a judgement of a gold pair against what is known, and says it in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ru1_app.domain import Region, Verdict
from ru1_app.gold.base import Gold
from ru1_app.protocol import load_protocol

HIT = 0.3  # IoU from which a region counts as found
NEAR = 0.2  # a region's centre counts too where it lies in the known box grown by this part
HARMLESS = (Verdict.FAITHFUL.value, Verdict.BENIGN_DETAIL.value)


@dataclass(frozen=True, slots=True)
class GoldKey:
    """The right judgement, as it is kept with an item."""

    verdict: str
    severity: int
    explanation: str
    categories: Mapping[str, int]
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """What became of a judgement: whether it passed, what was right in it, and the words for the person."""

    passed: bool
    verdict: bool
    category: bool
    region: bool | None  # None: there is no region to find
    feedback: str
    regions: tuple[Region, ...]  # the known ones, to be shown


def key_of(gold: Gold) -> dict[str, Any]:
    """The key as plain values, for the database."""
    return {
        "kind": gold.kind.value,
        "verdict": gold.verdict,
        "severity": gold.severity,
        "explanation": gold.explanation,
        "categories": dict(gold.categories),
        "regions": [asdict(region) for region in gold.regions],
    }


def gold_key_from(raw: Mapping[str, Any]) -> GoldKey:
    """The key from what `key_of` gave."""
    return GoldKey(
        raw["verdict"], raw["severity"], raw["explanation"], dict(raw["categories"]),
        tuple(Region(**region) for region in raw["regions"]),
    )  # fmt: skip


def grade(key: GoldKey, verdict: str, categories: Mapping[str, int], severity: int, regions: Sequence[Region]) -> Grade:
    """Grade a judgement.

    The verdict must be right, where faithful and harmless detail are one; of a fault, one category at least must be
    right. A region that was missed is told and does not fail.
    """
    harmless = key.verdict in HARMLESS
    right = verdict in HARMLESS and severity <= 1 if harmless else verdict == key.verdict
    category = harmless or bool(set(categories) & set(key.categories))
    region = any(_hits(one, known) for one in regions for known in key.regions) if key.regions else None
    return Grade(right and category, right, category, region, _told(key, right, category, region), key.regions)


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


def _hits(one: Region, known: Region) -> bool:
    width = max(0.0, min(one.x1, known.x1) - max(one.x0, known.x0))
    height = max(0.0, min(one.y1, known.y1) - max(one.y0, known.y0))
    union = _area(one) + _area(known) - width * height
    if union > 0 and width * height / union >= HIT:
        return True
    x, y = (one.x0 + one.x1) / 2, (one.y0 + one.y1) / 2
    across, down = NEAR * (known.x1 - known.x0), NEAR * (known.y1 - known.y0)
    inside = known.x0 - across <= x <= known.x1 + across and known.y0 - down <= y <= known.y1 + down
    return inside and _area(one) <= 4 * _area(known)


def _area(region: Region) -> float:
    return (region.x1 - region.x0) * (region.y1 - region.y0)
