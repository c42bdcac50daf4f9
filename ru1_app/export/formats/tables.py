"""Plain Parquet: one row for each labelled recovery, one for each judgement, one for each preference."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.export.cases.rows import Preference
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.parquet import Tables, embedded
from ru1_app.export.formats.format import Format
from ru1_app.export.values.records import check_record, to_judgement, to_pair, to_record

NAME = "tables"
SAMPLES, RATINGS, PAIRS = "samples", "ratings", "pairs"
IMAGES = {
    "corrupted": "corrupted_sha256",
    "recovered": "recovered_sha256",
    "reference": "reference_sha256",
    "uncertainty": "uncertainty_sha256",
}


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of the labelled recoveries; of the preferences, where there is no label."""
    with ExitStack() as stack:
        samples = Tables(folder / SAMPLES, sample_features(), stack)
        ratings = Tables(folder / RATINGS, rating_features(), stack)
        pairs = Tables(folder / PAIRS, pair_features(), stack)
        for group in source.groups():
            for row, label in group.labelled:
                record = check_record(to_record(row, label))
                images = {name: _image(source, record[key]) for name, key in IMAGES.items()}
                samples.add(row.split, {**images, **record})
                for rating in label.ratings:
                    ratings.add(row.split, to_judgement(row, rating))
            for pair in group.preferences:
                pairs.add(pair.split, {**_pictures(source, pair), **to_pair(pair)})
        return samples.counts or pairs.counts


def _image(source: Source, sha: str | None) -> dict[str, Any] | None:
    return None if sha is None else embedded(sha, source.image(sha))


def _pictures(source: Source, pair: Preference) -> dict[str, Any]:
    sample = pair.chosen.case.sample
    named = {
        "corrupted": sample.corrupted_sha,
        "chosen": pair.chosen.case.recovery.image_sha,
        "rejected": pair.rejected.case.recovery.image_sha,
        "reference": sample.reference_sha,
    }
    return {name: _image(source, sha) for name, sha in named.items()}


def sample_features() -> Any:
    """The columns of the samples as `datasets` features: images first, then the record's fields."""
    from datasets import Features, Image, List, Value

    text, whole, real, yes = (Value(kind) for kind in ("string", "int64", "float64", "bool"))
    box = dict.fromkeys(("x0", "y0", "x1", "y1"), real)
    model = dict.fromkeys(("model_id", "model_revision", "model_engine"), text)
    answer = {
        "condition": text, "text": text, "choice": text, "confidence": real, "correct": yes, "in_scope": yes,
        "note": text, "seconds": real, "probabilities": List(real),
        "reading": {
            "degradations": List({"type": text, "degree": text}), "influence": text, "reasoning": text,
            "conclusion": text,
        },
        **model,
    }  # fmt: skip
    score = {"pair": text, "scorer": text, "version": text, "value": real, "reason": text, "model": text}
    texts = [
        "schema_version", "id", "sample_id", "split_group", "split", *IMAGES.values(), "uncertainty_kind", "verdict",
        "blind_verdict", "label_status", "answer_impact", "derived_impact", "supported_by_input", "question",
        "expected", "corruption", "corruption_spec", "corruption_level", "sample_source", "license", "settings",
        "app_version", "created_at", "trace",
    ]  # fmt: skip
    reals = ["agreement", "misleading_share", "mean_severity", "human_score", "corruption_severity", "unsure_share"]
    return Features(
        {
            **{name: Image() for name in IMAGES},
            **dict.fromkeys(texts, text),
            **dict.fromkeys(("severity", "raters", "ratings", "corruption_seed", "seed"), whole),
            **dict.fromkeys((*reals, "seconds"), real),
            **model,
            "elusive": yes,
            **dict.fromkeys(("categories", "options", "taxonomy_versions", "guideline_versions"), List(text)),
            "category_severities": List(whole),
            "regions": List({**box, "category": text}),
            "unsure_regions": List(box),
            "sample_answers": List({"condition": text, "said": List(text)}),
            "answers": List(answer),
            "scores": List(score),
        }
    )


def rating_features() -> Any:
    """The columns of the judgements."""
    from datasets import Features, List, Value

    text, whole, real = (Value(kind) for kind in ("string", "int64", "float64"))
    texts = [
        "id", "recovery_id", "sample_id", "split", "rater_id", "source", "stage", "verdict", "answer_impact",
        "supported_by_input", "comment", "shown_at", "created_at", "taxonomy_version", "guideline_version",
    ]  # fmt: skip
    return Features(
        {
            **dict.fromkeys(texts, text),
            **dict.fromkeys(("round", "severity", "global_rating", "confidence", "duration_ms"), whole),
            "categories": List(text),
            "category_severities": List(whole),
            "regions": List({**dict.fromkeys(("x0", "y0", "x1", "y1"), real), "category": text}),
        }
    )


def pair_features() -> Any:
    """The columns of the preferences."""
    from datasets import Features, Image, List, Value

    text, whole = Value("string"), Value("int64")
    vote = {
        **dict.fromkeys(("rater_id", "left_id", "right_id", "choice", "created_at"), text),
        "duration_ms": whole,
    }
    texts = ["id", "sample_id", "split", "chosen_id", "rejected_id", "origin"]
    return Features(
        {
            **{name: Image() for name in ("corrupted", "chosen", "rejected", "reference")},
            **dict.fromkeys(texts, text),
            "voters": whole,
            "margin": Value("float64"),
            "votes": List(vote),
        }
    )


TABLES = Format(
    name=NAME,
    title="Parquet tables",
    consumer="datasets, pandas, DuckDB; RU1's own trainers",
    trains="Anything that reads tables: reward models, noise-aware training on single judgements, analysis.",
    cannot="No trainer reads it without a few lines of its own.",
    write=write,
    configs={SAMPLES: SAMPLES, RATINGS: RATINGS, PAIRS: PAIRS},
)
