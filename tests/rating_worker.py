"""A process that judges items until it is killed, and prints the id of each judgement that was acknowledged."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ru1_app.domain import AnswerImpact, Rating, RatingSource, Region, Stage, Verdict
from ru1_app.items import ItemKind, Origin, Purpose
from ru1_app.rating.filling import Filler
from ru1_app.rating.policy import Overlap, settle
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.sql import Store
from tests.factories import make_case

POLICY = partial(settle, overlap=Overlap(100, 100))


def main(url: str, blobs: str, rater: str, seed: int) -> None:
    """Add a case and its item, then judge; again and again."""
    store = Store(url, Path(blobs))
    queue, judgements = Queue(store.database), Judgements(store.database)
    filler = Filler(store, Overlap(100, 100))
    print("ready", flush=True)
    while True:
        seed += 1
        case, images = make_case(seed)
        store.add_case(case, images)
        filler.add([case], Origin.BATCH, rater)
        taker = Taker(rater, "tab", datetime.now(UTC), 600)
        found = queue.current(taker) or queue.take(taker, Purpose.WORK)
        assert found is not None
        item = found[0]
        assert item.kind is ItemKind.SINGLE
        rating = Rating(
            id=uuid.uuid4().hex, recovery_id=item.recovery_id, source=RatingSource.RATER, stage=Stage.BLIND,
            verdict=Verdict.MISLEADING, categories={"text_altered": 3}, regions=(Region(0.1, 0.1, 0.2, 0.2),),
            severity=3, answer_impact=AnswerImpact.UNKNOWN, comment="", rater_id=rater, taxonomy_version="1",
            guideline_version="1", created_at=taker.now, confidence=2, consent=True, item_id=item.id,
        )  # fmt: skip
        judgements.add(rating, taker, "", POLICY)
        print(rating.id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
