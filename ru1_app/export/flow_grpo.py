"""The restoration folder that Flow-GRPO's image loaders read. Their words stay in this file.

    restoration/{train,test}_metadata.jsonl   one row per recovery that has a reference
    restoration/corrupted/NAME.png            `image`, the model's input
    restoration/clean/NAME.png                `target_image`, for the SSIM and CLIP rewards

The prompt is the same for every row, so trainers must group by prompt *and* image; names are unique.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ru1_app.store.sql import Store

PROMPT = "Please restore this corrupted image to its clean version."
REQUIREMENT = "restore"
REWARDS = {"faithful": 1.0, "benign_detail": 0.5, "cannot_tell": 0.0}


def human_reward(verdict: str, severity: int) -> float:
    """From the verdict, in [-1, 1]: faithful 1, benign detail 0.5, cannot tell 0, else -severity / 3.

    An unusable recovery of severity 0 counts 0. It selects and weights cases; it is no on-policy reward.
    """
    return REWARDS.get(verdict, -round(severity / 3, 4) + 0.0)


def hard_weight(verdict: str, severity: int) -> float:
    """How often a trainer should draw the case: 1 for faithful ones, up to 4 for the worst."""
    return 1.0 if verdict in REWARDS else 1.0 + severity


def write_flow_grpo(store: Store, records: Iterable[Mapping[str, Any]], folder: Path) -> int:
    """Write the `restoration` folder; records without a reference must have been left out."""
    root = folder / "restoration"
    for name in ("corrupted", "clean"):
        (root / name).mkdir(parents=True)
    count = 0
    with (
        (root / "train_metadata.jsonl").open("w", encoding="utf-8") as train,
        (root / "test_metadata.jsonl").open("w", encoding="utf-8") as test,
    ):
        for record in records:
            name = f"{record['id']}.png"
            (root / "corrupted" / name).write_bytes(store.image(record["corrupted_sha256"]))
            (root / "clean" / name).write_bytes(store.image(record["reference_sha256"]))
            line = json.dumps(_row(record, name), ensure_ascii=False, allow_nan=False)
            (train if record["split"] == "train" else test).write(line + "\n")
            count += 1
    return count


def _row(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {
        "prompt": PROMPT,
        "image": f"corrupted/{name}",
        "target_image": f"clean/{name}",
        "requirement": REQUIREMENT,
        "sample_id": record["sample_id"],
        "corruption_type": record["corruption"] or "",
        "corruption_level": record["corruption_level"] or "",
        "categories": record["categories"],
        "severity": record["severity"],
        "verdict": record["verdict"],
        "label_status": record["label_status"],
        "human_reward": human_reward(record["verdict"], record["severity"]),
        "hard_weight": hard_weight(record["verdict"], record["severity"]),
    }
