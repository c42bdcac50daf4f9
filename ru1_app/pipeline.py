"""One pass of the loop: recover, score, answer. What comes out is a case, ready to be flagged.

Nothing is stored here. Every run is reproducible from its `Case`: spec, seeds, settings, model revisions.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ru1_app import __version__
from ru1_app.corruptions import CorruptionSpec, Geometry, apply_spec
from ru1_app.corruptions.base import Mask
from ru1_app.domain import (
    Answered,
    AnswerRecord,
    Case,
    Condition,
    PairKind,
    Question,
    Recovery,
    Sample,
    SampleAnswers,
    ScoreRecord,
    UncertaintyKind,
)
from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.images import Image8, digest, png_bytes
from ru1_app.intake import Intake
from ru1_app.models.base import Answerer, AnswerRequest, Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.scorecard import Evidence, score_run
from ru1_app.scoring.base import Scorer
from ru1_app.uncertainty import deviation, summarise

UNCERTAINTY_FULL = 64.0  # expected error in levels that the stored uncertainty map shows as white


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to do with one accepted image. `spec=None`: it is used as it is and there is no reference."""

    intake: Intake
    spec: CorruptionSpec | None = None
    question: Question | None = None
    model: str = "embedded"
    answerer: str = "embedded"
    seed: int = 0
    steps: int = 1
    samples: int = 1
    source: str = "upload"
    license: str | None = None


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What is being done, how far it is (0-1), and the recovery as it stands."""

    text: str
    fraction: float
    preview: Image8 | None = None


@dataclass(frozen=True)
class RunResult:
    """Everything of one run. `images` maps SHA-256 to PNG bytes for every digest that `case` names."""

    case: Case
    images: Mapping[str, bytes]
    corrupted: Image8
    recovered: Image8
    reference: Image8 | None
    draws: tuple[Image8, ...]
    uncertainty: Any | None  # float32 [H, W] in levels; `case.recovery.uncertainty` says of what kind
    uncertainty_note: str | None
    geometry: Geometry = Geometry.KEPT
    mask: Mask | None = None  # [H, W], true where the corruption may have changed the reference; None = all or unknown
    seconds: Mapping[str, float] = field(default_factory=dict)

    def answer(self, condition: Condition) -> AnswerRecord | None:
        """The stored answer for one condition."""
        return next((a for a in self.case.answers if a.condition is condition), None)

    def score(self, name: str, pair: PairKind) -> ScoreRecord | None:
        """The stored score of one scorer for one pair."""
        return next((s for s in self.case.scores if s.score.scorer == name and s.pair is pair), None)


@dataclass(frozen=True)
class Pipeline:
    """Runs requests with the models it is given; loading them is the wiring's business."""

    recoverer: Callable[[str], Recoverer]
    answerer: Callable[[str], Answerer]
    scorers: Callable[[], Mapping[str, Scorer]]

    def run(self, request: RunRequest) -> Iterator[RunProgress | RunResult]:
        """Yield any number of `RunProgress`, then one `RunResult`, last. Closing it cancels.

        Raises:
            InvalidInput: the corruption or the question is refused.
            Unavailable: a model cannot be loaded.
            ModelFailed: a model gave nothing.
        """
        yield RunProgress("Loading the model", 0.0)
        recoverer = self.recoverer(request.model)
        reference = request.intake.image if request.spec else None
        damage = apply_spec(request.intake.image, request.spec) if request.spec else None
        corrupted = damage.image if damage else request.intake.image
        recovered = None
        began = time.perf_counter()
        for event in recoverer.recover(RecoverRequest(corrupted, request.seed, request.steps, request.samples)):
            if isinstance(event, Progress):
                text = f"Recovering, step {event.step} of {event.total}"
                yield RunProgress(text, 0.1 + 0.5 * event.step / event.total, event.preview)
            else:
                recovered = event
        if recovered is None:
            raise ModelFailed("The model ended without an image. Try again, or choose another model.")
        seconds = {"recover": time.perf_counter() - began}
        yield RunProgress("Scoring", 0.65, recovered.images[0])
        began = time.perf_counter()
        evidence = Evidence(
            corrupted, recovered.images[0], reference, request.spec,
            damage.mask if damage else None, damage.geometry if damage else Geometry.KEPT,
        )  # fmt: skip
        scores = score_run(self.scorers(), evidence)
        seconds["score"] = time.perf_counter() - began
        yield RunProgress("Answering", 0.8, recovered.images[0])
        began = time.perf_counter()
        answers, said = self._answers(request, corrupted, recovered.images)
        seconds["answer"] = time.perf_counter() - began
        yield _result(request, recoverer, evidence, recovered, scores, answers, said, seconds)

    def _answers(
        self, request: RunRequest, corrupted: Image8, draws: Sequence[Image8]
    ) -> tuple[tuple[AnswerRecord, ...], tuple[SampleAnswers, ...]]:
        """The answers in each condition, and those over the draws; no question, no answers."""
        if request.question is None:
            return (), ()
        answerer = self.answerer(request.answerer)
        answers = ask(answerer, request.question, corrupted, draws[0])
        return answers, ask_draws(answerer, request.question, corrupted, draws, answers)


