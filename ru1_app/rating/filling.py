"""What comes into the queue: flagged cases, runs over many images, folders of recoveries made elsewhere, pairs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

from ru1_app import __version__
from ru1_app.domain import AnswerImpact, Case, ModelRef, RatingSource, Recovery, Sample
from ru1_app.errors import Conflict, InvalidInput
from ru1_app.images import digest, png_bytes
from ru1_app.items import Item, ItemKind, Origin, Purpose
from ru1_app.rating.forms import impact_of
from ru1_app.rating.golden import is_gold
from ru1_app.rating.policy import Overlap, Signals, rank
from ru1_app.scoring.risk import NAME as RISK
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store

AT_ONCE = 200  # items added in one transaction
T = TypeVar("T")
SIDES = ("corrupted", "recovered", "reference")  # subfolders of a folder of recoveries; the last may be missing


class Filler:
    """Adds items; what is in the queue already stays as it is."""

    def __init__(self, store: Store, overlap: Overlap, seed: int = 0) -> None:
        self._store, self._queue = store, Queue(store.database)
        self._overlap, self._seed = overlap, seed

    def flagged(self, case: Case, actor: str) -> None:
        """Have a flagged case in the queue, nearer to its front for each flag."""
        found = [item for item in self._queue.items_of(case.id) if item.purpose is Purpose.WORK]
        if not found:
            self.add([case], Origin.FLAG, actor)
            return
        ranks = {each.id: self._rank_again(each, signals_of(case)) for each in found}
        self._queue.rerank({each.id: min(each.rank, ranks[each.id]) for each in found})  # a flag puts nothing back

    def order(self, risk_of: Callable[[Case], float | None] | None = None) -> int:
        """Order open work anew; returns how many items that is.

        Args:
            risk_of: the risk of a stored case by the model of today, which goes before the one in its scores.
        """
        count = 0
        for some in _batches(self._queue.open_work(), AT_ONCE):
            ranks = {}
            for item in some:
                case = self._store.case(item.recovery_id)
                signals, risk = signals_of(case), risk_of(case) if risk_of else None
                ranks[item.id] = self._rank_again(item, signals if risk is None else replace(signals, risk=risk))
            self._queue.rerank(ranks)
            count += len(ranks)
        return count

    def add(self, cases: Iterable[Case], origin: Origin, actor: str) -> int:
        """Put stored cases into the queue, gold left out; returns how many items were new."""
        added = 0
        for some in _batches((case for case in cases if not is_gold(case)), AT_ONCE):
            items = [self._item(case, origin) for case in some]
            added += self._queue.add(items, actor, datetime.now(UTC))
        return added

    def pairs(self, cases: Iterable[Case], origin: Origin, actor: str) -> int:
        """Put two recoveries of one input beside each other, for every two that follow one another in a sample."""
        groups: dict[str, list[Case]] = {}
        for case in cases:
            if not is_gold(case):
                groups.setdefault(case.sample.id, []).append(case)
        items = [
            self._item(first, origin, second)
            for group in groups.values()
            for first, second in pairwise(sorted(group, key=lambda each: each.id))
            if first.recovery.image_sha != second.recovery.image_sha
        ]
        return sum(self._queue.add(some, actor, datetime.now(UTC)) for some in _batches(items, AT_ONCE))

    def _item(self, case: Case, origin: Origin, other: Case | None = None) -> Item:
        id_ = uuid.uuid4().hex
        return Item(
            id=id_,
            kind=ItemKind.PAIR if other else ItemKind.SINGLE,
            purpose=Purpose.WORK,
            origin=origin,
            recovery_id=case.id,
            created_at=datetime.now(UTC),
            other_id=other.id if other else None,
            overlap=self._overlap.first,
            rank=rank(id_, signals_of(case), self._seed),
        )

    def _rank_again(self, item: Item, signals: Signals) -> float:
        """The place of an item that may have been judged since it came in."""
        split = item.overlap > self._overlap.first
        return rank(item.id, replace(signals, ratings=item.count, split=split), self._seed)


def _batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def signals_of(case: Case) -> Signals:
    """What makes a case urgent by itself."""
    flags = {rating.rater_id for rating in case.ratings if rating.source is RatingSource.VISITOR}
    unsure = case.recovery.uncertainty.share if case.recovery.uncertainty else 0.0
    risks = [each.score.value for each in case.scores if each.score.scorer == RISK and each.score.value is not None]
    return Signals(len(flags), unsure, impact_of(case) is AnswerImpact.HARMED, risk=max(risks, default=0.0))


def cases_of_folder(store: Store, folder: Path, model: str, images: Mapping[str, Mapping[str, Path]]) -> list[Case]:
    """Store the recoveries of a folder as cases; those that are stored already are given as they are.

    Args:
        store: where they are kept.
        folder: for messages.
        model: what made the recoveries, as it will be named.
        images: what `find_folder` found.

    Raises:
        InvalidInput: an image is none, or the sizes of one recovery's images differ.
    """
    from ru1_app.config import Settings
    from ru1_app.intake import read_file

    settings, cases = Settings(max_side=4096), []
    for name, paths in images.items():
        arrays = {side: read_file(path, settings).image for side, path in paths.items()}
        if len({array.shape for array in arrays.values()}) > 1:
            sizes = ", ".join(f"{side} {a.shape[1]}×{a.shape[0]}" for side, a in arrays.items())
            raise InvalidInput(f"The images of {name!r} in {str(folder)!r} differ in size: {sizes}. Give equal sizes.")
        pngs = {side: png_bytes(array) for side, array in arrays.items()}
        case = _case(name, model, {side: digest(png) for side, png in pngs.items()})
        try:
            store.add_case(case, {digest(png): png for png in pngs.values()})
        except Conflict:
            case = store.case(case.id)
        cases.append(case)
    return cases


def find_folder(folder: Path) -> dict[str, dict[str, Path]]:
    """The images of `corrupted/`, `recovered/` and, where there is one, `reference/`, by the name they share.

    Raises:
        InvalidInput: a subfolder is missing, or an image has no partner.
    """
    from ru1_app.jobs import SUFFIXES

    found: dict[str, dict[str, Path]] = {}
    for side in SIDES:
        inner = folder / side
        if not inner.is_dir():
            if side == SIDES[2]:
                continue
            raise InvalidInput(f"{str(folder)!r} has no folder {side!r}; it must hold corrupted/ and recovered/.")
        for path in sorted(inner.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                found.setdefault(path.stem, {})[side] = path
    for name, sides in found.items():
        if missing := [side for side in SIDES[:2] if side not in sides]:
            raise InvalidInput(f"{name!r} is missing in {missing[0]}/. Give every image the same name in each folder.")
    if not found:
        raise InvalidInput(f"{str(folder)!r} holds no images in corrupted/ and recovered/.")
    return dict(sorted(found.items()))


def _case(name: str, model: str, shas: Mapping[str, str]) -> Case:
    group = shas.get("reference", shas["corrupted"])
    sample_id = digest(f"folder/{shas['corrupted']}/{shas.get('reference', '')}".encode())[:32]
    sample = Sample(sample_id, shas["corrupted"], shas.get("reference"), group, source=f"file:{name}")
    recovery = Recovery(
        id=digest(f"{sample_id}/{model}/{shas['recovered']}".encode())[:32],
        sample_id=sample_id,
        image_sha=shas["recovered"],
        uncertainty_sha=None,
        model=ModelRef(model, "unknown", "made elsewhere"),
        seed=0,
        settings={},
        seconds=0.0,
        app_version=__version__,
        created_at=datetime.now(UTC),
    )
    return Case(sample, recovery)
