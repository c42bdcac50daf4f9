"""One pass of the loop: recover, score, answer. What comes out is a case, ready to be flagged.

Nothing is stored here. Every run is reproducible from its `Case`: spec, seeds, settings, model revisions.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ru1_app import __version__
from ru1_app.asking import Spoken, ask_draws, conditions_of, watched
from ru1_app.corruptions import CorruptionSpec, Geometry, apply_spec
from ru1_app.corruptions.base import Mask
from ru1_app.domain import (
    AnswerRecord,
    Case,
    Condition,
    ModelRef,
    PairKind,
    Question,
    Recovery,
    Sample,
    SampleAnswers,
    ScoreRecord,
    UncertaintyKind,
)
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.images import Image8, digest, png_bytes
from ru1_app.intake import Intake
from ru1_app.models.base import (
    Answerer,
    Progress,
    Reasoned,
    Reasoner,
    ReasonRequest,
    Recovered,
    Recoverer,
    RecoverRequest,
    Words,
)
from ru1_app.scorecard import Evidence, risky_places, score_run
from ru1_app.scoring.base import Scorer
from ru1_app.scoring.risk import Places
from ru1_app.uncertainty import deviation, summarise

UNCERTAINTY_FULL = 64.0  # expected error in levels that the stored uncertainty map shows as white

T = TypeVar("T")


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
    reason: bool = False  # recover and answer in one pass of `model`


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What is being done, how far it is (0-1), the recovery as it stands, and the model's words as far as written."""

    text: str
    fraction: float
    preview: Image8 | None = None
    words: str = ""


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
    places: Places | None = None  # where it may mislead, by a model of people's judgements

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
    reasoner: Callable[[str], Reasoner] | None = None

    def run(self, request: RunRequest) -> Iterator[RunProgress | RunResult]:
        """Yield any number of `RunProgress`, then one `RunResult`, last. Closing it cancels.

        Raises:
            InvalidInput: the corruption or the question is refused.
            Unavailable: a model cannot be loaded.
            ModelFailed: a model gave nothing.
        """
        yield RunProgress("Loading the model", 0.0)
        reference = request.intake.image if request.spec else None
        damage = apply_spec(request.intake.image, request.spec) if request.spec else None
        corrupted = damage.image if damage else request.intake.image
        began = time.perf_counter()
        made = yield from (self._reasoned if request.reason else self._recovered)(request, corrupted)
        seconds = {"recover": time.perf_counter() - began}
        shown = made.recovered.images[0]
        yield RunProgress("Scoring", 0.65, shown)
        began = time.perf_counter()
        evidence = Evidence(
            corrupted, shown, reference, request.spec,
            damage.mask if damage else None, damage.geometry if damage else Geometry.KEPT,
        )  # fmt: skip
        scorers = self.scorers()
        scores, places = score_run(scorers, evidence), risky_places(scorers, evidence)
        seconds["score"] = time.perf_counter() - began
        yield RunProgress("Answering", 0.8, shown)
        began = time.perf_counter()
        answers, said = yield from self._answers(request, corrupted, made)
        seconds["answer"] = time.perf_counter() - began
        yield replace(_result(request, made, evidence, scores, answers, said, seconds), places=places)

    def _recovered(self, request: RunRequest, corrupted: Image8) -> Generator[RunProgress, None, _Made]:
        """Let the recoverer work. It is not held beyond, so that it may make room for the answerer."""
        recoverer = self.recoverer(request.model)
        for event in recoverer.recover(RecoverRequest(corrupted, request.seed, request.steps, request.samples)):
            if isinstance(event, Recovered):
                return _Made(recoverer.ref, event)
            yield _step(event)
        raise ModelFailed("The model ended without an image. Try again, or choose another model.")

    def _reasoned(self, request: RunRequest, corrupted: Image8) -> Generator[RunProgress, None, _Made]:
        """Let the model recover and answer in one pass."""
        if request.question is None:
            raise InvalidInput("Recovering and reasoning in one pass needs a question. Type one, or only recover.")
        if self.reasoner is None:
            raise Unavailable("No model here recovers and reasons in one pass. Choose only to recover.")
        reasoner, words, fraction = self.reasoner(request.model), "", 0.1
        for event in reasoner.reason(ReasonRequest(corrupted, request.question, request.seed, request.steps)):
            if isinstance(event, Reasoned):
                if event.recovered is None:
                    told = f" It said: {event.trace[:300]!r}." if event.trace else ""
                    raise ModelFailed(f"The model answered without making an image.{told} Try another seed.")
                record = AnswerRecord(Condition.BOTH, event.answered, reasoner.ref)
                return _Made(reasoner.ref, event.recovered, event.trace, record)
            if isinstance(event, Words):
                words = event.text
                yield RunProgress("Reasoning", fraction, None, words)
            else:
                step = replace(_step(event), words=words)
                fraction = step.fraction
                yield step
        raise ModelFailed("The model ended without an answer. Try again, or choose another model.")

    def _answers(
        self, request: RunRequest, corrupted: Image8, made: _Made
    ) -> Generator[RunProgress, None, tuple[tuple[AnswerRecord, ...], tuple[SampleAnswers, ...]]]:
        """The answers in each condition, and those over the draws; no question, no answers."""
        if request.question is None:
            return (), ()
        answerer, draws = self.answerer(request.answerer), made.recovered.images
        conditions = conditions_of(corrupted, draws[0])
        if made.answer is not None:
            del conditions[Condition.BOTH]
        answers = yield from _told(watched(answerer, request.question, conditions), "Answering", (0.8, 0.1))
        if made.answer is not None:
            answers = (*answers, made.answer)
        asking = ask_draws(answerer, request.question, corrupted, draws, answers)
        return answers, (yield from _told(asking, "Answering from the other samples", (0.9, 0.1)))


