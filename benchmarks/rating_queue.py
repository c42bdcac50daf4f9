"""The rating queue under load: p50 and p95 of taking an item and of submitting a judgement, on SQLite and PostgreSQL.

    python benchmarks/rating_queue.py [--json] [--stored 1000 200000] [--postgres URL]

Reference: 50 ms at the 95th percentile, what a rater does not notice. Without --postgres a server of Debian's package
is started, where it is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from sqlalchemy import insert, text

from ru1_app.domain import AnswerImpact, Rating, RatingSource, Stage, Verdict
from ru1_app.items import Purpose
from ru1_app.rating.policy import Overlap, settle
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.migrate import upgrade
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.sql import Store
from ru1_app.store.tables import ItemRow, RatingRow, RecoveryRow, TurnRow
from tests.factories import make_case
from tests.postgres import program, running

LIMIT = 50.0  # milliseconds
TURNS = 300
POLICY = partial(settle, overlap=Overlap())
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fill(store: Store, count: int) -> None:
    """`count` open items, each with one judgement by one of 50 raters: recoveries share one sample and its images."""
    case, images = make_case()
    store.add_case(case, images)
    engine = store.database.engine
    with engine.begin() as connection:
        recovery = dict(connection.execute(RecoveryRow.__table__.select()).mappings().one())
        for start in range(0, count, 5000):
            numbers = range(start, min(count, start + 5000))
            connection.execute(insert(RecoveryRow), [recovery | {"id": f"r{n:07d}"} for n in numbers])
            items = [
                {
                    "id": f"i{n:07d}", "subject": f"work/single/r{n:07d}", "kind": "single", "purpose": "work",
                    "origin": "batch", "recovery_id": f"r{n:07d}", "overlap": 3, "rank": float(n), "count": 1,
                    "state": "open", "created_at": NOW,
                }
                for n in numbers
            ]  # fmt: skip
            connection.execute(insert(ItemRow), items)
            turns = [
                {
                    "item_id": f"i{n:07d}", "rater_id": f"rater{n % 50}", "round": 0, "state": "done", "stage": "",
                    "tab": "t", "expires_at": NOW, "opened": {}, "finished_at": NOW + timedelta(seconds=n),
                }
                for n in numbers
            ]  # fmt: skip
            connection.execute(insert(TurnRow), turns)
            ratings = [
                {
                    "id": f"j{n:07d}", "recovery_id": f"r{n:07d}", "source": "rater", "stage": "blind",
                    "verdict": "faithful", "severity": 0, "answer_impact": "unknown", "comment": "",
                    "rater_id": f"rater{n % 50}", "consent": True, "taxonomy_version": "1", "guideline_version": "1",
                    "created_at": NOW + timedelta(seconds=n), "item_id": f"i{n:07d}", "round": 0,
                }
                for n in numbers
            ]  # fmt: skip
            connection.execute(insert(RatingRow), ratings)
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def turns(store: Store) -> tuple[list[float], list[float]]:
    """Milliseconds of taking and of submitting, by raters in turn who have judged a part of the store already."""
    queue, judgements = Queue(store.database), Judgements(store.database)
    took, kept = [], []
    for number in range(TURNS):
        taker = Taker(f"rater{number % 50}", "tab", datetime.now(UTC), 600)
        began = time.perf_counter()
        found = queue.current(taker) or queue.take(taker, Purpose.WORK)
        took.append(1000 * (time.perf_counter() - began))
        assert found is not None
        rating = Rating(
            id=uuid.uuid4().hex, recovery_id=found[0].recovery_id, source=RatingSource.RATER, stage=Stage.BLIND,
            verdict=Verdict.MISLEADING, categories={"text_altered": 2}, regions=(), severity=2,
            answer_impact=AnswerImpact.UNKNOWN, comment="", rater_id=taker.rater_id, taxonomy_version="1",
            guideline_version="1", created_at=taker.now, confidence=2, consent=True, item_id=found[0].id,
        )  # fmt: skip
        began = time.perf_counter()
        judgements.add(rating, replace(taker, now=datetime.now(UTC)), "", POLICY)
        kept.append(1000 * (time.perf_counter() - began))
    return took[10:], kept[10:]


@contextlib.contextmanager
def databases(postgres: str | None, folder: Path) -> Iterator[dict[str, str]]:
    """Addresses by kind of database."""
    found = {"sqlite": f"sqlite:///{folder / 'queue.sqlite3'}"}
    with contextlib.ExitStack() as stack:
        if postgres:
            found["postgresql"] = postgres
        elif program("initdb"):
            found["postgresql"] = stack.enter_context(running())
        yield found


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stored", type=int, nargs="+", default=[1000, 200_000])
    parser.add_argument("--postgres", help="address of an empty database")
    options = parser.parse_args()
    rows = []
    for stored in options.stored:
        with tempfile.TemporaryDirectory() as folder, databases(options.postgres, Path(folder)) as found:
            for kind, url in found.items():
                upgrade(url)
                store = Store(url, Path(folder) / "blobs")
                fill(store, stored)
                for name, values in zip(("next_item", "submit"), turns(store), strict=True):
                    for share in (50, 95):
                        value = float(np.percentile(values, share))
                        label = f"{kind}, {stored} items, {name} p{share}"
                        rows.append(
                            {"name": label, "value": value, "unit": "ms", "reference": LIMIT, "ratio": value / LIMIT}
                        )
                        if not options.json:
                            print(f"{label:45} {value:7.2f} ms  {value / LIMIT:5.2f} of {LIMIT:.0f} ms", flush=True)
                store.close()
    if options.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
