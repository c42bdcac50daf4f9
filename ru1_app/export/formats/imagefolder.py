"""A folder that `load_dataset("imagefolder", data_dir=…)` reads as three columns of images beside the label.

    {train,test}/metadata.jsonl            `corrupted_file_name`, `recovered_file_name`, `target_file_name`, the label
    {train,test}/{corrupted,recovered,target}/ID.png

`datasets` takes the types of the columns from the first rows of each split, and refuses splits that differ. JSON has
no typed null and no typed empty list; so a release in which nobody in one of the splits named a category, marked a
region or had a clean image has its rows in `metadata.parquet` instead, which the same call reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.domain import Region
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.parquet import Table
from ru1_app.export.files.pictures import keep, stem
from ru1_app.export.formats.format import Format
from ru1_app.export.values.plain import all_regions, plain

NAME = "imagefolder"
UNTYPED = ("target_file_name", "categories", "regions")  # may be null or empty
FIRST = 8 * 2**20  # bytes that `datasets` surely looks at: it reads 10 MiB at once


class _Rows:
    """The metadata of one split."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir(parents=True)
        self.path, self.count, self.typed = folder / "metadata.jsonl", 0, set[str]()
        self._file = stack.enter_context(self.path.open("w", encoding="utf-8"))
        self._size = 0

    def add(self, values: Mapping[str, Any]) -> None:
        line = json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"
        self._size += len(line.encode())
        if self._size <= FIRST:
            self.typed.update(name for name in UNTYPED if values[name])
        self._file.write(line)
        self.count += 1


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`."""
    splits: dict[str, _Rows] = {}
    with ExitStack() as stack:
        for row, label in source.rows():
            if row.split not in splits:
                splits[row.split] = _Rows(folder / row.split, stack)
            splits[row.split].add({**_pictures(source, row, folder / row.split), **_label(row, label)})
    if any(rows.typed != set(UNTYPED) for rows in splits.values()):
        for rows in splits.values():
            _as_parquet(rows.path)
    return {split: rows.count for split, rows in splits.items()}


def _pictures(source: Source, row: Row, folder: Path) -> dict[str, str | None]:
    sample, recovery = row.case.sample, row.case.recovery
    files = {
        "corrupted": (sample.id, sample.corrupted_sha),
        "recovered": (row.case.id, recovery.image_sha),
        "target": (sample.id, sample.reference_sha),
    }
    names: dict[str, str | None] = {}
    for kind, (id_, sha) in files.items():
        names[f"{kind}_file_name"] = f"{kind}/{stem(id_)}.png" if sha else None
        if sha:
            keep(folder / kind / f"{stem(id_)}.png", source.image(sha))
    return names


def _label(row: Row, label: Label) -> dict[str, Any]:
    regions = [_box(region) for region in all_regions(label)]
    return {**plain(row, label), "categories": sorted(label.categories), "regions": regions}


def _box(region: Region) -> dict[str, Any]:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (region.x0, region.y0, region.x1, region.y1), strict=True)
    return {"category": region.category or "", **{name: float(value) for name, value in sides}}


def _as_parquet(path: Path) -> None:
    """The same rows with types, in place of the file."""
    table = Table(path.with_suffix(".parquet"), features())
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            table.add(json.loads(line))
    table.close()
    path.unlink()


def features() -> Any:
    """The columns as they stand in the metadata."""
    from datasets import Features, List, Value

    text, whole, real = (Value(kind) for kind in ("string", "int64", "float64"))
    texts = ["question", "options", "expected", "corruption", "corruption_level", "model_id", "model_revision"]
    return Features(
        {
            **dict.fromkeys(("corrupted_file_name", "recovered_file_name", "target_file_name"), text),
            **dict.fromkeys(("id", "sample_id", "split_group", "label_status", "verdict"), text),
            "severity": whole,
            **dict.fromkeys(("mean_severity", "misleading_share", "agreement"), real),
            "raters": whole,
            "elusive": Value("bool"),
            **dict.fromkeys(("answer_impact", *texts), text),
            "seed": whole,
            "license": text,
            "categories": List(text),
            "regions": List({"category": text, **dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), real)}),
        }
    )


IMAGEFOLDER = Format(
    name=NAME,
    title="Folder of images",
    consumer='datasets: load_dataset("imagefolder", data_dir=…); people who want to look at the files',
    trains="Anything that takes corrupted, recovered and clean images with a label beside them.",
    cannot="It has no judgements of single people and no preferences.",
    write=write,
)
