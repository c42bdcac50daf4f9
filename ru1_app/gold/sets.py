"""Sets of gold: a balanced one for the queue, and ten in an order that teaches."""

from __future__ import annotations

from ru1_app.gold.base import Gold, GoldKind
from ru1_app.gold.makers import MAKERS
from ru1_app.scenes.scene import generator

FAITHFUL_SHARE = 0.4
LESSON = (
    GoldKind.REENCODED, GoldKind.LIGHT_CHANGED, GoldKind.NOT_RECOVERED, GoldKind.DIGITS_SWAPPED, GoldKind.REENCODED,
    GoldKind.THING_ERASED, GoldKind.ARROW_TURNED, GoldKind.THING_ADDED, GoldKind.REENCODED, GoldKind.WORD_SWAPPED,
)  # fmt: skip
_STEP = 1000  # seeds between sets, so that no two share a scene


def make_set(count: int, seed: int = 0) -> list[Gold]:
    """`count` golds, about 40 % of them faithful and the others of every kind in turn, in a seeded order."""
    faithful = round(FAITHFUL_SHARE * count)
    faults = [kind for kind in MAKERS if kind is not GoldKind.REENCODED]
    kinds = [GoldKind.REENCODED] * faithful + [faults[k % len(faults)] for k in range(count - faithful)]
    order = generator(seed, 72).permutation(count)
    return [MAKERS[kinds[place]](_STEP * (seed + 1) + int(place)) for place in order]


def training_set(seed: int = 0) -> list[Gold]:
    """Ten golds, the plain ones first: every verdict that gold can have, and the main categories."""
    return [MAKERS[kind](_STEP * 1_000_000 + _STEP * seed + place) for place, kind in enumerate(LESSON)]