def ask(
    answerer: Answerer, question: Question, corrupted: Image8, recovered: Image8 | None
) -> tuple[AnswerRecord, ...]:
    """The question from the corrupted image, and with a recovery also from it and from both."""
    shown: dict[Condition, list[Image8]] = {Condition.CORRUPTED: [corrupted]}
    if recovered is not None:
        shown |= {Condition.RECOVERED: [recovered], Condition.BOTH: [corrupted, recovered]}
    requests = [AnswerRequest(images, condition, question) for condition, images in shown.items()]
    return tuple(
        AnswerRecord(condition, answered, answerer.ref)
        for condition, answered in zip(shown, answerer.answer(requests), strict=True)
    )


def ask_draws(
    answerer: Answerer, question: Question, corrupted: Image8, draws: Sequence[Image8], answers: Sequence[AnswerRecord]
) -> tuple[SampleAnswers, ...]:
    """What is said when each further draw takes the place of the recovery; `answers` hold the first draw's."""
    if len(draws) < 2:
        return ()
    first = {record.condition: _said(record.answered) for record in answers}
    shown: dict[Condition, list[list[Image8]]] = {
        Condition.RECOVERED: [[draw] for draw in draws[1:]],
        Condition.BOTH: [[corrupted, draw] for draw in draws[1:]],
    }
    requests = [AnswerRequest(images, c, question) for c, rows in shown.items() for images in rows]
    said = [_said(each) for each in answerer.answer(requests)]
    more = len(draws) - 1
    return tuple(
        SampleAnswers(condition, (first[condition], *said[k * more : (k + 1) * more]))
        for k, condition in enumerate(shown)
    )


def _said(answered: Answered) -> str:
    return answered.choice or answered.text.strip()


def make_question(text: str, options: tuple[str, ...] = ()) -> Question | None:
    """A question from what a person typed; None when nothing was asked.

    Raises:
        InvalidInput: options without a question, one option alone, two alike, or texts that are too long.
    """
    text, options = text.strip(), tuple(option.strip() for option in options if option.strip())
    if not text:
        if options:
            raise InvalidInput("There are options but no question. Type the question too, or clear the options.")
        return None
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for each in (text, *options) for char in each):
        raise InvalidInput("The question or an option holds a character that is none. Type it again.")
    if len(text) > 500 or any(len(option) > 200 for option in options):
        raise InvalidInput("The question may have up to 500 characters, an option up to 200.")
    if len(options) == 1 or len(options) > 4:
        raise InvalidInput("Give two to four options, or none for an open question.")
    if len({option.casefold() for option in options}) < len(options):
        raise InvalidInput("Two options are the same. Give each option once.")
    return Question(text, options)


def uncertainty_png(uncertainty: Any) -> bytes:
    """The map [H, W] in levels as a gray PNG: white is `UNCERTAINTY_FULL` levels or more."""
    scaled = np.clip(np.asarray(uncertainty) * (255 / UNCERTAINTY_FULL), 0, 255)
    return png_bytes((scaled + 0.5).astype(np.uint8))


def _result(
    request: RunRequest,
    recoverer: Recoverer,
    evidence: Evidence,
    recovered: Recovered,
    scores: tuple[ScoreRecord, ...],
    answers: tuple[AnswerRecord, ...],
    said: tuple[SampleAnswers, ...],
    seconds: Mapping[str, float],
) -> RunResult:
    images: dict[str, bytes] = {}

    def keep(data: bytes) -> str:
        images[digest(data)] = data
        return digest(data)

    reference, spec = evidence.reference, request.spec
    sample = Sample(
        id="",
        corrupted_sha=keep(png_bytes(evidence.corrupted)),
        reference_sha=None if reference is None else keep(png_bytes(reference)),
        split_group=request.intake.source_sha,
        corruption=None if spec is None else str(spec),
        severity=None if spec is None else spec.severity,
        seed=None if spec is None else spec.seed,
        source=request.source,
        license=request.license,
        question=request.question,
    )
    sample = replace(sample, id=digest(repr(sample).encode())[:32])  # the same sample has the same id in every run
    unsure, kind = shown_uncertainty(recovered)
    recovery = Recovery(
        id=uuid.uuid4().hex,
        sample_id=sample.id,
        image_sha=keep(png_bytes(recovered.images[0])),
        uncertainty_sha=None if unsure is None else keep(uncertainty_png(unsure)),
        model=recoverer.ref,
        seed=request.seed,
        settings=dict(recovered.settings),
        seconds=recovered.seconds,
        app_version=__version__,
        created_at=datetime.now(UTC),
        uncertainty=None if unsure is None else summarise(unsure, kind),
    )
    return RunResult(
        case=Case(sample, recovery, answers, scores, sample_answers=said),
        images=images,
        corrupted=evidence.corrupted,
        recovered=recovered.images[0],
        reference=reference,
        draws=recovered.images,
        uncertainty=unsure,
        uncertainty_note=None if unsure is not None else recovered.uncertainty_note,
        geometry=evidence.geometry,
        mask=evidence.mask,
        seconds=seconds,
    )


def shown_uncertainty(recovered: Recovered) -> tuple[Any | None, UncertaintyKind]:
    """How the draws differ, where there are several; else the error that the model itself expects."""
    if len(recovered.images) > 1:
        return deviation(recovered.images), UncertaintyKind.DEVIATION
    return recovered.uncertainty, UncertaintyKind.PREDICTED
