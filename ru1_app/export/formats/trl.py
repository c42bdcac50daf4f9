"""TRL's four kinds of rows for vision-language models, as Parquet: DPO, KTO, GRPO and SFT.

Each row has `images` = [corrupted, recovered] as bytes, and the two tasks by `task`: "answer" is the question of the
sample, "judge" whether the recovery is true to its input; a filter on that column leaves one of them. Content is
plain text: TRL puts the images before the text of the first message itself, and parts of messages with an empty
`image` key, which Arrow makes of mixed parts, are refused (TRL 1.16). Other columns are ignored by the trainers, and
given by name to the reward functions of GRPO.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.jsonl import turn
from ru1_app.export.files.parquet import embedded, tables
from ru1_app.export.formats.format import Format
from ru1_app.export.values.lessons import Check, Lesson, lessons, not_paired, not_told, not_wanted

PREFERENCE, UNPAIRED, PROMPT, SFT = "trl_preference", "trl_unpaired", "trl_prompt", "trl_sft"
CHECKS: dict[str, Check] = {PREFERENCE: not_paired, UNPAIRED: not_told, PROMPT: not_wanted, SFT: not_wanted}
TRUNCATION = "Set max_length=None, or image tokens are cut."


def write(name: str, source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`; `name` is one of the four."""
    with tables(folder, features(name)) as table:
        for _, lesson in lessons(source.groups(), tally, name, {name: CHECKS[name]}):
            images = [embedded(sha, source.image(sha)) for sha in lesson.images]
            for texts in _rows(name, lesson):
                table.add(lesson.row.split, {**texts, "images": images, **lesson.facts})
        return table.counts


def _rows(name: str, lesson: Lesson) -> Iterator[dict[str, Any]]:
    reply = lesson.reply
    prompt = [turn("user", reply.prompt)]
    if name == PREFERENCE:
        yield {"prompt": prompt, "chosen": _said(reply.wanted), "rejected": _said(reply.wrong)}
    elif name == UNPAIRED:
        for text, good in lesson.told:
            yield {"prompt": prompt, "completion": _said(text), "label": good}
    elif name == PROMPT:
        yield {"prompt": prompt, "answer": reply.wanted}
    else:
        yield {"prompt": prompt, "completion": _said(reply.wanted)}


def _said(text: str | None) -> list[dict[str, str]]:
    return [turn("assistant", str(text))]


def features(name: str) -> Any:
    """The columns as `datasets` features: texts, images, then what is beside them."""
    from datasets import Features, Image, List, Value

    text, real = Value("string"), Value("float32")
    messages = List({"role": text, "content": text})
    own = {
        PREFERENCE: {"chosen": messages, "rejected": messages},
        UNPAIRED: {"completion": messages, "label": Value("bool")},
        PROMPT: {"answer": text},
        SFT: {"completion": messages},
    }
    return Features(
        {
            "prompt": messages,
            **own[name],
            "images": List(Image()),
            **dict.fromkeys(("task", "sample_id", "recovery_id", "label_status", "verdict"), text),
            "severity": Value("int64"),
            **dict.fromkeys(("margin", "human_hallucination", "hard_weight"), real),
            "license": text,
        }
    )


TRL_PREFERENCE = Format(
    name=PREFERENCE,
    title="TRL preferences",
    consumer="TRL 1.16: DPOTrainer",
    trains="Direct preference optimisation of a vision-language model: what is wanted over what was said wrongly.",
    cannot=f"It prefers texts; which of two recoveries is better it cannot hold. {TRUNCATION}",
    write=partial(write, PREFERENCE),
    configs={PREFERENCE: ""},
)
TRL_UNPAIRED = Format(
    name=UNPAIRED,
    title="TRL single answers, good or bad",
    consumer="TRL 1.16: KTOTrainer, with a batch of 2 or more",
    trains="KTO: answers that models gave, each good or bad, and verdicts, the right one or the opposite.",
    cannot="Answers of which nobody knows whether they are good are left out; good and bad ones are not balanced.",
    write=partial(write, UNPAIRED),
    configs={UNPAIRED: ""},
)
TRL_PROMPT = Format(
    name=PROMPT,
    title="TRL prompts with the right answer",
    consumer="TRL 1.16: GRPOTrainer; its reward functions get every column by name",
    trains="On-policy reinforcement learning of a model that answers or judges; rewards compare to `answer`.",
    cannot="human_hallucination is of the recovery that was judged; it is no reward of an image that is drawn anew.",
    write=partial(write, PROMPT),
    configs={PROMPT: ""},
)
TRL_SFT = Format(
    name=SFT,
    title="TRL right answers",
    consumer="TRL 1.16: SFTTrainer",
    trains="Supervised fine-tuning on what is wanted, “Cannot tell” included.",
    cannot=f"It does not show what is wrong. {TRUNCATION}",
    write=partial(write, SFT),
    configs={SFT: ""},
)
