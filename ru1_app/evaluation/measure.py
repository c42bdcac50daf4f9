"""Measures one cell with the models it is given: scores, answers, uncertainty. Plain values come out, for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ru1_app.corruptions import corrupt
from ru1_app.domain import Answered, Condition, Question
from ru1_app.errors import ModelFailed
from ru1_app.evaluation import inputs, unsure
from ru1_app.evaluation.inputs import Photos
from ru1_app.evaluation.journal import Row
from ru1_app.evaluation.plan import CHAIN, PAINT, Cell, Part, Plan
from ru1_app.evaluation.said import code
from ru1_app.images import Image8
from ru1_app.models.base import Answerer, AnswerRequest, Recovered, Recoverer, RecoverRequest
from ru1_app.scenes.questions import DESCRIBE, Asked, named_rightly, open_question
from ru1_app.scenes.scene import Scene
from ru1_app.scoring.base import Pair, Scorer
from ru1_app.scoring.ms_ssim import MS_SSIM
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.ssim import SSIM
from ru1_app.training.damage import Damage, cover, damaged, evidence_of, gone_things, one_thing, paint
from ru1_app.uncertainty import deviation

POOLED = 160  # squares of each photo that are kept, to pool photos
MAPS = ("deviation", "predicted")
Values: TypeAlias = unsure.Values


@dataclass(frozen=True)
class Models:
    """What is measured, and the CLIP it is measured with."""

    recoverer: Recoverer
    answerer: Answerer
    clip: Scorer


class Bench:
    """Measures the cells of a plan."""

    def __init__(self, plan: Plan, models: Models, photos: Photos) -> None:
        self._plan, self._models, self._photos = plan, models, photos
        self._scorers: tuple[Scorer, ...] = (SSIM, PsnrScorer(), MS_SSIM, models.clip)

    def measure(self, cell: Cell) -> list[Row]:
        """One row for each image of the cell.

        Raises:
            ModelFailed: a model gave nothing.
        """
        pool = len(self._photos) if cell.part in (Part.PHOTOS, Part.UNSURE) else self._plan.scenes
        one = {
            Part.PHOTOS: self._photo, Part.SCENES: self._scene, Part.COVERED: self._covered, Part.TEXTS: self._texts,
            Part.UNSURE: self._unsure,
        }[cell.part]  # fmt: skip
        return [one(cell, number) for number in self._plan.items(cell, pool)]

    def _photo(self, cell: Cell, number: int) -> Row:
        name, clean = self._photos.name(number), self._photos.image(number)
        bad = self._corrupted(cell, name, clean)
        return {"id": name, **self._scores(bad, self._recovered(bad).images[0], clean)}

    def _scene(self, cell: Cell, number: int) -> Row:
        drawn, clean, asked = inputs.scene(number)
        name = f"scene-{number}"
        bad = self._corrupted(cell, name, clean)
        good = self._recovered(bad).images[0]
        replies = self._told(bad, good, drawn, asked, cell.spec(name, self._plan.seed))
        return {"id": name, **self._scores(bad, good, clean), **replies}

    def _covered(self, cell: Cell, number: int) -> Row:
        """Answers about a scene of which something is covered."""
        drawn, clean, asked = inputs.scene(number)
        name = f"scene-{number}"
        seed = cell.own_seed(name, self._plan.seed)
        damage = self._cover(cell, drawn, seed)
        bad = damaged(clean, damage)
        return {"id": name, **self._told(bad, self._recovered(bad).images[0], drawn, asked, damage)}

    def _cover(self, cell: Cell, drawn: Scene, seed: int) -> Damage:
        rng = np.random.Generator(np.random.PCG64(seed))
        if cell.corruption == PAINT:
            return paint(drawn, rng)
        return cover(one_thing(drawn, rng), cell.corruption.split(CHAIN), float(rng.uniform(0.6, 1)), seed)

    def _told(self, bad: Image8, good: Image8, drawn: Scene, asked: Sequence[Asked], damage: Damage) -> Row:
        """The questions' kinds, which of them ask for what is gone, and what was answered."""
        gone = gone_things(evidence_of(drawn, damage, inputs.SIDE))
        return {
            "kinds": [each.kind for each in asked],
            "gone": "".join("1" if gone & set(each.things) else "0" for each in asked),
            "answers": self._answers(bad, good, [each.question for each in asked]),
        }

    def _texts(self, cell: Cell, number: int) -> Row:
        """Answers without options, and how much of the scene a description names rightly."""
        drawn, clean, asked = inputs.scene(number)
        name = f"scene-{number}"
        bad = self._corrupted(cell, name, clean)
        good = self._recovered(bad).images[0]
        openly = [open_question(each.question) for each in asked]
        described = self._replies(bad, good, [Question(DESCRIBE[0])])
        named = {condition: _rounded(named_rightly(drawn, replies[0].text)) for condition, replies in described.items()}
        kinds = [each.kind for each in asked]
        return {"id": name, "kinds": kinds, "answers": self._answers(bad, good, openly), "described": named}

    def _unsure(self, cell: Cell, number: int) -> Row:
        name, clean = self._photos.name(number), self._photos.image(number)
        done = self._recovered(self._corrupted(cell, name, clean), self._plan.draws)
        error = unsure.cells(np.abs(done.images[0].astype(np.float32) - clean.astype(np.float32)).mean(2))
        maps = {"deviation": unsure.cells(deviation(done.images))}
        if done.uncertainty is not None:
            maps["predicted"] = unsure.cells(done.uncertainty)
        return {"id": name, **_order(error, maps)}

    def _corrupted(self, cell: Cell, name: str, clean: Image8) -> Image8:
        spec = cell.spec(name, self._plan.seed)
        return clean if spec is None else corrupt(clean, spec)

    def _recovered(self, bad: Image8, draws: int = 1) -> Recovered:
        request = RecoverRequest(bad, self._plan.seed, self._plan.steps, draws)
        for event in self._models.recoverer.recover(request):
            if isinstance(event, Recovered):
                return event
        raise ModelFailed("The recoverer ended without an image. Try another model.")

    def _scores(self, bad: Image8, good: Image8, clean: Image8) -> Row:
        pairs = [Pair(bad, clean), Pair(good, clean)]
        found = {scorer.spec.name: [_rounded(s.value) for s in scorer.score(pairs)] for scorer in self._scorers}
        return {side: {name: values[k] for name, values in found.items()} for k, side in enumerate(SIDES)}

    def _answers(self, bad: Image8, good: Image8, questions: Sequence[Question]) -> dict[str, str]:
        """For each condition one letter for each question, see `said.code`."""
        return {
            condition: "".join(code(question, reply) for question, reply in zip(questions, replies, strict=True))
            for condition, replies in self._replies(bad, good, questions).items()
        }

    def _replies(self, bad: Image8, good: Image8, questions: Sequence[Question]) -> dict[str, list[Answered]]:
        shown = {Condition.CORRUPTED: [bad], Condition.RECOVERED: [good], Condition.BOTH: [bad, good]}
        requests = [AnswerRequest(images, condition, q) for condition, images in shown.items() for q in questions]
        replies = self._models.answerer.answer(requests)
        count = len(questions)
        return {c.value: replies[k * count : (k + 1) * count] for k, c in enumerate(shown)}


SIDES = ("corrupted", "recovered")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def _order(error: Values, maps: dict[str, Values]) -> Row:
    """How far each map orders the error, its curve, and some squares of all to be pooled."""
    oracle = unsure.sparsification(error, error)
    curves = {name: unsure.sparsification(error, values) for name, values in maps.items()}
    picked = np.random.Generator(np.random.PCG64(0)).permutation(len(error))[:POOLED]
    return {
        "spearman": {name: _rounded(unsure.spearman(values, error)) for name, values in maps.items()},
        "ause": {name: _rounded(unsure.ause(curve, oracle)) for name, curve in curves.items()},
        "ause_random": _rounded(unsure.ause(np.ones_like(oracle), oracle)),
        "squares": {name: np.round(values[picked], 3).tolist() for name, values in {"error": error, **maps}.items()},
    }
