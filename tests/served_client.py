"""What the tests of served models ask for, and how."""

from __future__ import annotations

from typing import Any

import numpy as np

from ru1_app.domain import Condition, Question
from ru1_app.images import Image8
from ru1_app.models.base import AnswerRequest, Progress, Recovered, RecoverRequest
from ru1_app.models.served.answerer import ServedAnswerer, load_answerer
from ru1_app.models.served.recoverer import ServedRecoverer, load_recoverer
from tests.served import ServedModel

COLOUR = Question("What colour is it?", ("blue", "green", "red"))
QUICK: dict[str, Any] = {"timeout": 5.0, "total": 20.0, "retries": 2, "backoff": 0.02}


def plain(*levels: int) -> Image8:
    return np.full((24, 32, 3), levels, np.uint8)


def asked(*images: Image8, question: Question = COLOUR) -> AnswerRequest:
    return AnswerRequest(images, Condition.BOTH if len(images) > 1 else Condition.CORRUPTED, question)


def answerer(model: ServedModel, **options: Any) -> ServedAnswerer:
    return load_answerer(model.url, **{**QUICK, **options})


def recoverer(model: ServedModel, **options: Any) -> ServedRecoverer:
    return load_recoverer(model.url, **{**QUICK, **options})


def recover(one: ServedRecoverer, image: Image8, **asked: int) -> Recovered:
    *steps, done = one.recover(RecoverRequest(image, **asked))
    assert all(isinstance(step, Progress) and 1 <= step.step <= step.total for step in steps)
    assert isinstance(done, Recovered)
    return done
