"""Scores and maps for a reward model, in the names of RichHF-18K (arXiv 2312.10240). Their words stay in this file.

Scores are in [0, 1], higher is better: 1 - severity / 3, the mean over those whose word counts. RichHF's *artifact* is
what looks wrong by itself, *misalignment* what contradicts the input, which stands here for its text. A map [H, W] has
the size of the recovered image, and at each pixel the share of people who marked it, times 255: boxes are filled and
points become discs with a radius of 1/20 of the height.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ru1_app.domain import Rating, Region, Verdict
from ru1_app.export.cases.labels import Label, Status
from ru1_app.export.cases.rows import Row
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.files.parquet import embedded, tables
from ru1_app.export.files.pictures import size_of, stem
from ru1_app.export.formats.format import Format
from ru1_app.export.values.answers import Reply, reply_of
from ru1_app.images import digest, png_bytes

NAME = "reward_points"
ARTIFACT = frozenset(("geometry_artifact", "under_recovered"))
MOST_SEVERE = 3
DISC = 1 / 20  # radius of a point, of the height


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`."""
    with tables(folder, features()) as out:
        for row, label in source.rows():
            words = [rating for rating in label.last if rating.verdict is not Verdict.CANNOT_TELL]
            if label.status is Status.UNCONFIRMED:
                tally.lose(NAME, "flagged by visitors only")
            elif not words:
                tally.lose(NAME, "nobody could tell")
            else:
                out.add(row.split, _row(source, row, label, words))
        return out.counts


def _row(source: Source, row: Row, label: Label, words: Sequence[Rating]) -> dict[str, Any]:
    case = row.case
    recovered = source.image(case.recovery.image_sha)
    width, height = size_of(recovered)
    artifact, misalignment = (map_of(words, (height, width), artifact=kind) for kind in (True, False))
    return {
        "filename": f"{stem(case.id)}.png",
        "corrupted": embedded(case.sample.corrupted_sha, source.image(case.sample.corrupted_sha)),
        "recovered": embedded(case.recovery.image_sha, recovered),
        "aesthetics_score": None,  # nobody is asked for beauty
        "artifact_score": score([worst(rating, artifact=True) for rating in words]),
        "misalignment_score": score([worst(rating, artifact=False) for rating in words]),
        "overall_score": score([rating.severity for rating in words]),
        "artifact_map": _image(artifact),
        "misalignment_map": _image(misalignment),
        "prompt_misalignment_label": tokens(reply_of(row)),
        "sample_id": case.sample.id,
        "label_status": label.status.value,
        "misleading_share": label.misleading_share,
        "raters": len(words),
    }


def score(severities: Sequence[int]) -> float:
    """In [0, 1], 1 where nobody found anything."""
    return 1 - sum(severities) / (MOST_SEVERE * len(severities))


def worst(rating: Rating, *, artifact: bool) -> int:
    """The highest severity, 0-3, that a person gave to a category of one of the two kinds."""
    return max((said for code, said in rating.categories.items() if (code in ARTIFACT) is artifact), default=0)


def map_of(ratings: Sequence[Rating], shape: tuple[int, int], *, artifact: bool) -> NDArray[np.uint8]:
    """Grey [H, W]: the share of the people who marked a pixel, times 255."""
    total = np.zeros(shape)
    for rating in ratings:
        mask = np.zeros(shape, bool)
        for region in rating.regions:
            if _is_artifact(region, rating) is artifact:
                draw(mask, region)
        total += mask
    return np.ceil(total / len(ratings) * 255).astype(np.uint8)  # up: one mark of very many stays visible


def _is_artifact(region: Region, rating: Rating) -> bool:
    """A region without a category is of the kind that all of the person's categories are of."""
    if region.category is not None:
        return region.category in ARTIFACT
    return bool(rating.categories) and rating.categories.keys() <= ARTIFACT


def draw(mask: NDArray[np.bool_], region: Region) -> None:
    """Set what the region covers of a mask [H, W]: at least one pixel."""
    height, width = mask.shape
    if region.x0 == region.x1 and region.y0 == region.y1:
        rows, columns = np.ogrid[:height, :width]
        radius = max(DISC * height, 1.0)
        y, x = min(region.y0 * height, height - 0.5), min(region.x0 * width, width - 0.5)
        mask |= (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= radius**2
        return
    spans = ((region.y0, region.y1, height), (region.x0, region.x1, width))
    mask[tuple(_span(*each) for each in spans)] = True


def _span(low: float, high: float, side: int) -> slice:
    start = min(int(np.floor(low * side)), side - 1)
    return slice(start, max(int(np.ceil(high * side)), start + 1))


def tokens(reply: Reply | None) -> str:
    """A 1 for each word of the answer to both images that the right answer has too, else 0; "" where nothing is known.

    Derived from the answers; people mark regions, not words.
    """
    if reply is None or reply.said is None or reply.wanted is None:
        return ""
    right = {_bare(word) for word in reply.wanted.split()}
    return " ".join("1" if _bare(word) in right else "0" for word in reply.said.split())


def _bare(word: str) -> str:
    return word.strip(".,;:!?").casefold()


def _image(grey: NDArray[np.uint8]) -> dict[str, Any] | None:
    png = png_bytes(grey)
    return embedded(digest(png), png)


def features() -> Any:
    """The columns."""
    from datasets import Features, Image, Value

    scores = ("aesthetics_score", "artifact_score", "misalignment_score", "overall_score")
    return Features(
        {
            "filename": Value("string"),
            **dict.fromkeys(("corrupted", "recovered"), Image()),
            **dict.fromkeys(scores, Value("float32")),
            **dict.fromkeys(("artifact_map", "misalignment_map"), Image()),
            **dict.fromkeys(("prompt_misalignment_label", "sample_id", "label_status"), Value("string")),
            "misleading_share": Value("float32"),
            "raters": Value("int32"),
        }
    )


REWARD_POINTS = Format(
    name=NAME,
    title="Scores and maps for a reward model (RichHF names)",
    consumer="Reward models in the manner of RichHF-18K and LIFT",
    trains="A reward model that says how faithful a recovery is, and where it is not.",
    cannot="aesthetics_score is empty, since nobody is asked for beauty; the marks on words are derived, not people's.",
    write=write,
    configs={NAME: ""},
)
