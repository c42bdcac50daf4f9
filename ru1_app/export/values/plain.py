"""A label as flat values for formats whose readers guess types: never null, and a kind of number stays that kind.

Readers of JSON take a column's type from its first rows. A null, an empty list or a 1 where 1.5 comes later make them
fail on a row far down, so there are none here: what is unknown is an empty text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ru1_app.domain import Region
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row
from ru1_app.export.cases.selection import UNKNOWN
from ru1_app.export.values.records import corruption_of

NO_MAJORITY = "no_majority"


def plain(row: Row, label: Label) -> dict[str, Any]:
    """Texts, whole numbers, reals (of 0-1, severities 0-3) and booleans."""
    sample, recovery = row.case.sample, row.case.recovery
    spec, question = corruption_of(sample.corruption), sample.question
    return {
        "id": row.case.id,
        "sample_id": sample.id,
        "split_group": sample.split_group,
        "label_status": label.status.value,
        "verdict": label.verdict.value if label.verdict else NO_MAJORITY,
        "severity": label.severity,
        "mean_severity": float(label.mean_severity),
        "misleading_share": float(label.misleading_share),
        "agreement": float(label.share),
        "raters": label.raters,
        "elusive": label.elusive,
        "answer_impact": label.impact.value,
        "question": question.text if question else "",
        "options": options(question.options) if question else "",
        "expected": (question.expected or "") if question else "",
        "corruption": sample.corruption or "",
        "corruption_level": (spec.level or "") if spec else "",
        "model_id": recovery.model.id,
        "model_revision": recovery.model.revision,
        "seed": recovery.seed,
        "license": sample.license or UNKNOWN,
    }


def options(some: Sequence[str]) -> str:
    """Options in one text: "A. red | B. green"."""
    return " | ".join(f"{chr(ord('A') + place)}. {text}" for place, text in enumerate(some))


def named(categories: Mapping[str, int]) -> str:
    """Categories with their severity in one text: "attribute_changed 3; text_altered 2"."""
    return "; ".join(f"{code} {severity}" for code, severity in sorted(categories.items()))


def marked(regions: Sequence[Region]) -> str:
    """Regions in one text, x0 y0 x1 y1 and the category if any: "0.1 0.2 0.5 0.6 text_altered; 0.3 0.3 0.4 0.4"."""
    return "; ".join(" ".join([f"{r.x0} {r.y0} {r.x1} {r.y1}", r.category or ""]).rstrip() for r in regions)


def all_regions(label: Label) -> list[Region]:
    """Of everybody whose word counts."""
    return [region for rating in label.last for region in rating.regions]
