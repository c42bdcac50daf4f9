"""The right judgement of a recovery, from what the corrupted and the recovered image say. Pure.

Blind, all that is known is the corrupted image: a recovery misleads where it says otherwise than that image does; what
it says without support is held true. Beside the clean image (reveal), it misleads wherever it says what is false,
unless the corrupted image said the very same: then the damage misled, not the recovery. A fault outweighs a loss: a
recovery is unusable where a thing that the corrupted image showed plainly is gone, or where nothing can be named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ru1_app.domain import AnswerImpact, Region, Stage, Verdict
from ru1_app.items import Supported
from ru1_app.scenes.scene import Box
from ru1_app.simulated.things import NAMED, PEOPLE, Value
from ru1_app.simulated.truth import Seen, Sight

PLAINLY, GONE = 0.5, 0.2  # clarity from which a thing was shown plainly, and below which it is gone
TEXTURE = 2.5  # levels of grain or mottle that the recovery adds: harmless detail from there on
SURE, UNSURE = 0.7, 0.4  # clarity from which confidence is 3, and below which it is 1
UNDER = "under_recovered"
CHANGED: Mapping[str, Mapping[str, int]] = {
    "light": {"attribute_changed": 3},
    "arrow": {"spatial_changed": 3},
    "speed": {"text_altered": 3},
    "word": {"text_altered": 3},
    "car": {"attribute_changed": 2},
    PEOPLE: {"count_changed": 2},
}
"""Category and severity of a changed value, as in `ru1_app.gold.faults`; other things are added or removed, at 2."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is said falsely or was lost. The first category is that of its region."""

    thing: str
    categories: Mapping[str, int]  # code -> severity 0-3
    margin: float  # how plainly it can be seen, 0-1
    box: Box


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rater says at one stage. `global_rating` is said beside the clean image alone."""

    verdict: Verdict
    severity: int
    categories: Mapping[str, int] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    confidence: int = 3
    global_rating: int = 1


def right(before: Sight, after: Sight, stage: Stage, asked: Sequence[str] = ()) -> Judgement:
    """The right judgement at a stage, blind or reveal; `asked` are the things that the case's question hangs on."""
    found, lost = faults(before, after, stage, asked), losses(before, after)
    return judgement(found, lost, added(before, after) >= TEXTURE, before, after, stage)


def faults(before: Sight, after: Sight, stage: Stage, asked: Sequence[str] = ()) -> list[Fault]:
    """What the recovery says falsely, as far as it can be known at the stage; an answer that changes is severity 3."""
    found = []
    for was, now in zip(before.seen, after.seen, strict=True):
        blind = stage is Stage.BLIND
        known = was.said if blind else was.truth
        if now.said is None or known is None or now.said == known or (not blind and now.said == was.said):
            continue
        margin = min(was.margin, now.margin) if blind else now.margin
        severe = not blind and was.thing in asked
        categories = {code: 3 if severe else own for code, own in _categories(was.thing, known, now.said).items()}
        found.append(Fault(was.thing, categories, margin, now.box))
    return found


def losses(before: Sight, after: Sight) -> list[Fault]:
    """What the corrupted image showed plainly and the recovery does not show; nothing that is absent can be lost."""
    return [
        Fault(was.thing, {UNDER: 2}, was.margin - now.margin, now.box)
        for was, now in zip(before.seen, after.seen, strict=True)
        if was.said and was.margin >= PLAINLY and now.said is None and now.margin < GONE
    ]


def added(before: Sight, after: Sight) -> float:
    """Levels of grain or mottle that the recovery has and the corrupted image has not."""
    return float(max(0.0, after.texture**2 - before.texture**2) ** 0.5)


def judgement(
    found: Sequence[Fault], lost: Sequence[Fault], rough: bool, before: Sight, after: Sight, stage: Stage
) -> Judgement:
    """What follows from the faults and losses that were noticed, and whether texture was."""
    if found:
        return _faulty(Verdict.MISLEADING, found, 3 + (_worst(found) == 3) + (len(found) > 1))
    if not named(after):
        return Judgement(Verdict.UNUSABLE, 2, {UNDER: 2}, confidence=3, global_rating=2)
    if lost:
        return _faulty(Verdict.UNUSABLE, lost, 2)
    if stage is Stage.BLIND and not named(before):
        return Judgement(Verdict.CANNOT_TELL, 0, confidence=2)
    sure = confidence(sum(each.margin for each in before.seen) / len(before.seen)) if stage is Stage.BLIND else 3
    if rough:
        return Judgement(Verdict.BENIGN_DETAIL, 1, confidence=sure, global_rating=2)
    return Judgement(Verdict.FAITHFUL, 0, confidence=sure)


def named(sight: Sight) -> list[Seen]:
    """Of the things that are always there, those that the image says something of."""
    return [each for each in sight.seen if each.thing in NAMED and each.said is not None]


def confidence(margin: float) -> int:
    """1 to 3, from how plainly it can be seen."""
    return 3 if margin >= SURE else 2 if margin >= UNSURE else 1


def impact(before: Sight, after: Sight, asked: Sequence[str]) -> AnswerImpact:
    """What the recovery does to the answer of somebody who looks at both images, and believes the recovery."""
    if not asked:
        return AnswerImpact.NOT_APPLICABLE
    was = all(before.of(thing).right for thing in asked)
    now = all(after.of(thing).right or (after.of(thing).said is None and before.of(thing).right) for thing in asked)
    if was:
        return AnswerImpact.NONE if now else AnswerImpact.HARMED
    return AnswerImpact.HELPED if now else AnswerImpact.WRONG_BOTH


def supported(before: Sight, asked: Sequence[str]) -> Supported:
    """Whether what is asked can be told from the corrupted image."""
    told = all(before.of(thing).said is not None for thing in asked)
    return Supported.YES if told else Supported.UNDECIDABLE


def _categories(thing: str, known: Value, said: Value) -> dict[str, int]:
    changed = dict(CHANGED.get(thing, {}))
    if thing not in NAMED:
        changed["object_added" if int(said) > int(known) else "object_removed"] = 2
    return changed


def _worst(found: Sequence[Fault]) -> int:
    return max(severity for fault in found for severity in fault.categories.values())


def _faulty(verdict: Verdict, found: Sequence[Fault], rating: int) -> Judgement:
    categories: dict[str, int] = {}
    for fault in found:
        for code, severity in fault.categories.items():
            categories[code] = max(severity, categories.get(code, 0))
    regions = tuple(Region(*fault.box, category=next(iter(fault.categories))) for fault in found)
    return Judgement(
        verdict, _worst(found), categories, regions, confidence(max(fault.margin for fault in found)), min(5, rating)
    )
