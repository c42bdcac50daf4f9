"""Cases for tests, made by the real pipeline with fake models."""

from __future__ import annotations

import numpy as np

from ru1_app.corruptions import CorruptionSpec
from ru1_app.domain import Case, Question
from ru1_app.pipeline import Pipeline, RunRequest, RunResult
from tests.fakes import FakeAnswerer, FakeRecoverer, fake_scorers, intake_of

QUESTION = Question("What colour is the light?", ("red", "green"), "B")


def make_result(
    seed: int = 0, *, reference: bool = True, question: Question | None = QUESTION, samples: int = 1, side: int = 24
) -> RunResult:
    """A run of the fake pipeline on a random image of `side` pixels."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side + 4, 3), dtype=np.uint8)
    spec = CorruptionSpec.of("gaussian_noise", 2 / 3, seed) if reference else None
    pipeline = Pipeline(lambda name: FakeRecoverer(), lambda name: FakeAnswerer(), fake_scorers)
    request = RunRequest(intake_of(image), spec, question, "fake", "fake", seed=seed, samples=samples)
    *_, result = pipeline.run(request)
    assert isinstance(result, RunResult)
    return result


def make_case(seed: int = 0, *, reference: bool = True) -> tuple[Case, dict[str, bytes]]:
    """A case without ratings and its images."""
    result = make_result(seed, reference=reference)
    return result.case, dict(result.images)
