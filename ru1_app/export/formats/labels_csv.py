"""Labels and single judgements as CSV, without images, for spreadsheets and a quick look. See `sheet` for formulas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.sheet import sheet
from ru1_app.export.formats.format import Format
from ru1_app.export.values.plain import all_regions, marked, named, options
from ru1_app.export.values.records import to_judgement, to_record

NAME = "labels_csv"
LABELS = (
    "id", "sample_id", "split", "split_group", "label_status", "verdict", "blind_verdict", "severity", "mean_severity",
    "misleading_share", "agreement", "raters", "ratings", "human_score", "elusive", "categories", "regions",
    "answer_impact", "derived_impact", "supported_by_input", "question", "options", "expected", "answer_corrupted",
    "answer_recovered", "answer_both", "corruption", "corruption_level", "corruption_severity", "corruption_spec",
    "model_id", "model_revision", "seed", "sample_source", "license", "corrupted_sha256", "recovered_sha256",
    "reference_sha256", "created_at",
)  # fmt: skip
JUDGEMENTS = (
    "id", "recovery_id", "sample_id", "split", "rater_id", "source", "stage", "round", "verdict", "severity",
    "categories", "regions", "answer_impact", "supported_by_input", "global_rating", "confidence", "comment",
    "duration_ms", "shown_at", "created_at", "taxonomy_version", "guideline_version",
)  # fmt: skip


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of the labels."""
    counts: dict[str, int] = {}
    with (
        sheet(folder / "labels.csv", LABELS) as labels,
        sheet(folder / "judgements.csv", JUDGEMENTS) as judgements,
    ):
        for row, label in source.rows():
            labels.add(_label(row, label))
            counts[row.split] = counts.get(row.split, 0) + 1
            for rating in label.ratings:
                texts = {"categories": named(rating.categories), "regions": marked(rating.regions)}
                judgements.add({**to_judgement(row, rating), **texts})
    return counts


def _label(row: Row, label: Label) -> dict[str, Any]:
    record = to_record(row, label)
    return {
        **record,
        "categories": named(label.categories),
        "regions": marked(all_regions(label)),
        "options": options(record["options"]),
        "answer_corrupted": None,
        "answer_recovered": None,
        "answer_both": None,
        **{f"answer_{answer['condition']}": answer["text"] for answer in record["answers"]},
    }


LABELS_CSV = Format(
    name=NAME,
    title="Labels as CSV",
    consumer="Spreadsheets, pandas, R",
    trains="Nothing by itself: it is for looking, counting and checking.",
    cannot="It has no images; a text that a spreadsheet would run as a formula has an apostrophe put before it.",
    write=write,
)
