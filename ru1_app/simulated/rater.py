"""A simulated rater: the right judgement with the errors that people make. The same rater, item and stage: the same.

Every error has one parameter here with its reason. All grow as skill falls; a rater of skill 1 makes none but those of
taste. The figures are set by hand, not fitted: nobody has rated these images. On a mixture in which about half of the
recoveries are at fault, three raters of the default panel reach a nominal alpha of 0.63 for the verdict and an ordinal
one of 0.65 for the severity, which is what raters of a subjective task may hope for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ru1_app.domain import Region, Stage, Verdict
from ru1_app.errors import InvalidInput
from ru1_app.items import SIMULATED, PairChoice
from ru1_app.protocol import load_protocol
from ru1_app.simulated.right import (
    CHANGED,
    TEXTURE,
    UNDER,
    Fault,
    Judgement,
    added,
    faults,
    judgement,
    losses,
    named,
)
from ru1_app.simulated.things import NAMED
from ru1_app.simulated.truth import Seen, Sight

MISS, SUBTLE = 0.4, 2.0  # of a plain fault, and what a faint one adds: changes go unseen without a flicker (Rensink)
UNNOTICED: Mapping[str, float] = {"cloud": 2.5, "tree": 1.5, "people": 1.5}  # nobody misses a cloud
MOST_MISSED = 0.9
BESIDE = 0.5  # of all errors of attention where the clean image stands beside: comparing is easier than recalling
FALSE_ALARM = 0.3  # a fault that is none: raters are asked to find faults, and some find them
ALARM_BESIDE = 0.1  # of those alarms where the clean image stands beside and shows that nothing is wrong
UNSUPPORTED = 3.0  # times as often on what the corrupted image does not show: there it smells of invention
AS_FAULT, AS_LOSS = 0.8, 0.2  # a loss taken for a removed thing; a fault taken for a failed recovery
CAUTION = 0.5  # "cannot tell", times the share of things that the corrupted image does not show
OTHER_CATEGORY = 0.5  # the neighbouring word of the taxonomy
NEIGHBOURS: Mapping[str, str] = {
    "attribute_changed": "object_substituted", "text_altered": "object_substituted",
    "spatial_changed": "geometry_artifact", "count_changed": "object_substituted", "object_added": "geometry_artifact",
    "object_removed": UNDER, UNDER: "geometry_artifact",
}  # fmt: skip
STEP, STEP_MORE = 0.08, 0.6  # severity one step off: always, and as skill falls
LEANING = 0.35  # of severity: how much oftener a strict rater goes up than down
TASTE, MOOD = 0.3, 0.15  # spread (log) of how much texture is tolerated: from rater to rater, from item to item
LOOSE, JITTER, JITTER_MORE = 1.08, 0.04, 0.4  # boxes are drawn a little large; spread of their edges, in sides
POINT, NO_REGION = 0.15, 0.4  # a click instead of a box; no mark at all, as skill falls
DOUBT, BOLDNESS = 0.2, 0.1  # confidence one step lower, one step higher
TIE, BLUR_OF_PAIRS, SIDE = 0.4, 2.5, 0.1  # pairs: least difference that is seen, its noise, a rater's favourite side
LOST, FAINT, ROUGH = 1.5, 0.6, 0.04  # pairs: what a lost thing, one step of clarity, one level of texture weigh


class SimulatedRater:
    """Skill in [0, 1]: 0.9 is a careful rater, 0.7 a hasty one. Nothing is kept between two calls."""

    def __init__(self, rater_id: str, skill: float, seed: int = 0) -> None:
        """Raises: InvalidInput: the id does not say that the rater is simulated, or the skill is no share."""
        if not rater_id.startswith(SIMULATED) or not 0 <= skill <= 1:
            raise InvalidInput(f"A simulated rater is named {SIMULATED}… and has a skill from 0 to 1, not {skill!r}.")
        self.id, self.skill, self._seed = rater_id, skill, seed
        own = self._rng("taste")
        self._tolerated = TEXTURE * float(np.exp(TASTE * own.normal()))
        self._up = 0.5 + LEANING * float(own.uniform(-1, 1))
        self._side = SIDE * float(own.uniform(-1, 1))

    def judge(self, item_id: str, before: Sight, after: Sight, stage: Stage, asked: Sequence[str] = ()) -> Judgement:
        """What this rater says of an item at a stage, blind or reveal."""
        rng = self._rng(item_id, stage.value)
        slip = (1 - self.skill) * (1.0 if stage is Stage.BLIND else BESIDE)
        seen = [fault for fault in faults(before, after, stage, asked) if rng.random() >= self._missed(fault, slip)]
        lost = [fault for fault in losses(before, after) if rng.random() >= self._missed(fault, slip)]
        alarm = FALSE_ALARM * (1 - self.skill) * (1.0 if stage is Stage.BLIND else ALARM_BESIDE)
        if not seen and not lost and rng.random() < alarm:
            seen = _imagined(before, after, rng)
        if not seen and lost and rng.random() < AS_FAULT * slip:
            seen = [replace(fault, categories={"object_removed": 2}) for fault in lost]
        elif seen and rng.random() < AS_LOSS * slip:
            seen, lost = [], [replace(fault, categories={UNDER: 2}) for fault in seen]
        tolerated = self._tolerated * float(np.exp(MOOD * rng.normal()))
        said = judgement(seen, lost, added(before, after) >= tolerated, before, after, stage)
        untold = 1 - len(named(before)) / len(NAMED)
        if not seen and stage is Stage.BLIND and rng.random() < CAUTION * slip * untold:
            said = Judgement(Verdict.CANNOT_TELL, 0, confidence=2)
        return self._worded(said, slip, rng)

    def prefer(self, item_id: str, before: Sight, left: Sight, right: Sight) -> PairChoice:
        """Which of two recoveries is more faithful, the clean image beside them."""
        rng = self._rng(item_id, "pair")
        costs = [_cost(before, sight) for sight in (left, right)]
        spread = BLUR_OF_PAIRS * (1 - self.skill)
        gap = costs[1] - costs[0] + self._side + spread * float(rng.normal())  # above 0: the left one is better
        if abs(gap) < TIE:
            false = [bool(faults(before, sight, Stage.REVEAL)) or not named(sight) for sight in (left, right)]
            return PairChoice.BOTH_BAD if all(false) else PairChoice.TIE
        return PairChoice.LEFT if gap > 0 else PairChoice.RIGHT

    def seconds(self, item_id: str, stage: str) -> float:
        """How long the rater looks: a log-normal time, shorter where the item is known."""
        median = 18.0 if stage == Stage.BLIND.value else 9.0
        return median * float(np.exp(0.5 * self._rng(item_id, stage, "time").normal()))

    def slips(self, item_id: str, what: str, rate: float) -> bool:
        """Whether the rater errs in something else, so often where skill is 0."""
        return bool(self._rng(item_id, what).random() < rate * (1 - self.skill))

    def _rng(self, *what: str) -> np.random.Generator:
        digest = hashlib.sha256("/".join((self.id, str(self._seed), *what)).encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))

    def _missed(self, fault: Fault, slip: float) -> float:
        faint = MISS + SUBTLE * (1 - min(1.0, fault.margin))
        return min(MOST_MISSED, slip * faint * UNNOTICED.get(fault.thing, 1.0))

    def _worded(self, said: Judgement, slip: float, rng: np.random.Generator) -> Judgement:
        """The judgement as it is filled in: severity, words, marks and confidence are the rater's own."""
        term = load_protocol().verdict(said.verdict.value)
        step = (1 if rng.random() < self._up else -1) if rng.random() < STEP + STEP_MORE * slip else 0
        low = max(term.low, 1) if said.categories else term.low
        severity = min(term.high, max(low, said.severity + step))
        step = severity - said.severity
        swapped = {code: NEIGHBOURS[code] for code in said.categories if rng.random() < OTHER_CATEGORY * slip}
        categories = {
            swapped.get(code, code): min(severity, max(0, own + step)) for code, own in said.categories.items()
        }
        regions = [self._marked(region, slip, rng) for region in said.regions if rng.random() >= NO_REGION * slip]
        named_ = tuple(replace(each, category=swapped.get(each.category or "", each.category)) for each in regions)
        draw = rng.random()
        sure = said.confidence - (draw < DOUBT) + (draw > 1 - BOLDNESS)
        rating = said.global_rating + (step if said.categories else 0)
        return Judgement(said.verdict, severity, categories, named_, min(3, max(1, sure)), min(5, max(1, rating)))

    def _marked(self, region: Region, slip: float, rng: np.random.Generator) -> Region:
        """A box with edges that are off, or a point (its corners are one place)."""
        width, height = region.x1 - region.x0, region.y1 - region.y0
        x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
        spread = JITTER + JITTER_MORE * slip
        off = spread * np.clip(rng.normal(size=4), -2, 2)
        if rng.random() < POINT:
            x, y = _inside(x + off[0] * width), _inside(y + off[1] * height)
            return Region(x, y, x, y, region.category)
        half = LOOSE / 2
        x0, x1 = _inside(x - (half + off[0]) * width), _inside(x + (half + off[1]) * width)
        y0, y1 = _inside(y - (half + off[2]) * height), _inside(y + (half + off[3]) * height)
        return Region(x0, y0, x1, y1, region.category) if x0 < x1 and y0 < y1 else region


