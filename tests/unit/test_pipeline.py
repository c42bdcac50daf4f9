"""One run: what comes out is complete, reproducible, and names every image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.asking import make_question
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Answered, Condition, PairKind, Question
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.images import digest, from_png
from ru1_app.models.base import (
    AnswerRequest,
    Progress,
    Reasoned,
    ReasonRequest,
    Recovered,
    RecoverRequest,
    Words,
)
from ru1_app.pipeline import Pipeline, RunProgress, RunRequest, RunResult, uncertainty_png
from ru1_app.scoring.ssim import ssim
from tests.factories import QUESTION, make_result
from tests.fakes import FAKE, FakeAnswerer, FakeApp, FakeRecoverer, fake_scorers, intake_of


def test_every_image_a_case_names_is_there_losslessly() -> None:
    result = make_result(3)
    sample, recovery = result.case.sample, result.case.recovery
    named = {sample.corrupted_sha: result.corrupted, recovery.image_sha: result.recovered}
    named[sample.reference_sha or ""] = result.reference
    for sha, pixels in named.items():
        assert digest(result.images[sha]) == sha
        assert np.array_equal(from_png(result.images[sha]), pixels)
    assert recovery.uncertainty_sha in result.images


def test_with_a_reference_both_images_are_scored_against_it() -> None:
    result = make_result(1)
    before = result.score("ssim", PairKind.CORRUPTED_REFERENCE)
    after = result.score("ssim", PairKind.RECOVERED_REFERENCE)
    assert before is not None
    assert after is not None
    assert before.score.value == pytest.approx(ssim(result.corrupted, result.reference))
    assert after.score.value == pytest.approx(ssim(result.recovered, result.reference))
    assert result.score("ssim", PairKind.RECOVERED_CORRUPTED) is None


def test_without_a_reference_only_agreement_with_the_input_is_scored() -> None:
    result = make_result(1, reference=False)
    assert {record.pair for record in result.case.scores} == {PairKind.RECOVERED_CORRUPTED}
    assert result.case.sample.corruption is None
    assert result.reference is None


def test_the_question_is_answered_in_three_conditions() -> None:
    result = make_result(1)
    assert [record.condition for record in result.case.answers] == list(Condition)
    assert make_result(1, question=None).case.answers == ()


def test_a_stored_spec_makes_the_corrupted_image_again() -> None:
    result = make_result(5)
    spec = CorruptionSpec.parse(result.case.sample.corruption or "")
    assert np.array_equal(corrupt(result.reference, spec), result.corrupted)


def test_progress_is_reported_before_the_result(settings) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    events = list(FakeApp(settings).pipeline.run(RunRequest(intake_of(image), steps=3)))
    texts = [event.text for event in events if isinstance(event, RunProgress)]
    assert sum("step" in text for text in texts) == 3
    assert [event.fraction for event in events[:-1]] == sorted(event.fraction for event in events[:-1])


class CountingAnswerer(FakeAnswerer):
    """Counts the questions that it was asked."""

    asked = 0

    def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered]:
        self.asked += len(requests)
        return super().answer(requests)


def test_a_run_can_be_stopped_between_the_answers_of_its_samples() -> None:
    answerer = CountingAnswerer()
    pipeline = Pipeline(lambda name: FakeRecoverer(), lambda name: answerer, fake_scorers)
    image = np.random.default_rng(0).integers(0, 256, (24, 28, 3), dtype=np.uint8)
    request = RunRequest(intake_of(image), question=QUESTION, model="fake", answerer="fake", samples=8)
    events = [event for event in pipeline.run(request) if isinstance(event, RunProgress)]
    assert answerer.asked == 3 + 2 * 7
    assert [event.fraction for event in events] == sorted(event.fraction for event in events)
    answerer.asked, running = 0, pipeline.run(request)
    while "samples, 5 of 14" not in getattr(next(running), "text", ""):
        pass
    running.close()
    assert answerer.asked == 3 + 4


@pytest.mark.parametrize(
    ("text", "options"), [("", ("a", "b")), ("q", ("a",)), ("q", ("a", "A")), ("q", ("a",) * 5), ("q" * 501, ())]
)
def test_bad_questions_are_refused(text: str, options: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        make_question(text, options)


@given(st.text(max_size=30), st.lists(st.text(max_size=10), max_size=4))
def test_a_question_is_trimmed_refused_or_none(text: str, options: list[str]) -> None:
    try:
        question = make_question(text, tuple(options))
    except InvalidInput:
        return
    assert question is None or (question.text == text.strip() and all(question.options))


def test_the_uncertainty_map_is_gray_and_saturates() -> None:
    data = uncertainty_png(np.array([[0.0, 32.0], [64.0, 500.0]], np.float32))
    assert from_png(data)[..., 0].tolist() == [[0, 128], [255, 255]]


def test_the_same_sample_has_the_same_id_in_every_run() -> None:
    first, again, other = make_result(5), make_result(5), make_result(6)
    assert first.case.sample == again.case.sample
    assert first.case.id != again.case.id
    assert first.case.sample.id != other.case.sample.id
    assert make_result(5, question=None).case.sample.id != first.case.sample.id


class TalkingAnswerer(FakeAnswerer):
    """Writes its answer letter by letter."""

    streams = True

    def stream(self, request: AnswerRequest) -> Iterator[Words | Answered]:
        (answered,) = self.answer([request])
        for end in range(1, len(answered.text) + 1):
            yield Words(answered.text[:end])
        yield answered


class FakeReasoner:
    """Recovers as the fake recoverer does, and talks; `blind` makes it forget the image."""

    ref = FAKE

    def __init__(self, *, blind: bool = False) -> None:
        self.blind = blind

    def reason(self, request: ReasonRequest) -> Iterator[Progress | Words | Reasoned]:
        yield Words("It is noisy.")
        *steps, done = FakeRecoverer().recover(RecoverRequest(request.corrupted, request.seed, request.steps))
        yield from steps
        assert isinstance(done, Recovered)
        answered = Answered("B. green", "B", None)
        yield Reasoned(None if self.blind else done, "It is noisy.\n\nB", answered)


def reasoning(reasoner: FakeReasoner | None = None) -> Pipeline:
    return Pipeline(
        lambda name: FakeRecoverer(), lambda name: TalkingAnswerer(), fake_scorers,
        None if reasoner is None else lambda name: reasoner,
    )  # fmt: skip


def asked(*, question: Question | None = QUESTION) -> RunRequest:
    image = np.random.default_rng(1).integers(0, 256, (24, 28, 3), dtype=np.uint8)
    return RunRequest(intake_of(image), None, question, steps=2, reason=True)


def test_recovering_and_reasoning_in_one_pass_gives_trace_and_final_answer() -> None:
    *events, result = reasoning(FakeReasoner()).run(asked())
    assert isinstance(result, RunResult)
    assert result.case.recovery.trace == "It is noisy.\n\nB"
    assert [record.condition for record in result.case.answers] == list(Condition)
    final = result.answer(Condition.BOTH)
    assert final is not None
    assert final.answered.text == "B. green"
    words = [event.words for event in events if isinstance(event, RunProgress) and event.words]
    assert words[0] == "It is noisy."
    assert any("step 2 of 2" in event.text for event in events if isinstance(event, RunProgress))


def test_answers_can_be_watched() -> None:
    *events, result = reasoning().run(replace(asked(), reason=False))
    assert isinstance(result, RunResult)
    told = [event for event in events if isinstance(event, RunProgress) and event.text.startswith("Answering,")]
    assert {event.text for event in told} == {f"Answering, {k} of 3" for k in (1, 2, 3)}
    assert [event.fraction for event in told] == sorted(event.fraction for event in told)
    assert told[-1].words == "B. green"


def test_reasoning_without_a_question_is_refused() -> None:
    with pytest.raises(InvalidInput, match="needs a question"):
        list(reasoning(FakeReasoner()).run(asked(question=None)))


def test_a_model_that_reasons_without_an_image_says_so() -> None:
    with pytest.raises(ModelFailed, match="without making an image. It said: 'It is noisy"):
        list(reasoning(FakeReasoner(blind=True)).run(asked()))


def test_reasoning_without_a_model_for_it_is_refused() -> None:
    with pytest.raises(Unavailable, match="Choose only to recover"):
        list(reasoning().run(asked()))
