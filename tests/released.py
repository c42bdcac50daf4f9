"""A small store with every kind of judgement that a release must tell apart, always the same bytes.

Samples `s0` to `s5` come from different pictures and have three recoveries each: `r<sample><draw>`. Draw 0 is faithful,
1 misleads (by three raters, blind and beside the clean image), 2 is a harmless detail; see `PLOT` for the others.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ru1_app.config import Settings
from ru1_app.domain import (
    Answered,
    AnswerImpact,
    AnswerRecord,
    Case,
    Condition,
    ModelRef,
    Question,
    Rating,
    RatingSource,
    Recovery,
    Region,
    Sample,
    Stage,
    Verdict,
)
from ru1_app.export import Selection, write_release
from ru1_app.images import digest, png_bytes
from ru1_app.items import Item, ItemKind, ItemState, Origin, PairChoice, PairVote, Purpose
from ru1_app.store.desk_rows import from_vote
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store
from ru1_app.store.tables import ItemRow

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(days=30)
QUESTION = Question("What colour is the light?", ("red", "green"), "B")
OPEN = Question("Which word is on the sign?", (), "STOP")
RATERS = ("rater-a", "rater-b", "rater-c")
REVISION = ModelRef("embedded", "0123456789ab", "test")

PLOT = {
    "s0": "all sound",
    "s1": "draw 1 is elusive: blind faithful, misleading beside the clean image; an adjudicator settled draw 2",
    "s2": "no reference; raters differ on draw 2: no majority",
    "s3": "only visitors flagged",
    "s4": "a rater without consent on draw 0; another licence; no question",
    "s5": "a held-out scene: a benchmark's picture; open question",
}


def build(store: Store, side: int = 24) -> None:
    """Fill the store; pictures are `side` by `side + 8` pixels."""
    for number in range(6):
        for draw in range(3):
            case, images = case_of(number, draw, side)
            store.add_case(case, images)
    Queue(store.database).add([*_singles(), *_pairs()], "system", AT)
    for rating in _ratings():
        store.add_rating(rating)
    with store.database._session.begin() as session:
        session.add_all(from_vote(vote) for vote in _votes())
        for row in session.query(ItemRow):
            row.count, row.state = 3, ItemState.DONE.value


def store_in(folder: Path, *more: Rating) -> Store:
    """A filled store in a folder of its own, with some more judgements."""
    settings = Settings(data_dir=folder / "data")
    store = Store(settings.url, settings.blob_dir)
    build(store)
    for each in more:
        store.add_rating(each)
    return store


def release(store: Store, root: Path, *formats: str, test_share: float = 0.5, **selection: Any) -> Path:
    """The folder of a release; at this share of test both splits have rows."""
    wanted = Selection(test_share=test_share, **selection)
    return write_release(store, root, wanted, formats, name="made", until=LATER)[0]


def rows_of(folder: Path, table: str = "samples") -> list[dict[str, Any]]:
    """The rows of a table of a release, both splits."""
    import pyarrow.parquet as pq

    return [row for path in sorted((folder / "tables" / table).iterdir()) for row in pq.read_table(path).to_pylist()]


def picture(seed: int, side: int = 24) -> np.ndarray:
    """A smooth random picture [side, side + 8, 3]."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (4, 4, 3)).astype(np.float32)
    rows, columns = (np.linspace(0, 3, count).round().astype(int) for count in (side, side + 8))
    return rough[rows][:, columns].astype(np.uint8)


def case_of(number: int, draw: int, side: int = 24) -> tuple[Case, dict[str, bytes]]:
    """The case `r<number><draw>` with its images, without judgements."""
    clean = picture(number, side)
    noise = np.random.default_rng([number, 9]).normal(0, 30, clean.shape)
    corrupted = np.clip(clean + noise, 0, 255).astype(np.uint8)
    recovered = np.clip(clean.astype(int) + (0, 60, 5)[draw], 0, 255).astype(np.uint8)
    recovered[0, 0] = draw, number, 0
    pngs = {name: png_bytes(image) for name, image in (("c", corrupted), ("r", recovered), ("x", clean))}
    shas = {name: digest(png) for name, png in pngs.items()}
    question = {4: None, 5: OPEN}.get(number, QUESTION)
    sample = Sample(
        id=f"s{number}",
        corrupted_sha=shas["c"],
        reference_sha=None if number == 2 else shas["x"],
        split_group=hashlib.sha256(f"picture {number}".encode()).hexdigest(),
        corruption=f"gaussian_noise@mid#{number}",
        severity=2 / 3,
        seed=number,
        source="scene:1000000123" if number == 5 else f"photo:{number}",
        license="CC-BY-4.0" if number == 4 else "CC0-1.0",
        question=question,
    )
    recovery = Recovery(
        id=f"r{number}{draw}",
        sample_id=sample.id,
        image_sha=shas["r"],
        uncertainty_sha=None,
        model=REVISION,
        seed=draw,
        settings={"steps": 1},
        seconds=0.5,
        app_version="0.0.1",
        created_at=AT,
    )
    used = {shas["c"]: pngs["c"], shas["r"]: pngs["r"]} | ({shas["x"]: pngs["x"]} if number != 2 else {})
    return Case(sample, recovery, answers=_answers(question, draw)), used


