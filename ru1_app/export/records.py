"""A case as one exported record, as `annotations/record.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from ru1_app.corruptions import CorruptionSpec
from ru1_app.domain import AnswerRecord, Case, Rating, RatingSource
from ru1_app.errors import ExportFailed, InvalidInput
from ru1_app.protocol import record_schema

SCHEMA_VERSION = "3"
TEST_SHARE = 0.1


def split_of(group: str) -> str:
    """`train` or `test`, from the source image's digest: all samples of one source fall on one side."""
    return "test" if int(group[:8], 16) < TEST_SHARE * 16**8 else "train"


def current(case: Case) -> tuple[Rating, ...]:
    """The ratings that no other supersedes."""
    older = {rating.supersedes for rating in case.ratings}
    return tuple(rating for rating in case.ratings if rating.id not in older)


def shown_rating(case: Case) -> Rating | None:
    """The newest rater's rating with consent, else the newest visitor's; None where there is none."""
    ratings = [rating for rating in current(case) if rating.consent]
    return max(ratings, key=lambda r: (r.source is RatingSource.RATER, r.created_at), default=None)


def to_record(case: Case, rating: Rating) -> dict[str, Any]:
    """The record of `case`, labelled by `rating`; plain JSON values only."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": case.id,
        **_sample(case),
        **_uncertainty(case),
        **_judgement(rating, len(current(case))),
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


def check_record(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record, if it fits the published schema; else `ExportFailed` with its id and the field."""
    for error in _validator().iter_errors(dict(record)):
        raise ExportFailed(f"Case {record['id']} does not fit the record schema: {error.json_path}: {error.message}.")
    return record


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(record_schema())


def _sample(case: Case) -> dict[str, Any]:
    sample = case.sample
    spec = _spec(sample.corruption)
    return {
        "sample_id": sample.id,
        "split_group": sample.split_group,
        "split": split_of(sample.split_group),
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


def _spec(text: str | None) -> CorruptionSpec | None:
    """None also for a form that this version of the app cannot read; the text itself is exported as it is."""
    try:
        return None if text is None else CorruptionSpec.parse(text)
    except InvalidInput:
        return None


def _uncertainty(case: Case) -> dict[str, Any]:
    found = case.recovery.uncertainty
    boxes = found.regions if found else ()
    return {
        "uncertainty_kind": found.kind.value if found else None,
        "unsure_share": found.share if found else None,
        "unsure_regions": [{"x0": r.x0, "y0": r.y0, "x1": r.x1, "y1": r.y1} for r in boxes],
    }


def _judgement(rating: Rating, count: int) -> dict[str, Any]:
    codes = sorted(rating.categories)
    return {
        "verdict": rating.verdict.value,
        "severity": rating.severity,
        "categories": codes,
        "category_severities": [rating.categories[code] for code in codes],
        "regions": [asdict(region) for region in rating.regions],
        "answer_impact": rating.answer_impact.value,
        "comment": rating.comment,
        "label_status": "confirmed" if rating.source is RatingSource.RATER else "unconfirmed",
        "source": rating.source.value,
        "stage": rating.stage.value,
        "confidence": rating.confidence,
        "consent": rating.consent,
        "rating_id": rating.id,
        "rater_id": rating.rater_id,
        "ratings": count,
        "rated_at": rating.created_at.isoformat(),
        "taxonomy_version": rating.taxonomy_version,
        "guideline_version": rating.guideline_version,
    }


def _question(case: Case) -> dict[str, Any]:
    question = case.sample.question
    return {
        "question": question.text if question else None,
        "options": list(question.options) if question else [],
        "expected": question.expected if question else None,
        "answers": [_answer(case, record) for record in case.answers],
        "sample_answers": [{"condition": s.condition.value, "said": list(s.said)} for s in case.sample_answers],
    }


def _answer(case: Case, record: AnswerRecord) -> dict[str, Any]:
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