class _Made(NamedTuple):
    """A recovery, who made it, what was written on the way, and the answer that came with it."""

    model: ModelRef
    recovered: Recovered
    trace: str | None = None
    answer: AnswerRecord | None = None


def _step(event: Progress) -> RunProgress:
    text = f"Recovering, step {event.step} of {event.total}"
    return RunProgress(text, 0.1 + 0.5 * event.step / event.total, event.preview)


def _told(asking: Generator[Spoken, None, T], doing: str, span: tuple[float, float]) -> Generator[RunProgress, None, T]:
    """The words of the answers as progress; `span` is where it starts and how much it is of the whole."""
    while True:
        try:
            spoken = next(asking)
        except StopIteration as end:
            answers: T = end.value
            return answers
        text = f"{doing}, {spoken.number + 1} of {spoken.total}"
        yield RunProgress(text, span[0] + span[1] * spoken.number / spoken.total, None, spoken.text)


def uncertainty_png(uncertainty: Any) -> bytes:
    """The map [H, W] in levels as a gray PNG: white is `UNCERTAINTY_FULL` levels or more."""
    scaled = np.clip(np.asarray(uncertainty) * (255 / UNCERTAINTY_FULL), 0, 255)
    return png_bytes((scaled + 0.5).astype(np.uint8))


def _result(
    request: RunRequest,
    made: _Made,
    evidence: Evidence,
    scores: tuple[ScoreRecord, ...],
    answers: tuple[AnswerRecord, ...],
    said: tuple[SampleAnswers, ...],
    seconds: Mapping[str, float],
) -> RunResult:
    images: dict[str, bytes] = {}

    def keep(data: bytes) -> str:
        images[digest(data)] = data
        return digest(data)

    reference, spec, recovered = evidence.reference, request.spec, made.recovered
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
        model=made.model,
        seed=request.seed,
        settings=dict(recovered.settings),
        seconds=recovered.seconds,
        app_version=__version__,
        created_at=datetime.now(UTC),
        uncertainty=None if unsure is None else summarise(unsure, kind),
        trace=made.trace,
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