def _answers(question: Question | None, draw: int) -> tuple[AnswerRecord, ...]:
    """From the corrupted image right; with the misleading recovery wrong."""
    if question is None:
        return ()
    right, wrong = ("B", "A") if question.options else (None, None)
    texts = ("green", "red") if question.options else ("STOP", "SLOW")
    bad = draw == 1
    return tuple(
        AnswerRecord(
            condition,
            Answered(texts[wrong_here], wrong if wrong_here else right, 0.9),
            ModelRef("embedded-answerer", "abc", "test"),
        )
        for condition, wrong_here in (
            (Condition.CORRUPTED, False),
            (Condition.RECOVERED, bad),
            (Condition.BOTH, bad),
        )
    )


def _singles() -> list[Item]:
    return [_item(f"i{n}{d}", ItemKind.SINGLE, f"r{n}{d}") for n in range(6) for d in range(3) if n != 3]


def _pairs() -> list[Item]:
    """In s0: 0 over 1 by all, a tie of 0 and 2; in s1: both bad; in s2: 0 over 1 by two of three."""
    both = (("p001", "r00", "r01"), ("p002", "r00", "r02"), ("p101", "r10", "r11"), ("p201", "r20", "r21"))
    return [_item(id_, ItemKind.PAIR, one, two) for id_, one, two in both]


def _item(id_: str, kind: ItemKind, recovery: str, other: str | None = None) -> Item:
    return Item(id_, kind, Purpose.WORK, Origin.BATCH, recovery, AT, other_id=other)


def rating(recovery: str, rater: str, verdict: Verdict, severity: int, **values: Any) -> Rating:
    """A rater's blind judgement; `values` replace fields."""
    false = verdict in (Verdict.MISLEADING, Verdict.UNUSABLE)
    made = Rating(
        id=f"{recovery}-{rater}-blind",
        recovery_id=recovery,
        source=RatingSource.RATER,
        stage=Stage.BLIND,
        verdict=verdict,
        categories={"attribute_changed": severity} if false else {},
        regions=(Region(0.1, 0.2, 0.5, 0.6, "attribute_changed"),) if false else (),
        severity=severity,
        answer_impact=AnswerImpact.UNKNOWN,
        comment="",
        rater_id=rater,
        taxonomy_version="1",
        guideline_version="1",
        created_at=AT + timedelta(minutes=1),
        confidence=2,
        consent=True,
        item_id=f"i{recovery[1:]}",
        duration_ms=9000,
    )
    return replace(made, **values)


def _ratings() -> list[Rating]:
    found = []
    kinds = ((Verdict.FAITHFUL, 0), (Verdict.MISLEADING, 3), (Verdict.BENIGN_DETAIL, 1))
    for number in (0, 1, 2, 4, 5):
        for draw, (verdict, severity) in enumerate(kinds):
            for place, rater in enumerate(RATERS):
                found += _of(number, draw, place, rater, verdict, severity)
    settled = rating("r12", "judge", Verdict.MISLEADING, 2, source=RatingSource.ADJUDICATOR)
    flag = {"source": RatingSource.VISITOR, "stage": Stage.OPEN, "item_id": None}
    return [*found, settled, *(rating(f"r3{draw}", "visitor", Verdict.MISLEADING, 2, **flag) for draw in range(3))]


def _of(number: int, draw: int, place: int, rater: str, verdict: Verdict, severity: int) -> list[Rating]:
    id_ = f"r{number}{draw}"
    if (number, draw) == (2, 2):
        verdict, severity = ((Verdict.FAITHFUL, 0), (Verdict.MISLEADING, 3), (Verdict.CANNOT_TELL, 0))[place]
    elusive = (number, draw) == (1, 1)
    consent = not (number == 4 and draw == 0)
    blind = (Verdict.FAITHFUL, 0) if elusive else (verdict, severity)
    first = rating(id_, rater, *blind, consent=consent)
    if number == 2:
        return [first]
    at = AT + timedelta(minutes=2)
    impact = AnswerImpact.HARMED if draw == 1 and number != 4 else AnswerImpact.NONE
    last = rating(
        id_, rater, verdict, severity, id=f"{id_}-{rater}-reveal", stage=Stage.REVEAL, created_at=at, consent=consent,
        global_rating=(1, 5, 2)[draw], answer_impact=impact,
    )  # fmt: skip
    return [first, last]


def _votes() -> list[PairVote]:
    said = {
        "p001": ("r00", "r00", "r00"),
        "p002": (PairChoice.TIE, PairChoice.TIE, "r00"),
        "p101": (PairChoice.BOTH_BAD, PairChoice.BOTH_BAD, "r10"),
        "p201": ("r20", "r21", "r20"),
    }
    sides = {item.id: (item.recovery_id, str(item.other_id)) for item in _pairs()}
    votes = []
    for item_id, choices in said.items():
        for place, (rater, wanted) in enumerate(zip(RATERS, choices, strict=True)):
            left, right = sides[item_id] if place % 2 else sides[item_id][::-1]
            choice = wanted if isinstance(wanted, PairChoice) else None
            choice = choice or (PairChoice.LEFT if wanted == left else PairChoice.RIGHT)
            id_ = f"v-{item_id}-{rater}"
            votes.append(PairVote(id_, item_id, rater, left, right, choice, "", AT + timedelta(minutes=3)))
    return votes
