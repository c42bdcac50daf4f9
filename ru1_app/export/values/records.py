"""A labelled recovery (as in `annotations/record.schema.json`), a judgement, a preference: as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from ru1_app.corruptions import CorruptionSpec
from ru1_app.domain import AnswerImpact, AnswerRecord, Case, Condition, Rating, Region
from ru1_app.errors import ExportFailed, InvalidInput
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Preference, Row
from ru1_app.export.values.fitting import Fits, fitting
from ru1_app.protocol import record_schema

SCHEMA_VERSION = "4"
Record = dict[str, Any]


def to_record(row: Row, label: Label) -> Record:
    """The record of a labelled recovery; plain JSON values only."""
    case = row.case
    return {
        "schema_version": SCHEMA_VERSION,
        "id": case.id,
        **_sample(case),
        "split": row.split,
        **_uncertainty(case),
        **_label(label),
        "derived_impact": derived_impact(case).value,
        **_question(case),
        "scores": [{"pair": s.pair.value, **asdict(s.score), "model": s.model} for s in case.scores],
        "trace": case.recovery.trace,
        "model_id": case.recovery.model.id,
        "model_revision": case.recovery.model.revision,
        "model_engine": case.recovery.model.engine,
        "seed": case.recovery.seed,
        "settings": json.dumps(dict(case.recovery.settings), sort_keys=True),
        "seconds": case.recovery.seconds,
        "app_version": case.recovery.app_version,
        "created_at": case.recovery.created_at.isoformat(),
    }


def check_record(record: Record) -> Record:
    """The record, if it fits the published schema; else `ExportFailed` with its id and the field."""
    if not _fits()(record):
        from jsonschema import Draft202012Validator

        for error in Draft202012Validator(record_schema()).iter_errors(record):
            where = f"{error.json_path}: {error.message}"
            raise ExportFailed(f"Case {record['id']} does not fit the record schema: {where}.")
    return record


def to_judgement(row: Row, rating: Rating) -> Record:
    """One person's judgement."""
    return {
        "id": rating.id,
        "recovery_id": rating.recovery_id,
        "sample_id": row.case.sample.id,
        "split": row.split,
        "rater_id": rating.rater_id,
        "source": rating.source.value,
        "stage": rating.stage.value,
        "round": rating.round,
        "verdict": rating.verdict.value,
        "severity": rating.severity,
        **_categories(rating.categories),
        "regions": regions(rating.regions),
        "answer_impact": rating.answer_impact.value,
        "supported_by_input": rating.supported_by_input,
        "global_rating": rating.global_rating,
        "confidence": rating.confidence,
        "comment": rating.comment,
        "duration_ms": rating.duration_ms,
        "shown_at": rating.shown_at.isoformat() if rating.shown_at else None,
        "created_at": rating.created_at.isoformat(),
        "taxonomy_version": rating.taxonomy_version,
        "guideline_version": rating.guideline_version,
    }


def to_pair(pair: Preference) -> Record:
    """A preference with the votes that it rests on."""
    return {
        "id": pair.id,
        "sample_id": pair.chosen.case.sample.id,
        "split": pair.split,
        "chosen_id": pair.chosen.case.id,
        "rejected_id": pair.rejected.case.id,
        "origin": pair.origin.value,
        "voters": pair.voters,
        "margin": pair.margin,
        "votes": [
            {
                "rater_id": vote.rater_id,
                "left_id": vote.left_id,
                "right_id": vote.right_id,
                "choice": vote.choice.value,
                "duration_ms": vote.duration_ms,
                "created_at": vote.created_at.isoformat(),
            }
            for vote in pair.votes
        ],
    }


