"""SIGKILL in the middle of submits: every acknowledged judgement is there, and nothing is half there."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time

import pytest

from ru1_app.config import ROOT, Settings
from ru1_app.images import digest
from ru1_app.store.audit_sql import broken
from ru1_app.store.sql import Store
from ru1_app.store.tables import RatingCategoryRow, RatingRegionRow, RatingRow, TurnRow

pytestmark = pytest.mark.service
TIMES = 10


def run_and_kill(settings: Settings, number: int) -> list[str]:
    """Ids that a worker acknowledged before it was killed."""
    words = [sys.executable, "-m", "tests.rating_worker", settings.url, str(settings.blob_dir), f"rater-{number}"]
    worker = subprocess.Popen([*words, str(1000 * number)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    acknowledged = [worker.stdout.readline().strip() for _ in range(3)]
    time.sleep(random.Random(number).uniform(0, 0.2))
    worker.kill()
    acknowledged += [line.strip() for line in worker.stdout]
    worker.wait()
    return [each for each in acknowledged if each]


def test_nothing_acknowledged_is_lost_and_nothing_is_half_stored(settings: Settings) -> None:
    Store(settings.url, settings.blob_dir).close()
    acknowledged = [id_ for number in range(TIMES) for id_ in run_and_kill(settings, number)]
    assert len(acknowledged) >= 3 * TIMES
    with sqlite3.connect(settings.data_dir / "ru1.sqlite3") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    store = Store(settings.url, settings.blob_dir)
    with store.database.read() as session:
        stored = {row.id for row in session.query(RatingRow)}
        parts = [{row.rating_id for row in session.query(kind)} for kind in (RatingCategoryRow, RatingRegionRow)]
        judged = session.query(TurnRow).where(TurnRow.state == "done").count()
    assert set(acknowledged) <= stored
    assert parts == [stored, stored]
    assert judged == len(stored)
    assert all(store.has_images(case) for case in store.iter_all())
    lines, wrong = broken(store.database)
    assert wrong is None
    assert lines >= 2 * len(stored)
    blobs = list(settings.blob_dir.rglob("[0-9a-f]*.png"))  # a begun one has a hidden name and is none of them
    assert len(blobs) >= len(stored)
    assert all(digest(path.read_bytes()) == path.stem for path in blobs)
    store.close()