def panel(count: int, seed: int = 0, low: float = 0.75, high: float = 0.95) -> list[SimulatedRater]:
    """Raters of skills spread evenly from low to high, in an order of the seed's."""
    order = np.random.Generator(np.random.PCG64([seed, 7])).permutation(count)
    skills = np.linspace(low, high, count)[order]
    return [SimulatedRater(f"{SIMULATED}{number + 1}", float(skill), seed) for number, skill in enumerate(skills)]


def _inside(value: float) -> float:
    return float(min(1.0, max(0.0, value)))


def _imagined(before: Sight, after: Sight, rng: np.random.Generator) -> list[Fault]:
    """A fault where there is none, on something that the recovery says; oftener where nothing supports it."""
    told = [each for each in after.seen if each.said is not None]
    if not told:
        return []
    weights = np.array([UNSUPPORTED if before.of(each.thing).said is None else 1.0 for each in told])
    chosen: Seen = told[int(rng.choice(len(told), p=weights / weights.sum()))]
    categories = CHANGED.get(chosen.thing) or {"object_added" if chosen.said else "object_removed": 2}
    return [Fault(chosen.thing, {code: 2 for code in categories}, 0.4, chosen.box)]


def _cost(before: Sight, after: Sight) -> float:
    """How far a recovery is from the truth, in steps of severity."""
    false = faults(before, after, Stage.REVEAL)
    wrong = sum(max(fault.categories.values()) * fault.margin for fault in false)
    faint = sum(1 - each.margin for each in after.seen if not each.wrong)
    return wrong + LOST * len(losses(before, after)) + FAINT * faint + ROUGH * after.texture
