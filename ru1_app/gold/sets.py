"""Sets of gold: a balanced one for the queue, and ten in an order that teaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ru1_app.errors import InvalidInput
from ru1_app.gold.base import Gold, GoldKind
from ru1_app.gold.makers import MAKERS
from ru1_app.gold.photos import PHOTO_MAKERS
from ru1_app.images import Image8
from ru1_app.scenes.scene import generator

FAITHFUL_SHARE = 0.4
LESSON = (
    GoldKind.REENCODED, GoldKind.LIGHT_CHANGED, GoldKind.NOT_RECOVERED, GoldKind.DIGITS_SWAPPED, GoldKind.REENCODED,
    GoldKind.THING_ERASED, GoldKind.ARROW_TURNED, GoldKind.THING_ADDED, GoldKind.TEXTURE_INVENTED,
    GoldKind.COUNT_CHANGED,
)  # fmt: skip
_STEP = 1000  # seeds between sets, so that no two share a scene

Photo = tuple[str, Image8]  # a name and its clean pixels


def make_set(
    count: int, seed: int = 0, *, mix: Mapping[GoldKind, float] | None = None, photos: Sequence[Photo] = ()
) -> list[Gold]:
    """`count` golds in a seeded order, of drawn scenes or, where they are given, of clean photos.

    `mix` weighs the kinds; without it about 40 % are faithful and the others of every kind in turn. Where no photo
    has a place for a fault, another kind of fault takes its turn.

    Raises:
        InvalidInput: the mix weighs nothing or names a kind that cannot be made, or the photos have no place for any
            fault of the mix.
    """
    can: Sequence[GoldKind] = list(PHOTO_MAKERS if photos else MAKERS)
    weights = _even(can) if mix is None else {kind: weight for kind, weight in mix.items() if weight > 0}
    if not weights or not set(weights) <= set(can):
        raise InvalidInput(f"The mix {dict(mix or {})!r} cannot be made; weigh some of {', '.join(can)} above 0.")
    kinds = _share(count, weights)
    order = generator(seed, 72).permutation(count)
    seeds = [(kinds[place], _STEP * (seed + 1) + int(place)) for place in order]
    if not photos:
        return [MAKERS[kind](own) for kind, own in seeds]
    return [_of_photos(kind, own, photos, list(weights)) for kind, own in seeds]


def training_set(seed: int = 0) -> list[Gold]:
    """Ten golds, the plain ones first: every verdict that gold can have, and the main categories."""
    return [MAKERS[kind](_STEP * 1_000_000 + _STEP * seed + place) for place, kind in enumerate(LESSON)]


def _even(kinds: Sequence[GoldKind]) -> dict[GoldKind, float]:
    rest = (1 - FAITHFUL_SHARE) / (len(kinds) - 1)
    return {kind: FAITHFUL_SHARE if kind is GoldKind.REENCODED else rest for kind in kinds}


def _share(count: int, weights: Mapping[GoldKind, float]) -> list[GoldKind]:
    """As many of each kind as its weight says, what is left over to those that lost most by rounding."""
    total = sum(weights.values())
    exact = {kind: count * weight / total for kind, weight in weights.items()}
    whole = {kind: int(value + 1e-9) for kind, value in exact.items()}
    by_loss = sorted(exact, key=lambda kind: round(whole[kind] - exact[kind], 9))  # the sort keeps the order of equals
    for kind in by_loss[: count - sum(whole.values())]:
        whole[kind] += 1
    return [kind for kind, number in whole.items() for _ in range(number)]


def _of_photos(kind: GoldKind, seed: int, photos: Sequence[Photo], kinds: Sequence[GoldKind]) -> Gold:
    """A gold of the kind, from the photo whose turn it is or the next that allows it; else of another fault."""
    faults = [other for other in kinds if other not in (kind, GoldKind.REENCODED)]
    for tried in (kind, *faults):
        for step in range(len(photos)):
            name, image = photos[(seed + step) % len(photos)]
            gold = PHOTO_MAKERS[tried](name, image, seed)
            if gold is not None:
                return gold
    raise InvalidInput(f"No photo has a place for {kind!r}: give photos with strong colours and clear things.")
