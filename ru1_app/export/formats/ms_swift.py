"""ms-swift's standard form: JSON Lines by kind of training and task, images once.

    {sft,dpo,rm,kto,grpo}_{answer,judge}/{train,test}.jsonl
    sft_regions/{train,test}.jsonl            the verdict with the boxes that a rater drew on the recovery
    {dpo,rm}_images/{train,test}.jsonl        the same verdict about two recoveries: `images` over `rejected_images`
    images/SHA256.png

Train with `ROOT_IMAGE_DIR=RELEASE/ms_swift`, since the paths are relative. Each kind has files of its own: a row
whose `rejected_response` is null is thrown away, a margin is for reward models alone, and a list that is empty in the
first rows has no type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.domain import Region, Verdict
from ru1_app.export.cases.preferences import FALSE
from ru1_app.export.cases.rows import Preference
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.jsonl import Lines, asked, pictures, turn
from ru1_app.export.formats.format import Format
from ru1_app.export.values.answers import Task
from ru1_app.export.values.judging import category_label, judge_prompt, marks, said_of
from ru1_app.export.values.lessons import Check, Lesson, lessons, not_paired, not_told, not_wanted

NAME = "ms_swift"
SFT, DPO, RM, KTO, GRPO = "sft", "dpo", "rm", "kto", "grpo"
USES: dict[str, Check] = {SFT: not_wanted, DPO: not_paired, RM: not_paired, KTO: not_told, GRPO: not_wanted}
RECOVERED = 1  # place among the images: where the boxes are
WHERE = "Then say where each fault is."
REF, BBOX = "<ref-object>", "<bbox>"


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of all files together."""
    with ExitStack() as stack:
        lines = Lines(folder, stack)
        for group in source.groups():
            for use, lesson in lessons([group], tally, NAME, USES):
                _add(lines, use, lesson, pictures(source, folder, lesson.images))
            for pair in group.preferences:
                _add_pair(lines, source, folder, pair, tally)
        return lines.counts


def _add(lines: Lines, use: str, lesson: Lesson, images: list[str]) -> None:
    task, split = lesson.reply.task, lesson.row.split
    facts = {key: value for key, value in lesson.facts.items() if key != "margin" or use == RM}
    for texts in _rows(use, lesson):
        lines.add(f"{use}_{task.value}", split, {**texts, "images": images, **facts})
    where = marks(lesson.label) if use == SFT and task is Task.JUDGE else ()
    if where:
        lines.add("sft_regions", split, {**_marked(lesson, where), "images": images, **facts})


def _rows(use: str, lesson: Lesson) -> Iterator[dict[str, Any]]:
    reply = lesson.reply
    question = asked(reply.prompt)
    wanted = {"messages": [question, turn("assistant", str(reply.wanted))]}
    if use in (DPO, RM):
        yield {**wanted, "rejected_response": str(reply.wrong)}
    elif use == KTO:
        for text, good in lesson.told:
            yield {"messages": [question, turn("assistant", text)], "label": good}
    elif use == GRPO:
        yield {"messages": [question], "solution": str(reply.wanted)}
    else:
        yield wanted


def _marked(lesson: Lesson, regions: tuple[Region, ...]) -> dict[str, Any]:
    """The verdict with two tags for each box: "Misleading: text altered. Where: <ref-object><bbox>"."""
    reply = lesson.reply
    text = f"{reply.wanted} Where: {', '.join([REF + BBOX] * len(regions))}"
    objects = {
        "ref": [category_label(region.category or "fault").lower() for region in regions],
        "bbox": [[float(side) for side in (box.x0, box.y0, box.x1, box.y1)] for box in regions],
        "bbox_type": "norm1",
        "image_id": [RECOVERED] * len(regions),
    }
    return {"messages": [asked(f"{reply.prompt}\n{WHERE}"), turn("assistant", text)], "objects": objects}


def _add_pair(lines: Lines, source: Source, folder: Path, pair: Preference, tally: Tally) -> None:
    """The verdict “Faithful” is said of the better recovery rather than of the worse one, where it is not false too."""
    chosen, rejected = pair.chosen, pair.rejected
    if chosen.label is not None and chosen.label.verdict in FALSE:
        tally.lose(NAME, "images: the better one of two is held false too")
        return
    sample = chosen.case.sample
    better, worse = (
        pictures(source, folder, (sample.corrupted_sha, row.case.recovery.image_sha)) for row in (chosen, rejected)
    )
    row = {
        "messages": [asked(judge_prompt()), turn("assistant", said_of(Verdict.FAITHFUL, ()))],
        "images": better,
        "rejected_images": worse,
        "preference_id": pair.id,
        "sample_id": sample.id,
        "origin": pair.origin.value,
        "voters": pair.voters,
    }
    lines.add("dpo_images", pair.split, row)
    lines.add("rm_images", pair.split, {**row, "margin": float(pair.margin)})


MS_SWIFT = Format(
    name=NAME,
    title="ms-swift",
    consumer="ms-swift 4: sft, and rlhf with dpo, kto, grpo and rm",
    trains="A vision-language model that answers, judges and points at the fault; reward models with a margin; the "
    "preference between two recoveries, as one verdict about two images.",
    cannot="It trains no recoverer: images are seen, not made.",
    write=write,
)
