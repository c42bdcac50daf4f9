"""Rows from domain values and back. Pure: no session, no query."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from ru1_app.domain import (
    Answered,
    AnswerImpact,
    AnswerRecord,
    Case,
    Condition,
    Degradation,
    ModelRef,
    PairKind,
    Question,
    Rating,
    RatingSource,
    Reading,
    Recovery,
    Region,
    Sample,
    SampleAnswers,
    Score,
    ScoreRecord,
    Stage,
    Uncertainty,
    UncertaintyKind,
    Verdict,
)
from ru1_app.errors import InvalidInput
from ru1_app.store.tables import (
    AnswerRow,
    RatingCategoryRow,
    RatingRegionRow,
    RatingRow,
    RecoveryRow,
    SampleRow,
    ScoreRow,
)

NOT_FINITE = "The scorer gave no finite number."


def from_sample(sample: Sample) -> SampleRow:
    question = sample.question
    return SampleRow(
        id=sample.id,
        corrupted_sha=sample.corrupted_sha,
        reference_sha=sample.reference_sha,
        split_group=sample.split_group,
        corruption=sample.corruption,
        corruption_name=_names(sample.corruption),
        severity=sample.severity,
        seed=sample.seed,
        source=sample.source,
        license=sample.license,
        question=question.text if question else None,
        options=list(question.options) if question else [],
        expected=question.expected if question else None,
    )


def to_sample(row: SampleRow) -> Sample:
    asked = row.question is not None
    return Sample(
        id=row.id,
        corrupted_sha=row.corrupted_sha,
        reference_sha=row.reference_sha,
        split_group=row.split_group,
        corruption=row.corruption,
        severity=row.severity,
        seed=row.seed,
        source=row.source,
        license=row.license,
        question=Question(row.question or "", tuple(row.options), row.expected) if asked else None,
    )


def from_case(case: Case) -> RecoveryRow:
    """The recovery with its answers, scores and ratings; the sample is a row of its own."""
    recovery = case.recovery
    return RecoveryRow(
        id=recovery.id,
        sample_id=recovery.sample_id,
        image_sha=recovery.image_sha,
        uncertainty_sha=recovery.uncertainty_sha,
        **_model(recovery.model),
        seed=recovery.seed,
        settings=_plain(dict(recovery.settings)),
        seconds=recovery.seconds,
        app_version=recovery.app_version,
        created_at=recovery.created_at,
        **_from_uncertainty(recovery.uncertainty),
        trace=recovery.trace,
        sample_answers={each.condition.value: list(each.said) for each in case.sample_answers},
        answers=[_from_answer(number, record) for number, record in enumerate(case.answers)],
        scores=[_from_score(number, record) for number, record in enumerate(case.scores)],
        ratings=[from_rating(rating) for rating in case.ratings],
    )


def to_case(row: RecoveryRow) -> Case:
    recovery = Recovery(
        id=row.id,
        sample_id=row.sample_id,
        image_sha=row.image_sha,
        uncertainty_sha=row.uncertainty_sha,
        model=_to_model(row),
        seed=row.seed,
        settings=row.settings,
        seconds=row.seconds,
        app_version=row.app_version,
        created_at=row.created_at,
        uncertainty=_to_uncertainty(row),
        trace=row.trace,
    )
    return Case(
        to_sample(row.sample),
        recovery,
        answers=tuple(_to_answer(each) for each in row.answers),
        scores=tuple(_to_score(each) for each in row.scores),
        ratings=tuple(to_rating(each) for each in row.ratings),
        sample_answers=tuple(
            SampleAnswers(Condition(condition), tuple(said)) for condition, said in row.sample_answers.items()
        ),
    )


def _names(spec: str | None) -> str | None:
    """The corruptions of a spec, joined with +; their severities, boxes and seed are in the spec itself."""
    return None if spec is None else "+".join(step.partition("@")[0] for step in spec.split("+"))


def _from_uncertainty(value: Uncertainty | None) -> dict[str, Any]:
    boxes = [[r.x0, r.y0, r.x1, r.y1] for r in value.regions] if value else []
    kind, share = (value.kind.value, value.share) if value else (None, None)
    return {"uncertainty_kind": kind, "unsure_share": share, "unsure_regions": boxes}


def _to_uncertainty(row: RecoveryRow) -> Uncertainty | None:
    if row.uncertainty_kind is None or row.unsure_share is None:
        return None
    boxes = tuple(Region(x0, y0, x1, y1) for x0, y0, x1, y1 in row.unsure_regions)
    return Uncertainty(UncertaintyKind(row.uncertainty_kind), row.unsure_share, boxes)


def from_rating(rating: Rating) -> RatingRow:
    return RatingRow(
        id=rating.id,
        recovery_id=rating.recovery_id,
        source=rating.source.value,
        stage=rating.stage.value,
        verdict=rating.verdict.value,
        severity=rating.severity,
        answer_impact=rating.answer_impact.value,
        comment=rating.comment,
        rater_id=rating.rater_id,
        consent=rating.consent,
        confidence=rating.confidence,
        taxonomy_version=rating.taxonomy_version,
        guideline_version=rating.guideline_version,
        created_at=rating.created_at,
        supersedes=rating.supersedes,
        item_id=rating.item_id,
        round=rating.round,
        shown_at=rating.shown_at,
        duration_ms=rating.duration_ms,
        supported_by_input=rating.supported_by_input,
        global_rating=rating.global_rating,
        guard=rating.guard,
        categories=[RatingCategoryRow(code=code, severity=own) for code, own in rating.categories.items()],
        regions=[
            RatingRegionRow(position=number, x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1, category=box.category)
            for number, box in enumerate(rating.regions)
        ],
    )


def to_rating(row: RatingRow) -> Rating:
    return Rating(
        id=row.id,
        recovery_id=row.recovery_id,
        source=RatingSource(row.source),
        stage=Stage(row.stage),
        verdict=Verdict(row.verdict),
        categories={each.code: each.severity for each in row.categories},
        regions=tuple(Region(box.x0, box.y0, box.x1, box.y1, box.category) for box in row.regions),
        severity=row.severity,
        answer_impact=AnswerImpact(row.answer_impact),
        comment=row.comment,
        rater_id=row.rater_id,
        taxonomy_version=row.taxonomy_version,
        guideline_version=row.guideline_version,
        created_at=row.created_at,
        confidence=row.confidence,
        supersedes=row.supersedes,
        consent=row.consent,
        item_id=row.item_id,
        round=row.round,
        shown_at=row.shown_at,
        duration_ms=row.duration_ms,
        supported_by_input=row.supported_by_input,
        global_rating=row.global_rating,
        guard=row.guard,
    )


def _from_answer(number: int, record: AnswerRecord) -> AnswerRow:
    answered = record.answered
    return AnswerRow(
        position=number,
        condition=record.condition.value,
        text=answered.text,
        choice=answered.choice,
        confidence=_finite(answered.confidence),
        in_scope=answered.in_scope,
        note=answered.note,
        seconds=_finite(answered.seconds) or 0.0,
        probabilities=[_finite(value) or 0.0 for value in answered.probabilities],
        reading=asdict(answered.reading) if answered.reading else {},
        **_model(record.model),
    )


def _to_answer(row: AnswerRow) -> AnswerRecord:
    answered = Answered(
        row.text, row.choice, row.confidence, row.in_scope, row.note, row.seconds, tuple(row.probabilities),
        _to_reading(row.reading),
    )  # fmt: skip
    return AnswerRecord(Condition(row.condition), answered, _to_model(row))


def _to_reading(raw: dict[str, Any]) -> Reading | None:
    if not raw:
        return None
    degradations = tuple(Degradation(each["type"], each["degree"]) for each in raw["degradations"])
    return Reading(degradations, raw["influence"], raw["reasoning"], raw["conclusion"])


def _from_score(number: int, record: ScoreRecord) -> ScoreRow:
    score = record.score
    finite = score.value is None or math.isfinite(score.value)  # SQLite keeps NaN as NULL, JSON has no inf
    return ScoreRow(
        position=number,
        pair=record.pair.value,
        scorer=score.scorer,
        version=score.version,
        value=score.value if finite else None,
        reason=score.reason if finite else NOT_FINITE,
        model=record.model,
    )


def _to_score(row: ScoreRow) -> ScoreRecord:
    return ScoreRecord(PairKind(row.pair), Score(row.scorer, row.version, row.value, row.reason), row.model)


def _finite(value: float | None) -> float | None:
    """None for NaN and infinity: SQLite keeps NaN as NULL, and JSON has neither."""
    return value if value is not None and math.isfinite(value) else None


def _model(model: ModelRef) -> dict[str, str]:
    return {"model_id": model.id, "model_revision": model.revision, "model_engine": model.engine}


def _to_model(row: RecoveryRow | AnswerRow) -> ModelRef:
    return ModelRef(row.model_id, row.model_revision, row.model_engine)


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The settings of a recovery must be plain JSON values: {error}.") from error
    return settings
