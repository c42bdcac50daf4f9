"""How often a recovery turns a right answer wrong, on drawn scenes whose contents are known: before and after training.

Two judges, neither of which was trained on the release: the truth reader (`truth`), which knows the scene, says of each
thing whether an image shows it as it is; the answerer of the app answers questions. An answer is *misled* where the
corrupted image gave the right one and the recovered image a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ru1_app.domain import Condition
from ru1_app.evaluation.bootstrap import TAILS, Estimate, estimates, resamples
from ru1_app.images import Image8
from ru1_app.models.base import Answerer, AnswerRequest
from ru1_app.scenes.questions import ask
from ru1_app.scenes.scene import generator
from ru1_app.scoring.ssim import ssim
from ru1_app.simulated.cases import Input, Recover, input_of
from ru1_app.simulated.truth import see

STREAM = 76  # of the scene's generators: which questions are asked


class Row(NamedTuple):
    """What one recovery did: shares of things and of questions, and its SSIM."""

    scene: int
    corruption: str
    model: str
    things: int  # that the corrupted image shows as they are
    things_misled: int  # of them, that the recovered image shows otherwise
    questions: int  # that are answered rightly from the corrupted image
    questions_misled: int  # of them, wrongly from the recovered image
    questions_helped: int  # answered rightly from the recovered image alone
    ssim: float


def measure(
    recover: Mapping[str, Recover],
    scenes: Sequence[int],
    corruptions: Sequence[str],
    answerer: Answerer | None,
    *,
    size: int = 192,
    questions: int = 2,
    seed: int = 1,
) -> Iterator[Row]:
    """A row for each scene, corruption and model; every model is given the same corrupted images and questions."""
    for scene in scenes:
        for corruption in corruptions:
            given = input_of(scene, corruption, size, seed)
            before = see(given.scene, given.corrupted, given.spec)
            asked = _asked(given, questions)
            known = _right(answerer, given, given.corrupted, Condition.CORRUPTED, asked)
            for model, run in recover.items():
                image = run(given.corrupted, 0)[0]
                after = see(given.scene, image, given.spec)
                said = _right(answerer, given, image, Condition.RECOVERED, asked)
                yield Row(
                    scene,
                    corruption,
                    model,
                    things=sum(was.right for was in before),
                    things_misled=sum(was.right and now.wrong for was, now in zip(before, after, strict=True)),
                    questions=sum(known),
                    questions_misled=sum(was and not now for was, now in zip(known, said, strict=True)),
                    questions_helped=sum(now and not was for was, now in zip(known, said, strict=True)),
                    ssim=ssim(image, given.clean),
                )


def _asked(given: Input, count: int) -> list[Any]:
    rng = generator(given.scene.seed, STREAM)
    questions = ask(given.scene, rng)
    return [questions[k] for k in rng.permutation(len(questions))[:count]]


def _right(
    answerer: Answerer | None, given: Input, image: Image8, condition: Condition, asked: Sequence[Any]
) -> list[bool]:
    """Whether each question is answered rightly from one image."""
    if answerer is None:
        return []
    requests = [AnswerRequest([image], condition, each.question) for each in asked]
    return [
        reply.choice == each.question.expected for reply, each in zip(answerer.answer(requests), asked, strict=True)
    ]


def summary(rows: Sequence[Row], first: str) -> dict[str, dict[str, Estimate]]:
    """By model: shares of right answers that a recovery turns wrong, SSIM, and both less those of the model `first`.

    Intervals are percentile bootstraps of 95 % that draw whole scenes; `fewer` is the reduction against `first`.
    """
    models = list(dict.fromkeys(row.model for row in rows))
    found: dict[str, dict[str, Estimate]] = {}
    base = [row for row in rows if row.model == first]
    clusters = np.array([row.scene for row in base])
    for model in models:
        own = [row for row in rows if row.model == model]
        columns = {"ssim": np.array([row.ssim for row in own]),
                   "ssim_change": np.array([a.ssim - b.ssim for a, b in zip(own, base, strict=True)])}  # fmt: skip
        found[model] = estimates(columns, clusters)
        for name in ("things", "questions"):
            found[model] |= _ratios(own, base, clusters, name)
    return found


def _ratios(own: Sequence[Row], base: Sequence[Row], clusters: Any, name: str) -> dict[str, Estimate]:
    """The share misled, and the relative reduction, with intervals over resampled scenes."""
    labels, index = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(labels), 3))
    for k, (a, b) in enumerate(zip(own, base, strict=True)):
        sums[index[k]] += (getattr(a, f"{name}_misled"), getattr(b, f"{name}_misled"), getattr(b, name))
    drawn = resamples(len(labels)) @ sums
    total = sums.sum(0)
    if not total[2]:
        return {}
    share = drawn[:, 0] / np.maximum(drawn[:, 2], 1)
    fewer = 1 - drawn[:, 0] / np.maximum(drawn[:, 1], 1e-9)
    counted = int(total[2])
    return {
        f"{name}_misled": _estimate(total[0] / total[2], share, counted, len(labels)),
        f"{name}_fewer": _estimate(1 - total[0] / max(total[1], 1e-9), fewer, counted, len(labels)),
    }


def _estimate(value: float, drawn: Any, n: int, clusters: int) -> Estimate:
    low, high = np.percentile(drawn, TAILS)
    return Estimate(float(value), float(low), float(high), n, clusters)
