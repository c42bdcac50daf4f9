"""Gold items put into the store and the queue: cases like any other, whose right judgement is kept with the item."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from ru1_app import __version__
from ru1_app.corruptions import CorruptionSpec
from ru1_app.domain import Case, ModelRef, Recovery, Sample
from ru1_app.errors import Conflict
from ru1_app.gold import Gold, key_of
from ru1_app.images import digest, png_bytes
from ru1_app.items import Item, ItemKind, Origin, Purpose
from ru1_app.rating.policy import draw
from ru1_app.store.audit_sql import SYSTEM
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store

EVERYBODY = 1_000_000  # overlap of gold: every rater gets it
MODEL = "gold"  # of recoveries that no model made
"""Cases of this model are no results: galleries, charts and exports leave them out."""


def is_gold(case: Case) -> bool:
    """Whether no model made the recovery."""
    return case.recovery.model.id.startswith(MODEL)


def case_of(gold: Gold) -> tuple[Case, dict[str, bytes]]:
    """The gold pair as a case, with its images by name. The same gold gives the same ids."""
    pngs = [png_bytes(image) for image in (gold.corrupted, gold.recovered, gold.reference)]
    corrupted, recovered, reference = (digest(png) for png in pngs)
    id_ = digest(f"{corrupted}/{recovered}/{gold.kind}".encode())[:32]
    spec = CorruptionSpec.parse(gold.spec)
    single = spec.steps[0].severity if len(spec.steps) == 1 else None
    sample = Sample(
        id=digest(f"{corrupted}/{reference}/gold".encode())[:32],
        corrupted_sha=corrupted,
        reference_sha=reference,
        split_group=reference,
        corruption=gold.spec,
        severity=single,
        seed=spec.seed,
        source=gold.source,
    )
    recovery = Recovery(
        id=id_,
        sample_id=sample.id,
        image_sha=recovered,
        uncertainty_sha=None,
        model=ModelRef(f"{MODEL}/{gold.kind}", __version__, "none"),
        seed=gold.seed,
        settings={},
        seconds=0.0,
        app_version=__version__,
        created_at=datetime.now(UTC),
    )
    return Case(sample, recovery), dict(zip((corrupted, recovered, reference), pngs, strict=True))


def add_gold(store: Store, golds: Sequence[Gold], purpose: Purpose, *, first: int = 0, actor: str = SYSTEM) -> int:
    """Store the golds and put them into the queue; returns how many were new. `first` is the first one's position."""
    now, items = datetime.now(UTC), []
    for position, gold in enumerate(golds, start=first):
        case, images = case_of(gold)
        try:
            store.add_case(case, images)
        except Conflict:
            store.keep(images)  # known; an image that was lost is whole again
        training = purpose is Purpose.TRAINING
        items.append(
            Item(
                id=uuid.uuid4().hex,
                kind=ItemKind.SINGLE,
                purpose=purpose,
                origin=Origin.GOLD,
                recovery_id=case.id,
                created_at=now,
                overlap=EVERYBODY,
                rank=float(position) if training else draw("gold", case.id),
                key=key_of(gold),
                position=position if training else None,
            )
        )
    return Queue(store.database).add(items, actor, now)