def derived_impact(case: Case) -> AnswerImpact:
    """What the recovery did to the answer, by the answers themselves: from the corrupted image against from both."""
    question = case.sample.question
    given = {record.condition: record.answered.choice for record in case.answers}
    pair = given.get(Condition.CORRUPTED), given.get(Condition.BOTH)
    if question is None:
        return AnswerImpact.NOT_APPLICABLE
    if not question.options or question.expected is None or Condition.CORRUPTED not in given or pair[1] is None:
        return AnswerImpact.UNKNOWN
    before, after = (choice == question.expected for choice in pair)
    if before != after:
        return AnswerImpact.HARMED if before else AnswerImpact.HELPED
    return AnswerImpact.NONE if before else AnswerImpact.WRONG_BOTH


def corruption_of(text: str | None) -> CorruptionSpec | None:
    """None also for a form that this version of the app cannot read; the text itself is exported as it is."""
    try:
        return None if text is None else CorruptionSpec.parse(text)
    except InvalidInput:
        return None


def regions(some: Sequence[Region]) -> list[Record]:
    """Regions as plain values."""
    return [asdict(region) for region in some]


@cache
def _fits() -> Fits:
    return fitting(record_schema())


def _sample(case: Case) -> Record:
    sample = case.sample
    spec = corruption_of(sample.corruption)
    return {
        "sample_id": sample.id,
        "split_group": sample.split_group,
        "corrupted_sha256": sample.corrupted_sha,
        "recovered_sha256": case.recovery.image_sha,
        "reference_sha256": sample.reference_sha,
        "uncertainty_sha256": case.recovery.uncertainty_sha,
        "corruption": "+".join(spec.names) if spec else None,
        "corruption_spec": sample.corruption,
        "corruption_level": spec.level if spec else None,
        "corruption_severity": sample.severity,
        "corruption_seed": sample.seed,
        "sample_source": sample.source,
        "license": sample.license,
    }


def _uncertainty(case: Case) -> Record:
    found = case.recovery.uncertainty
    boxes = found.regions if found else ()
    return {
        "uncertainty_kind": found.kind.value if found else None,
        "unsure_share": found.share if found else None,
        "unsure_regions": [{"x0": r.x0, "y0": r.y0, "x1": r.x1, "y1": r.y1} for r in boxes],
    }


def _label(label: Label) -> Record:
    return {
        "label_status": label.status.value,
        "verdict": label.verdict.value if label.verdict else None,
        "blind_verdict": label.blind_verdict.value if label.blind_verdict else None,
        "severity": label.severity,
        **_categories(label.categories),
        "regions": regions([region for rating in label.last for region in rating.regions]),
        "answer_impact": label.impact.value,
        "supported_by_input": label.supported,
        "raters": label.raters,
        "agreement": label.share,
        "misleading_share": label.misleading_share,
        "mean_severity": label.mean_severity,
        "human_score": label.human_score,
        "elusive": label.elusive,
        "ratings": len(label.ratings),
        "taxonomy_versions": sorted({rating.taxonomy_version for rating in label.ratings}),
        "guideline_versions": sorted({rating.guideline_version for rating in label.ratings}),
    }


def _categories(named: Mapping[str, int]) -> Record:
    codes = sorted(named)
    return {"categories": codes, "category_severities": [named[code] for code in codes]}


def _question(case: Case) -> Record:
    question = case.sample.question
    return {
        "question": question.text if question else None,
        "options": list(question.options) if question else [],
        "expected": question.expected if question else None,
        "answers": [_answer(case, record) for record in case.answers],
        "sample_answers": [{"condition": s.condition.value, "said": list(s.said)} for s in case.sample_answers],
    }


def _answer(case: Case, record: AnswerRecord) -> Record:
    question = case.sample.question
    expected = question.expected if question and question.options else None
    return {
        "condition": record.condition.value,
        **json.loads(json.dumps(asdict(record.answered))),  # tuples become lists
        "correct": None if expected is None else record.answered.choice == expected,
        "model_id": record.model.id,
        "model_revision": record.model.revision,
        "model_engine": record.model.engine,
    }
