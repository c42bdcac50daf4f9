"""Preferences in the columns of Pick-a-Pic, as Diffusion-DPO and PickScore read them. Their words stay in this file.

Images are JPEG *bytes*, not image features: the trainers open them themselves. Ties are never written, since
Diffusion-DPO reads a tie of any data set whose name lacks "pickapic" as a win of the first image. `jpg_cond` is the
corrupted image, `jpg_ref` the clean one: a trainer must be taught to look at the former.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ru1_app.domain import Case
from ru1_app.export.cases.rows import Preference
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.parquet import tables
from ru1_app.export.files.pictures import jpeg
from ru1_app.export.formats.flow_grpo import PROMPT
from ru1_app.export.formats.format import Format

NAME = "diffusion_dpo"
NOBODY = 0  # `user_id`: a row is the word of several people; tables/pairs says whose


class _Order:
    """Whether the chosen image comes first: drawn from the id, and the other way round for every second pair.

    So the first image wins as often as the second one, and no trainer learns the place.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, bool] = {}

    def first(self, pair: Preference) -> bool:
        if pair.split in self._waiting:
            return not self._waiting.pop(pair.split)
        drawn = hashlib.sha256(pair.id.encode()).digest()[0] % 2 == 0
        self._waiting[pair.split] = drawn
        return drawn


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of the pairs."""
    order = _Order()
    with tables(folder, features()) as out:
        for group in source.groups():
            if not group.preferences:
                continue
            sample = group.sample
            shared = {
                "caption": PROMPT,
                "num_example_per_prompt": len(group.preferences),
                "jpg_cond": jpeg(source.image(sample.corrupted_sha)),
                "jpg_ref": jpeg(source.image(sample.reference_sha)) if sample.reference_sha else None,
                "sample_id": sample.id,
            }
            for pair in group.preferences:
                out.add(pair.split, {**shared, **_row(source, pair, order.first(pair))})
        return out.counts


def _row(source: Source, pair: Preference, chosen_first: bool) -> dict[str, Any]:
    sides = (pair.chosen.case, pair.rejected.case)[:: 1 if chosen_first else -1]
    best = pair.chosen.case.recovery.id
    return {
        **{f"jpg_{place}": jpeg(source.image(case.recovery.image_sha)) for place, case in enumerate(sides)},
        **{f"label_{place}": float(case.id == best) for place, case in enumerate(sides)},
        **{f"image_{place}_uid": case.id for place, case in enumerate(sides)},
        **{f"model_{place}": model_of(case) for place, case in enumerate(sides)},
        "best_image_uid": best,
        "has_label": True,
        "are_different": True,
        "user_id": NOBODY,
        "ranking_id": int.from_bytes(hashlib.sha256(pair.id.encode()).digest()[:7], "big"),
        "created_at": _decided(pair),
        "n_votes": len(pair.votes) or pair.voters,
        "margin": pair.margin,
        "origin": pair.origin.value,
        "pair_id": pair.id,
    }


def model_of(case: Case) -> str:
    """The model with its revision: another checkpoint is another model."""
    return f"{case.recovery.model.id}@{case.recovery.model.revision}"


def _decided(pair: Preference) -> datetime:
    """When the last of the judgements that it rests on was made, in UTC."""
    moments = [vote.created_at for vote in pair.votes]
    labels = [row.label for row in (pair.chosen, pair.rejected) if row.label]
    moments = moments or [rating.created_at for label in labels for rating in label.ratings]
    return max(moments).astimezone(UTC).replace(tzinfo=None)


def features() -> Any:
    """The columns."""
    from datasets import Features, Value

    texts = ["image_0_uid", "image_1_uid", "best_image_uid", "model_0", "model_1", "caption", "sample_id", "pair_id"]
    return Features(
        {
            **dict.fromkeys(("jpg_0", "jpg_1"), Value("binary")),
            **dict.fromkeys(("label_0", "label_1"), Value("float64")),
            **dict.fromkeys((*texts, "origin"), Value("string")),
            **dict.fromkeys(("has_label", "are_different"), Value("bool")),
            **dict.fromkeys(("num_example_per_prompt", "user_id", "ranking_id"), Value("int64")),
            "created_at": Value("timestamp[us]"),
            **dict.fromkeys(("jpg_cond", "jpg_ref"), Value("binary")),
            "n_votes": Value("int32"),
            "margin": Value("float32"),
        }
    )


DIFFUSION_DPO = Format(
    name=NAME,
    title="Image preferences (Pick-a-Pic columns)",
    consumer="Diffusion-DPO, PickScore and others that read Pick-a-Pic",
    trains="Direct preference optimisation of an image-to-image model, or a model of which recovery people prefer.",
    cannot="The public trainers have no image condition; they must be taught to read jpg_cond. No ties, no absolute "
    "judgement.",
    write=write,
    configs={NAME: ""},
)
