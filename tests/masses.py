"""A store of very many judgements, straight into the tables: few pictures, shared by their hash."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert

from ru1_app.images import digest, png_bytes
from ru1_app.store.sql import Store
from ru1_app.store.tables import (
    AnswerRow,
    ImageRow,
    ItemRow,
    RatingCategoryRow,
    RatingRegionRow,
    RatingRow,
    RecoveryRow,
    SampleRow,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
VERDICTS = (("faithful", 0), ("benign_detail", 1), ("misleading", 2), ("misleading", 3), ("unusable", 2))
DRAWS, RATERS, AT_ONCE = 3, 3, 2000
MODEL = {"model_id": "embedded", "model_revision": "1", "model_engine": "none"}
TABLES = (SampleRow, RecoveryRow, AnswerRow, ItemRow, RatingRow, RatingCategoryRow, RatingRegionRow)
Rows = dict[type, list[dict[str, Any]]]


def fill(store: Store, ratings: int, pictures: int = 200, side: int = 64) -> None:
    """About `ratings` judgements: three raters' of three recoveries of each sample."""
    rng = np.random.default_rng(0)
    pngs = [png_bytes(rng.integers(0, 256, (8, 8, 3), np.uint8).repeat(side // 8, 0).repeat(side // 8, 1))
            for _ in range(pictures)]  # fmt: skip
    shas = sorted({digest(png): png for png in pngs}.items())
    store.keep(dict(shas))
    draw = random.Random(0)
    with store.database._session.begin() as session:
        rows = [{"sha": sha, "bytes": len(png), "width": side, "height": side} for sha, png in shas]
        session.execute(insert(ImageRow), rows)
    names = [sha for sha, _ in shas]
    samples = max(1, ratings // (DRAWS * RATERS))
    for start in range(0, samples, AT_ONCE):
        made: Rows = {table: [] for table in TABLES}
        for number in range(start, min(samples, start + AT_ONCE)):
            _sample(made, number, names, draw)
        with store.database._session.begin() as session:
            for table in TABLES:
                session.execute(insert(table), made[table])


def _sample(made: Rows, number: int, names: list[str], draw: random.Random) -> None:
    corrupted, reference = draw.sample(names, 2)
    sample = f"s{number:07d}"
    made[SampleRow].append({
        "id": sample, "corrupted_sha": corrupted, "reference_sha": reference, "split_group": reference,
        "corruption": f"fog@mid#{number}", "corruption_name": "fog", "severity": 2 / 3, "seed": number,
        "source": f"photo:{number}", "license": "CC0-1.0", "question": "What colour is the light?",
        "options": ["red", "green"], "expected": "B",
    })  # fmt: skip
    for place in range(DRAWS):
        id_, at = f"r{number:07d}-{place}", START + timedelta(minutes=number)
        made[RecoveryRow].append({
            "id": id_, "sample_id": sample, "image_sha": draw.choice(names), "uncertainty_sha": None, **MODEL,
            "seed": place, "settings": {}, "seconds": 0.5, "app_version": "0", "created_at": at,
            "uncertainty_kind": None, "unsure_share": None, "unsure_regions": [], "sample_answers": {}, "trace": None,
        })  # fmt: skip
        for position, condition in enumerate(("corrupted", "recovered", "both")):
            made[AnswerRow].append({
                "recovery_id": id_, "position": position, "condition": condition, "text": "red", "confidence": 0.5,
                "choice": draw.choice("AB"), "in_scope": True, "note": None, "seconds": 0.0, "probabilities": [],
                "reading": {}, **MODEL,
            })  # fmt: skip
        made[ItemRow].append({
            "id": f"i-{id_}", "subject": f"work/single/{id_}", "kind": "single", "purpose": "work", "origin": "batch",
            "recovery_id": id_, "other_id": None, "overlap": 3, "rank": 0.0, "count": RATERS, "state": "done",
            "key": None, "position": None, "created_at": at,
        })  # fmt: skip
        verdict = draw.choice(VERDICTS)
        for rater in range(RATERS):
            _rating(made, id_, rater, at, verdict if draw.random() < 0.85 else draw.choice(VERDICTS))


def _rating(made: Rows, recovery: str, rater: int, at: datetime, said: tuple[str, int]) -> None:
    id_, (verdict, severity) = f"{recovery}-{rater}", said
    made[RatingRow].append({
        "id": id_, "recovery_id": recovery, "source": "rater", "stage": "blind", "verdict": verdict,
        "severity": severity, "answer_impact": "unknown", "comment": "", "rater_id": f"rater-{rater}", "consent": True,
        "confidence": 2, "taxonomy_version": "1", "guideline_version": "1", "created_at": at, "supersedes": None,
        "item_id": f"i-{recovery}", "round": 0, "shown_at": None, "duration_ms": 9000, "supported_by_input": None,
        "global_rating": None, "guard": None,
    })  # fmt: skip
    if severity >= 2:
        made[RatingCategoryRow].append({"rating_id": id_, "code": "attribute_changed", "severity": severity})
        made[RatingRegionRow].append({"rating_id": id_, "position": 0, "x0": 0.1, "y0": 0.1, "x1": 0.4, "y1": 0.4,
                                      "category": "attribute_changed"})  # fmt: skip
