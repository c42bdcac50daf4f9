"""Ratings beside the clean image, in the columns of VHA-bench (arXiv 2610.25770): `human_score` 1-5, higher is worse.

{train,test}.parquet   one row per recovery that somebody rated so; `sample_id` is the recovery, `image_id` the clean
                       image's SHA-256, `method` the model with its revision
ratings.csv            one row per rater and recovery
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ru1_app.domain import Rating, RatingSource
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.parquet import embedded, tables
from ru1_app.export.files.sheet import PLAIN, sheet
from ru1_app.export.formats.diffusion_dpo import model_of
from ru1_app.export.formats.format import Format

NAME = "vha"
RATINGS = "ratings.csv"


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of the recoveries."""
    columns = ("rater", "sample_id", "score")
    with tables(folder, features()) as out, sheet(folder / RATINGS, columns, PLAIN) as ratings:
        for row, label in source.rows():
            case, scores = row.case, scores_of(label)
            reference = case.sample.reference_sha
            if reference is None or not scores:
                tally.lose(NAME, "without a clean image" if reference is None else "nobody rated it on 1-5")
                continue
            record = {
                "gt": embedded(reference, source.image(reference)),
                "sr": embedded(case.recovery.image_sha, source.image(case.recovery.image_sha)),
                "sample_id": case.id,
                "image_id": reference,
                "method": model_of(case),
                "human_score": label.human_score,
                "n_ratings": len(scores),
            }
            out.add(row.split, record)
            for each in scores:
                ratings.add({"rater": each.rater_id, "sample_id": case.id, "score": each.global_rating})
        return out.counts


def scores_of(label: Label) -> list[Rating]:
    """The judgements that `human_score` is the mean of."""
    return [
        rating
        for rating in label.ratings
        if rating.source is RatingSource.RATER and rating.global_rating is not None and not rating.round
    ]


def features() -> Any:
    """The columns."""
    from datasets import Features, Image, Value

    texts = dict.fromkeys(("sample_id", "image_id", "method"), Value("string"))
    scores = {"human_score": Value("float32"), "n_ratings": Value("int32")}
    return Features({"gt": Image(), "sr": Image(), **texts, **scores})


VHA = Format(
    name=NAME,
    title="Hallucination scores (VHA-bench columns)",
    consumer="What reads VHA-bench: metrics of hallucination in super-resolution and their calibration",
    trains="A model of how much a recovery hallucinates beside its clean image, or a check of such a measure.",
    cannot="Nothing for inputs without a clean image; it does not say what is false or where.",
    write=write,
    configs={NAME: ""},
)
