"""One pass of the loop: recover, score, answer. What comes out is a case, ready to be flagged.

Nothing is stored here. Every run is reproducible from its `Case`: spec, seeds, settings, model revisions.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ru1_app import __version__
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import (
    AnswerRecord,
    Case,
    Condition,
    PairKind,
    Question,
    Recovery,
    Sample,
    ScoreRecord,
)
from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.images import Image8, digest, png_bytes
from ru1_app.intake import Intake
from ru1_app.models.base import Answerer, AnswerRequest, Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.scoring.base import Pair, Scorer

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
    uncertainty: Any | None  # float32 [H, W], expected |error| in levels
    uncertainty_note: str | None
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
        corrupted = corrupt(request.intake.image, request.spec) if request.spec else request.intake.image
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
        scores = self._scores(corrupted, recovered.images[0], reference)
        seconds["score"] = time.perf_counter() - began
        yield RunProgress("Answering", 0.8, recovered.images[0])
        began = time.perf_counter()
        answers = self.answers(request, corrupted, recovered.images[0])
        seconds["answer"] = time.perf_counter() - began
        yield _result(request, recoverer, corrupted, reference, recovered, scores, answers, seconds)

    def answers(self, request: RunRequest, corrupted: Image8, recovered: Image8 | None) -> tuple[AnswerRecord, ...]:
        """Answer the question in each condition; no question, no answers."""
        if request.question is None:
            return ()
        return ask(self.answerer(request.answerer), request.question, corrupted, recovered)

    def _scores(self, corrupted: Image8, recovered: Image8, reference: Image8 | None) -> tuple[ScoreRecord, ...]:
        if reference is None:
            pairs = {PairKind.RECOVERED_CORRUPTED: Pair(recovered, corrupted)}
        else:
            pairs = {
                PairKind.CORRUPTED_REFERENCE: Pair(corrupted, reference),
                PairKind.RECOVERED_REFERENCE: Pair(recovered, reference),
            }
        return tuple(
            ScoreRecord(kind, score, scorer.spec.model)
            for scorer in self.scorers().values()
            for kind, score in zip(pairs, scorer.score(list(pairs.values())), strict=True)
        )


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
    corrupted: Image8,
    reference: Image8 | None,
    recovered: Recovered,
    scores: tuple[ScoreRecord, ...],
    answers: tuple[AnswerRecord, ...],
    seconds: Mapping[str, float],
) -> RunResult:
    images: dict[str, bytes] = {}

    def keep(data: bytes) -> str:
        images[digest(data)] = data
        return digest(data)

    sample = Sample(
        id=uuid.uuid4().hex,
        corrupted_sha=keep(png_bytes(corrupted)),
        reference_sha=None if reference is None else keep(png_bytes(reference)),
        split_group=request.intake.source_sha,
        corruption=None if request.spec is None else str(request.spec),
        severity=None if request.spec is None else request.spec.severity,
        seed=None if request.spec is None else request.spec.seed,
        source=request.source,
        license=request.license,
        question=request.question,
    )
    unsure = recovered.uncertainty
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
    )
    return RunResult(
        case=Case(sample, recovery, answers, scores),
        images=images,
        corrupted=corrupted,
        recovered=recovered.images[0],
        reference=reference,
        draws=recovered.images,
        uncertainty=unsure,
        uncertainty_note=recovered.uncertainty_note,
        seconds=seconds,
    )
