"""One walk over the chosen cases before anything is written: counts, versions, and how pairs are biased.

Preferences can teach what nobody meant: that sharper pictures or longer answers win. The bias is measured on the pairs
themselves, so that the card can say it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from ru1_app.domain import Rating
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Preference, Row
from ru1_app.export.cases.selection import UNKNOWN
from ru1_app.export.cases.source import Source
from ru1_app.export.planning.accord import Accord
from ru1_app.export.values.answers import reply_of
from ru1_app.images import from_png
from ru1_app.items import PairVote
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


def survey(source: Source, lost: Mapping[str, int]) -> Survey:
    """Walk once; memory grows with the raters only. `lost`: pairs that became no preference, by rule."""
    splits, licenses = Counter[str](), Counter[str]()
    labels, pairs = _Labels(), _Pairs()
    for group in source.groups():
        splits.update(row.split for row in group.rows)
        licenses[group.sample.license or UNKNOWN] += len(group.rows)
        for row, label in group.labelled:
            labels.add(row, label)
        for pair in group.preferences:
            pairs.add(pair, source)
    newest = max(filter(None, (labels.newest, pairs.newest)), default=None)
    return Survey(
        splits=dict(sorted(splits.items())),
        judgements=labels.judgements,
        raters=len(labels.people | pairs.people),
        labels_until=newest.isoformat() if newest else "",
        taxonomy_versions=tuple(sorted(labels.taxonomies)),
        guideline_versions=tuple(sorted(labels.guidelines)),
        preferences={
            "kept": dict(sorted(pairs.origins.items())),
            "lost": dict(lost),
            "sharpness": pairs.sharper.as_dict(),
            "answer_length": labels.longer.as_dict(),
        },
        verdicts=dict(sorted(labels.verdicts.items())),
        licenses=dict(sorted(licenses.items())),
        statuses=dict(sorted(labels.statuses.items())),
        elusive=labels.elusive,
        agreement=labels.accord.as_dict(),
    )


class _Labels:
    """Counts over labelled recoveries."""

    def __init__(self) -> None:
        self.verdicts, self.statuses = Counter[str](), Counter[str]()
        self.judgements = self.elusive = 0
        self.people, self.taxonomies, self.guidelines = set[str](), set[str](), set[str]()
        self.newest: datetime | None = None
        self.longer, self.accord = _Bias(), Accord()

    def add(self, row: Row, label: Label) -> None:
        self.verdicts[label.verdict.value if label.verdict else "no majority"] += 1
        self.statuses[label.status.value] += 1
        self.elusive += label.elusive
        self.accord.add(label)
        self.judgements += len(label.ratings)
        self.people.update(rating.rater_id for rating in label.ratings)
        self.taxonomies.update(rating.taxonomy_version for rating in label.ratings)
        self.guidelines.update(rating.guideline_version for rating in label.ratings)
        self.newest = _newest(self.newest, label.ratings)
        reply = reply_of(row)
        if reply and reply.wanted and reply.wrong and len(self.longer.chosen) < MEASURED:
            self.longer.add(len(reply.wanted), len(reply.wrong))


class _Pairs:
    """Counts over preferences."""

    def __init__(self) -> None:
        self.origins, self.people = Counter[str](), set[str]()
        self.newest: datetime | None = None
        self.sharper = _Bias()

    def add(self, pair: Preference, source: Source) -> None:
        self.origins[pair.origin.value] += 1
        self.people.update(vote.rater_id for vote in pair.votes)
        self.newest = _newest(self.newest, pair.votes)
        if len(self.sharper.chosen) < MEASURED:
            shas = (row.case.recovery.image_sha for row in (pair.chosen, pair.rejected))
            self.sharper.add(*(sharpness(from_png(source.image(sha))) for sha in shas))


def _newest(known: datetime | None, more: Iterable[Rating | PairVote]) -> datetime | None:
    return max([*([known] if known else []), *(each.created_at for each in more)], default=None)
