"""Records as Parquet with the images' PNG bytes inside, and as JSON lines. `datasets` loads both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ru1_app.store.sql import Store

IMAGES = {
    "corrupted": "corrupted_sha256",
    "recovered": "recovered_sha256",
    "reference": "reference_sha256",
    "uncertainty": "uncertainty_sha256",
}
ROWS, BYTES = 50, 64 * 2**20  # most of one row group: what a reader holds in memory at once


def write_records(store: Store, records: Iterable[Mapping[str, Any]], folder: Path) -> int:
    """Write `train.parquet`, `test.parquet` (where there are such rows) and `records.jsonl`; returns the count."""
    features = make_features()
    count = 0
    with ExitStack() as stack:
        lines = stack.enter_context((folder / "records.jsonl").open("w", encoding="utf-8"))
        tables: dict[str, _Table] = {}
        for record in records:
            split = record["split"]
            if split not in tables:
                tables[split] = stack.enter_context(closing(_Table(folder / f"{split}.parquet", features)))
            lines.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            tables[split].add(record, _embedded(store, record))
            count += 1
    return count


class _Table:
    """A Parquet file that is written in row groups of bounded size."""

    def __init__(self, path: Path, features: Any) -> None:
        import pyarrow.parquet as pq

        self._schema = features.arrow_schema
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def add(self, record: Mapping[str, Any], images: Mapping[str, Any]) -> None:
        self._rows.append({**record, **images})
        self._size += sum(len(image["bytes"]) for image in images.values() if image)
        if len(self._rows) == ROWS or self._size >= BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._size = [], 0


def _embedded(store: Store, record: Mapping[str, Any]) -> dict[str, Any]:
    """Image columns: bytes always, since a path would mean nothing elsewhere."""
    return {
        name: None if record[key] is None else {"bytes": store.image(record[key]), "path": f"{record[key]}.png"}
        for name, key in IMAGES.items()
    }


def make_features() -> Any:
    """The columns as `datasets` features: images first, then the record's fields."""
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
    strings = [
        "schema_version",
        "id",
        "sample_id",
        "split_group",
        "split",
        "corrupted_sha256",
        "recovered_sha256",
        "reference_sha256",
        "uncertainty_sha256",
        "uncertainty_kind",
        "verdict",
        "answer_impact",
        "comment",
        "label_status",
        "source",
        "stage",
        "rating_id",
        "rater_id",
        "rated_at",
        "taxonomy_version",
        "guideline_version",
        "question",
        "expected",
        "corruption",
        "corruption_spec",
        "corruption_level",
        "sample_source",
        "license",
        "settings",
        "app_version",
        "created_at",
        "trace",
    ]
    return Features(
        {
            **{name: Image() for name in IMAGES},
            **dict.fromkeys(strings, text),
            **dict.fromkeys(("severity", "confidence", "ratings", "corruption_seed", "seed"), whole),
            **dict.fromkeys(("corruption_severity", "unsure_share", "seconds"), real),
            **model,
            "consent": yes,
            "categories": List(text),
            "category_severities": List(whole),
            "regions": List({**box, "category": text}),
            "unsure_regions": List(box),
            "sample_answers": List({"condition": text, "said": List(text)}),
            "options": List(text),
            "answers": List(answer),
            "scores": List(score),
        }
    )
