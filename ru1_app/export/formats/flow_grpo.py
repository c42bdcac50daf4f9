"""The restoration folder that Flow-GRPO's image loaders read. Their words stay in this file.

    restoration/{train,test}_metadata.jsonl   one row per recovery whose clean image is known
    restoration/corrupted/ID.png              `image`, the model's input: a name of its own for each row
    restoration/clean/ID.png                  `target_image`, for the SSIM and CLIP rewards

The prompt is the same for every row, so trainers must group by prompt *and* image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import SPLITS, Row
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.pictures import keep, size_of, stem
from ru1_app.export.formats.format import Format
from ru1_app.export.values.records import corruption_of
from ru1_app.rewards.human import hard_weight, human_reward

NAME = "flow_grpo"
ROOT = "restoration"
PROMPT = "Please restore this corrupted image to its clean version."  # as Robust-U1 asks
REQUIREMENT = "restore"
LEAST_SIDE = 11  # of SSIM's window


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. Both files of rows are made: loaders open both, whether or not they hold a row."""
    root = folder / ROOT
    counts = dict.fromkeys(SPLITS, 0)
    with ExitStack() as stack:
        for name in ("corrupted", "clean"):
            (root / name).mkdir(parents=True)
        files = {
            split: stack.enter_context((root / f"{split}_metadata.jsonl").open("w", encoding="utf-8"))
            for split in SPLITS
        }
        for row, label in source.rows():
            sample = row.case.sample
            reason = _unfit(source, row)
            if reason or sample.reference_sha is None:
                tally.lose(NAME, reason or "without a clean image")
                continue
            image, target = f"corrupted/{stem(row.case.id)}.png", f"clean/{stem(sample.id)}.png"
            keep(root / image, source.image(sample.corrupted_sha))
            keep(root / target, source.image(sample.reference_sha))
            values = {"prompt": PROMPT, "image": image, "target_image": target, **_values(row, label)}
            files[row.split].write(json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")
            counts[row.split] += 1
    return {split: count for split, count in counts.items() if count}


def _unfit(source: Source, row: Row) -> str | None:
    """Why rewards could not compare with the clean image."""
    sample = row.case.sample
    if sample.reference_sha is None:
        return None
    sizes = [size_of(source.image(sha)) for sha in (sample.corrupted_sha, sample.reference_sha)]
    if sizes[0] != sizes[1]:
        return "the clean image has another size"
    return f"smaller than {LEAST_SIDE} pixels" if min(sizes[0]) < LEAST_SIDE else None


def _values(row: Row, label: Label) -> dict[str, Any]:
    sample = row.case.sample
    spec = corruption_of(sample.corruption)
    verdict, severity = label.verdict.value if label.verdict else None, label.mean_severity
    return {
        "requirement": REQUIREMENT,
        "sample_id": sample.id,
        "recovery_id": row.case.id,
        "corruption_type": "+".join(spec.names) if spec else "",
        "corruption_level": (spec.level or "") if spec else "",
        "categories": sorted(label.categories),
        "severity": label.severity,
        "verdict": verdict,
        "label_status": label.status.value,
        "misleading_share": label.misleading_share,
        "elusive": label.elusive,
        "human_reward": human_reward(verdict, severity),
        "hard_weight": hard_weight(verdict, severity, label.elusive),
    }


FLOW_GRPO = Format(
    name=NAME,
    title="Flow-GRPO restoration folder",
    consumer="Flow-GRPO's image loaders; RU1's rewards in its form (ru1_app.rewards.flow_grpo)",
    trains="On-policy reinforcement learning of a recoverer with SSIM and CLIP rewards, hard inputs drawn more often.",
    cannot="human_reward is of the recovery that was judged: it is never the reward of a recovery that is drawn anew.",
    write=write,
)
