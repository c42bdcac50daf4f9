"""Thousands of cases straight into the tables, for measuring queries. They have no images on disk."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from ru1_app.store.sql import Store
from ru1_app.store.tables import (
    AnswerRow,
    ConsensusRow,
    ImageRow,
    ItemRow,
    RatingCategoryRow,
    RatingRow,
    RecoveryRow,
    SampleRow,
    ScoreRow,
    TurnRow,
)

NAMES = ("fog", "jpeg", "gaussian_noise", "low_light", "motion_blur", "fog+jpeg", "block_lost", "rain")
VERDICTS = ("faithful", "benign_detail", "misleading", "unusable")
PAIRS = ("corrupted_reference", "recovered_reference")
SCORERS = ("ssim", "psnr", "clip", "ms_ssim", "ciede")
START = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = (ImageRow, SampleRow, RecoveryRow, AnswerRow, ScoreRow, ItemRow, TurnRow, RatingRow, RatingCategoryRow,
          ConsensusRow)  # fmt: skip


def crowd(store: Store, count: int, seed: int = 0) -> None:
    """`count` cases, each with an item, three raters' judgements of it and ten scores; every 20th is gold."""
    draw = random.Random(seed)
    rows: dict[type, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for number in range(count):
        _case(rows, number, draw)
    with store.database._session.begin() as session:
        for table in TABLES:
            session.execute(insert(table), rows[table])
    if store.database.engine.dialect.name == "postgresql":  # which would do so by itself after a minute
        with store.database._session.begin() as session:
            session.execute(text("ANALYZE"))


def _case(rows: dict[type, list[dict[str, Any]]], number: int, draw: random.Random) -> None:
    id_, name, at = f"{draw.getrandbits(120):032x}", draw.choice(NAMES), START + timedelta(minutes=7 * number)
    sha = f"{number:064x}"
    model = {"model_id": f"model-{number % 3}", "model_revision": "1", "model_engine": "none"}
    rows[ImageRow].append({"sha": sha, "bytes": 1, "width": 1, "height": 1})
    rows[SampleRow].append({
        "id": f"s-{id_}", "corrupted_sha": sha, "reference_sha": sha, "split_group": sha, "corruption": name,
        "corruption_name": name, "severity": draw.random() if "+" not in name else None, "seed": 0, "source": "crowd",
        "license": None, "question": "What colour is the light?", "options": ["red", "green"], "expected": "B",
    })  # fmt: skip
    rows[RecoveryRow].append({
        "id": id_, "sample_id": f"s-{id_}", "image_sha": sha, "uncertainty_sha": None, **model, "seed": 0,
        "settings": {}, "seconds": 1.0, "app_version": "0", "created_at": at, "uncertainty_kind": "predicted",
        "unsure_share": draw.random(), "unsure_regions": [], "sample_answers": {}, "trace": None,
    })  # fmt: skip
    for position, condition in enumerate(("corrupted", "recovered", "both")):
        rows[AnswerRow].append({
            "recovery_id": id_, "position": position, "condition": condition, "text": "", "choice": draw.choice("AB"),
            "confidence": None, "in_scope": True, "note": None, "seconds": 0.0, "probabilities": [], "reading": {},
            **model,
        })  # fmt: skip
    for position, (scorer, pair) in enumerate((s, p) for s in SCORERS for p in PAIRS):
        rows[ScoreRow].append({
            "recovery_id": id_, "position": position, "pair": pair, "scorer": scorer, "version": "1",
            "value": draw.random(), "reason": None, "model": None,
        })  # fmt: skip
    state, purpose = draw.choice(("open", "done", "disputed", "adjudicated")), "work" if number % 20 else "gold"
    rows[ItemRow].append({
        "id": f"i-{id_}", "subject": f"{purpose}/single/{id_}", "kind": "single", "purpose": purpose,
        "origin": "batch", "recovery_id": id_, "other_id": None, "overlap": 3, "rank": draw.random(), "count": 3,
        "state": state, "key": None, "position": None, "created_at": at,
    })  # fmt: skip
    for rater in draw.sample(range(12), 3):
        _judge(rows, id_, f"rater-{rater}", at, draw)
    rows[ConsensusRow].append({
        "item_id": f"i-{id_}", "recovery_id": id_, "verdict": draw.choice((*VERDICTS, None)),
        "severity": draw.randrange(4), "raters": 3, "share": 1.0, "modelled": None, "certainty": None,
        "elusive": draw.random() < 0.05, "adjudicated": state == "adjudicated", "computed_at": at,
    })  # fmt: skip


def _judge(rows: dict[type, list[dict[str, Any]]], id_: str, rater: str, at: datetime, draw: random.Random) -> None:
    rating, verdict = f"{draw.getrandbits(120):032x}", draw.choice(VERDICTS)
    rows[TurnRow].append({
        "item_id": f"i-{id_}", "rater_id": rater, "round": 0, "state": "done", "stage": "", "tab": "t",
        "expires_at": at, "opened": {}, "finished_at": at, "reason": None,
    })  # fmt: skip
    rows[RatingRow].append({
        "id": rating, "recovery_id": id_, "source": "rater", "stage": "blind", "verdict": verdict,
        "severity": {"faithful": 0, "benign_detail": 1}.get(verdict, draw.choice((2, 3))), "answer_impact": "unknown",
        "comment": "", "rater_id": rater, "consent": True, "confidence": 2, "taxonomy_version": "1",
        "guideline_version": "1", "created_at": at, "supersedes": None, "item_id": f"i-{id_}", "round": 0,
        "shown_at": None, "duration_ms": 9000, "supported_by_input": None, "global_rating": None, "guard": None,
    })  # fmt: skip
    if verdict == "misleading":
        rows[RatingCategoryRow].append({"rating_id": rating, "code": draw.choice(("text_altered", "object_added")),
                                        "severity": 2})  # fmt: skip
