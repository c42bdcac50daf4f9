"""BAGEL's own training data: image edits as Parquet, vision-language turns as JSON Lines (Robust-U1's stages I, III).

    edit/{train,test}.parquet              image_list = [corrupted, clean], instruction_list = [[ways to ask]]
    parquet_info/{train,test}.json         row groups by the path of the file below the release
    vlm/{train,test}.jsonl, images/        [corrupted, recovered], a question, the right answer

BAGEL deals out row groups to workers, so they are small. Its loader knows a file by the path that it opens, so start
it in the release's folder with `data_dir: bagel/edit`, or rewrite the keys.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.export.cases.rows import RowGroup
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.jsonl import Lines, asked, pictures
from ru1_app.export.files.parquet import Tables
from ru1_app.export.formats.format import Format
from ru1_app.export.values.lessons import Lesson, lessons, not_wanted
from ru1_app.rewards.human import hard_weight

NAME = "bagel"
EDIT, VLM = "edit", "vlm"
GROUP = 8  # rows of a row group; a worker that gets no group yields nothing for ever
INSTRUCTIONS = (
    "Please restore this corrupted image to its clean version.",  # as Robust-U1 asks
    "Remove the corruption from this image and change nothing else.",
    "Recover the clean image. Do not add or remove anything.",
)


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of edits and turns together."""
    with ExitStack() as stack:
        edits, lines = Tables(folder / EDIT, edit_features(), stack, GROUP), Lines(folder, stack)
        for group in source.groups():
            if group.sample.reference_sha is None:
                tally.lose(NAME, "edit: no clean image")
            else:
                edits.add(group.rows[0].split, _edit(source, group, group.sample.reference_sha))
            for _, lesson in lessons([group], tally, NAME, {VLM: not_wanted}):
                lines.add(VLM, lesson.row.split, _turns(lesson, pictures(source, folder, lesson.images)))
    for split in edits.counts:
        _write_info(folder, split)
    return Counter(edits.counts) + lines.counts


def _turns(lesson: Lesson, images: list[str]) -> dict[str, Any]:
    reply = lesson.reply
    said = [("human", asked(reply.prompt)["content"]), ("gpt", str(reply.wanted))]
    return {
        "id": f"{lesson.row.case.id}-{reply.task.value}",
        "image": images,
        "conversations": [{"from": speaker, "value": text} for speaker, text in said],
        **lesson.facts,
    }


def _edit(source: Source, group: RowGroup, clean: str) -> dict[str, Any]:
    labels = [label for _, label in group.labelled]
    weights = [hard_weight(each.verdict and each.verdict.value, each.mean_severity, each.elusive) for each in labels]
    return {
        "image_list": [source.image(sha) for sha in (group.sample.corrupted_sha, clean)],
        "instruction_list": [list(INSTRUCTIONS)],
        "sample_id": group.sample.id,
        "hard_weight": max(weights, default=1.0),
    }


def _write_info(folder: Path, split: str) -> None:
    """What BAGEL wants to know of a file before it opens it."""
    import pyarrow.parquet as pq

    path = folder / EDIT / f"{split}.parquet"
    found = pq.ParquetFile(path).metadata
    info = {f"{folder.name}/{EDIT}/{path.name}": {"num_row_groups": found.num_row_groups, "num_rows": found.num_rows}}
    (folder / "parquet_info").mkdir(exist_ok=True)
    (folder / "parquet_info" / f"{split}.json").write_text(json.dumps(info, indent=2) + "\n", "utf-8")


def edit_features() -> Any:
    """The columns of the edits. The images are plain bytes: BAGEL opens them itself."""
    from datasets import Features, List, Value

    text = Value("string")
    return Features(
        {
            "image_list": List(Value("binary")),
            "instruction_list": List(List(text)),
            "sample_id": text,
            "hard_weight": Value("float32"),
        }
    )


BAGEL = Format(
    name=NAME,
    title="BAGEL edits and turns",
    consumer="BAGEL's UnifiedEditIterableDataset and SftJSONLIterableDataset; MathCanvas, which grew from it, untested",
    trains="Supervised training of a model that restores images and answers about them: Robust-U1's stages I and III.",
    cannot="No preferences. Edits need a clean image; hard_weight is there to draw by, but BAGEL does not read it.",
    write=write,
    configs={"bagel_edit": EDIT},
)
