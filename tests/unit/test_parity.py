"""The parity gate catches a server that does something else, or does not look at its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ru1_app.domain import Answered
from ru1_app.errors import ModelFailed
from ru1_app.models.base import Answerer, AnswerRequest, Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.parity import Compared, Parity, compare, fixed_inputs
from tests.fakes import FAKE, FakeRecoverer

PROBES = fixed_inputs(96)


class LookingAnswerer:
    """Answers from the mean colour, so that answers differ from input to input."""

    ref = FAKE

    def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered]:
        return [self.one(request) for request in requests]

    def one(self, request: AnswerRequest) -> Answered:
        letters = "ABCD"[: max(2, len(request.question.options))]
        letter = letters[sum(int(np.asarray(image).sum()) for image in request.images) % len(letters)]
        return Answered(letter, letter, None)


class OneEyed(LookingAnswerer):
    """Drops the second picture."""

    def one(self, request: AnswerRequest) -> Answered:
        return super().one(replace(request, images=request.images[:1]))


class Failing(FakeRecoverer):
    """Fails on the third input alone."""

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        if np.array_equal(request.corrupted, PROBES[2].image):
            raise ModelFailed("The server is out of memory.")
        yield from super().recover(request)


class BlindAnswerer(LookingAnswerer):
    """Says A to everything."""

    def one(self, request: AnswerRequest) -> Answered:
        return Answered("A", "A", None)


class Altered(FakeRecoverer):
    """The fake recoverer with something done to what it gives."""

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        for event in super().recover(request):
            yield replace(event, images=(self.alter(event.images[0]),)) if isinstance(event, Recovered) else event

    def alter(self, image: np.ndarray) -> np.ndarray:
        return image


class Blind(Altered):
    """Gives the recovery of the first input for every input: the picture itself is plausible."""

    def alter(self, image: np.ndarray) -> np.ndarray:
        *_, last = FakeRecoverer().recover(RecoverRequest(PROBES[0].image))
        assert isinstance(last, Recovered)
        return last.images[0]


class Rounded(Altered):
    """One level off, as another kernel would be."""

    def alter(self, image: np.ndarray) -> np.ndarray:
        return np.clip(image.astype(int) + 1, 0, 255).astype(np.uint8)


class Smaller(Altered):
    """Another size."""

    def alter(self, image: np.ndarray) -> np.ndarray:
        return image[:-2]


class Shifted(Altered):
    """Three pixels to the side."""

    def alter(self, image: np.ndarray) -> np.ndarray:
        return np.roll(image, 3, 1)


def gate(recoverer: Recoverer | None, answerer: Answerer | None = None) -> Parity:
    *rows, parity = compare((FakeRecoverer(), LookingAnswerer()), (recoverer, answerer), PROBES)
    assert isinstance(parity, Parity)
    assert list(parity.rows) == rows
    assert all(isinstance(row, Compared) for row in rows)
    return parity


def test_the_inputs_are_the_same_every_time_and_differ_from_each_other() -> None:
    assert len({probe.image.tobytes() for probe in PROBES}) == len(PROBES) >= 6
    assert all(np.array_equal(a.image, b.image) for a, b in zip(PROBES, fixed_inputs(96), strict=True))
    assert len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("recoverer", [FakeRecoverer(), Rounded()])
def test_the_same_model_passes(recoverer: Recoverer) -> None:
    parity = gate(recoverer, LookingAnswerer())
    assert parity.passed
    assert len(parity.rows) == 2 * len(PROBES)
    assert parity.lines()[-1] == "The served model does what the local one does."


@pytest.mark.parametrize(("recoverer", "words"), [(Shifted(), "SSIM"), (Smaller(), "96x94, the local one 96x96")])
def test_another_picture_fails_and_the_input_is_named(recoverer: Recoverer, words: str) -> None:
    parity = gate(recoverer)
    assert not parity.passed
    assert all(words in reason for row in parity.rows for reason in row.reasons[:1])
    assert PROBES[2].name in "\n".join(parity.lines())


def test_a_server_that_ignores_the_image_is_caught() -> None:
    parity = gate(Blind())
    assert not parity.passed
    assert "does not look at what it is sent" in parity.faults[0]
    assert [row.name for row in parity.rows if row.passed] == [PROBES[0].name] * 2
    assert any("nearer to that of input 1" in reason for row in parity.rows for reason in row.reasons)


def test_an_answerer_that_ignores_the_image_is_caught() -> None:
    parity = gate(None, BlindAnswerer())
    assert not parity.passed
    assert "same answer for every input" in parity.faults[0]
    assert any(
        "the answer is 'A, from two pictures A' instead of" in reason for row in parity.rows for reason in row.reasons
    )
    assert parity.as_dict()["passed"] is False


def test_an_answerer_that_drops_the_second_picture_is_caught() -> None:
    parity = gate(None, OneEyed())
    assert not parity.passed
    assert not parity.faults
    assert any("from two pictures" in reason for row in parity.rows for reason in row.reasons)


def test_an_input_that_fails_is_named_and_the_others_are_still_compared() -> None:
    parity = gate(Failing())
    assert [row.name for row in parity.rows if not row.passed] == [PROBES[2].name] * 2
    assert all(row.reasons == ("The server is out of memory.",) for row in parity.rows if not row.passed)


def test_models_without_a_common_role_are_refused() -> None:
    with pytest.raises(ModelFailed, match="nothing to compare"):
        list(compare((FakeRecoverer(), None), (None, LookingAnswerer()), PROBES))
