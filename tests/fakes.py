"""Models for tests only: quick, deterministic, and named "fake" wherever their work is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from ru1_app.config import Settings
from ru1_app.domain import Answered, Condition, Degradation, ModelRef, Reading, Score
from ru1_app.images import Image8
from ru1_app.intake import Intake
from ru1_app.models.base import AnswerRequest, Progress, Recovered, RecoverRequest
from ru1_app.pipeline import Pipeline
from ru1_app.scoring.base import Pair, Scorer, ScorerSpec
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.ssim import SSIM
from ru1_app.wiring import App

READING = Reading((Degradation("noise", "strong"), Degradation("blur")), "Edges are soft.", "The light is low.", "Red.")
FAKE = ModelRef("fake", "0", "tests")


class FakeRecoverer:
    """A median filter; draw k is one level brighter."""

    ref = FAKE

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        image: Image8 = cv2.medianBlur(request.corrupted, 3).astype(np.uint8)
        for step in range(1, request.steps + 1):
            yield Progress(step, request.steps, image)
        images = tuple(np.clip(image.astype(int) + k, 0, 255).astype(np.uint8) for k in range(request.samples))
        unsure = np.full(image.shape[:2], 12.0, np.float32)
        yield Recovered(images, {"steps": request.steps, "samples": request.samples}, 0.01, unsure)


class FakeAnswerer:
    """Says A from the corrupted image and B otherwise."""

    ref = FAKE

    def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered]:
        return [self._one(request) for request in requests]

    def _one(self, request: AnswerRequest) -> Answered:
        assert len(request.images) == (2 if request.condition is Condition.BOTH else 1)
        if not request.question.options:
            return Answered("something", None, 0.5)
        choice = "A" if request.condition is Condition.CORRUPTED else "B"
        shares = tuple(0.75 if letter == choice else 0.25 for letter in "AB")[: len(request.question.options)]
        text = f"{choice}. {request.question.options['AB'.index(choice)]}"
        return Answered(text, choice, 0.75, probabilities=shares, reading=READING)


class FakeClip:
    """One minus the mean absolute difference."""

    spec = ScorerSpec("clip", "CLIP similarity", "0", -1, 1, True, "", "Fake.", "All.", "fake CLIP", aligned=False)

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        return [Score("clip", "0", self._one(pair.image, pair.other)) for pair in pairs]

    def _one(self, image: Image8, other: Image8 | None) -> float:
        assert other is not None
        return 1 - float(np.abs(image.astype(float) - other.astype(float)).mean()) / 255


def fake_scorers() -> dict[str, Scorer]:
    """The real SSIM and PSNR, a fake CLIP."""
    return {"ssim": SSIM, "psnr": PsnrScorer(), "clip": FakeClip()}


class FakeApp(App):
    """The app with fake models and the real everything else."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pipeline = Pipeline(lambda name: FakeRecoverer(), lambda name: FakeAnswerer(), fake_scorers)


def intake_of(image: Image8, name: str = "photo.png") -> Intake:
    """An accepted image."""
    return Intake(image, "ab" * 32, name)


def write(path: Path, data: bytes) -> Path:
    """The path, with the bytes in it."""
    path.write_bytes(data)
    return path
