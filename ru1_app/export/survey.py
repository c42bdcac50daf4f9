"""One walk over the chosen cases before anything is written: counts, versions, and how pairs are biased.

Preferences can teach what nobody meant: that sharper pictures or longer answers win. The bias is measured on the pairs
themselves, so that the card can say it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ru1_app.export.accord import Accord
from ru1_app.export.answers import reply_of
from ru1_app.export.preferences import PART
from ru1_app.export.rows import RowGroup
from ru1_app.export.source import Source
from ru1_app.export.tally import Tally
from ru1_app.images import from_png
from ru1_app.scoring.no_reference import sharpness

MEASURED = 500  # pairs, the first ones: ids are random


@dataclass
class _Bias:
    """Means of one quantity over chosen and rejected, and how often the chosen one has more of it."""

    chosen: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)

    def add(self, chosen: float, rejected: float) -> None:
        self.chosen.append(chosen)
        self.rejected.append(rejected)

    def as_dict(self) -> dict[str, float | int]:
        if not self.chosen:
            return {"pairs": 0}
        more = [a > b for a, b in zip(self.chosen, self.rejected, strict=True)]
        return {
            "pairs": len(more),
            "chosen": round(float(np.mean(self.chosen)), 4),
            "rejected": round(float(np.mean(self.rejected)), 4),
            "chosen_has_more": round(float(np.mean(more)), 4),
        }


@dataclass(frozen=True, slots=True)
class Survey:
    """What the manifest and the card tell."""

    splits: Mapping[str, int]
    judgements: int
    raters: int
    labels_until: str
    taxonomy_versions: tuple[str, ...]
    guideline_versions: tuple[str, ...]
    preferences: Mapping[str, Any]
    verdicts: Mapping[str, int]
    licenses: Mapping[str, int]
    statuses: Mapping[str, int]  # of labels
    elusive: int
    agreement: Mapping[str, float | int | None]  # see `Accord.as_dict`


def survey(source: Source) -> Survey:
    """Walk once; memory grows with the raters only."""
    tally, splits, verdicts, licenses, kinds = Tally(), Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    statuses: Counter[str] = Counter()
    people: set[str] = set()
    versions: tuple[set[str], set[str]] = (set(), set())
    moments: list[str] = [""]
    judgements = 0
    sharper, longer, accord, elusive = _Bias(), _Bias(), Accord(), Counter[bool]()
    for group in source.groups(tally):
        splits.update(row.split for row in group.rows)
        licenses[group.sample.license or "unknown"] += len(group.rows)
        kinds.update(pair.origin.value for pair in group.preferences)
        for row, label in group.labelled:
            verdicts[label.verdict.value if label.verdict else "no majority"] += 1
            statuses[label.status.value] += 1
            elusive[label.elusive] += 1
            accord.add(label)
            judgements += len(label.ratings)
            people.update(rating.rater_id for rating in label.ratings)
            versions[0].update(rating.taxonomy_version for rating in label.ratings)
            versions[1].update(rating.guideline_version for rating in label.ratings)
            moments = [max(moments[0], *(rating.created_at.isoformat() for rating in label.ratings))]
            reply = reply_of(row)
            if reply and reply.wanted and reply.wrong and len(longer.chosen) < MEASURED:
                longer.add(len(reply.wanted), len(reply.wrong))
        for pair in group.preferences:
            people.update(vote.rater_id for vote in pair.votes)
            moments = [max([*moments, *(vote.created_at.isoformat() for vote in pair.votes)])]
        _sharpness(source, group, sharper)
    return Survey(
        splits=dict(sorted(splits.items())),
        judgements=judgements,
        raters=len(people),
        labels_until=moments[0],
        taxonomy_versions=tuple(sorted(versions[0])),
        guideline_versions=tuple(sorted(versions[1])),
        preferences={
            "kept": dict(sorted(kinds.items())),
            "lost": tally.of(PART),
            "sharpness": sharper.as_dict(),
            "answer_length": longer.as_dict(),
        },
        verdicts=dict(sorted(verdicts.items())),
        licenses=dict(sorted(licenses.items())),
        statuses=dict(sorted(statuses.items())),
        elusive=elusive[True],
        agreement=accord.as_dict(),
    )


def _sharpness(source: Source, group: RowGroup, bias: _Bias) -> None:
    for pair in group.preferences:
        if len(bias.chosen) < MEASURED:
            shas = (row.case.recovery.image_sha for row in (pair.chosen, pair.rejected))
            bias.add(*(sharpness(from_png(source.image(sha))) for sha in shas))
