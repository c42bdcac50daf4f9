"""LLaMA-Factory's sharegpt form: `dataset_info.json`, JSON Lines by stage and task, images once.

    dataset_info.json                     ru1_{dpo,kto,sft}_{answer,judge}_{train,test}
    {dpo,kto,sft}_{answer,judge}/{train,test}.jsonl
    images/SHA256.png                     [corrupted, recovered] of each row

Train with `dataset_dir: RELEASE/llama_factory` (where images are looked for too) and `dataset: ru1_dpo_answer_train`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.jsonl import Lines, asked, pictures, turn
from ru1_app.export.formats.format import Format
from ru1_app.export.values.lessons import Check, Lesson, lessons, not_paired, not_told, not_wanted

NAME = "llama_factory"
DPO, KTO, SFT = "dpo", "kto", "sft"
USES: dict[str, Check] = {DPO: not_paired, KTO: not_told, SFT: not_wanted}
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
COLUMNS = {
    DPO: {"messages": "messages", "chosen": "chosen", "rejected": "rejected", "images": "images"},
    KTO: {"messages": "messages", "kto_tag": "label", "images": "images"},
    SFT: {"messages": "messages", "images": "images"},
}


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of all files together."""
    with ExitStack() as stack:
        lines = Lines(folder, stack)
        for use, lesson in lessons(source.groups(), tally, NAME, USES):
            images = pictures(source, folder, lesson.images)
            for texts in _rows(use, lesson):
                name = f"{use}_{lesson.reply.task.value}"
                lines.add(name, lesson.row.split, {**texts, "images": images, **lesson.facts})
    info = dataset_info(lines.rows)
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", "utf-8")
    return lines.counts


def _rows(use: str, lesson: Lesson) -> Iterator[dict[str, Any]]:
    reply = lesson.reply
    question = asked(reply.prompt)
    if use == DPO:
        chosen, rejected = (turn("assistant", str(text)) for text in (reply.wanted, reply.wrong))
        yield {"messages": [question], "chosen": chosen, "rejected": rejected}
    elif use == KTO:
        for text, good in lesson.told:
            yield {"messages": [question, turn("assistant", text)], "label": good}
    else:
        yield {"messages": [question, turn("assistant", str(reply.wanted))]}


def dataset_info(files: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What LLaMA-Factory must know of each file, by the name under which it is trained on."""
    return {f"ru1_{name}_{split}": _entry(name, split) for name, split in sorted(files)}


def _entry(name: str, split: str) -> dict[str, Any]:
    use = name.partition("_")[0]
    return {
        "file_name": f"{name}/{split}.jsonl",
        "formatting": "sharegpt",
        **({"ranking": True} if use == DPO else {}),
        "columns": COLUMNS[use],
        "tags": TAGS,
    }


LLAMA_FACTORY = Format(
    name=NAME,
    title="LLaMA-Factory",
    consumer="LLaMA-Factory: stages dpo (or rm), kto and sft",
    trains="Preference optimisation, KTO and fine-tuning of a vision-language model that answers and judges.",
    cannot="It prefers texts; which of two recoveries is better it cannot hold.",
    write=write,
)
