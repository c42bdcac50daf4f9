"""Fits the answerer's temperature: `python -m ru1_app.training.calibrate --model DIR --recoverer DIR`.

One number divides the logarithms of its probabilities, so that of the answers given with 80 % confidence about 80 % are
right (temperature scaling, Guo et al. 2017, arXiv 1706.04599). It is fitted on scenes that neither training nor the
benchmark sees, under all corruptions and in all three conditions, and written to the model's `scope.json` with the
error before and after: fitted on one half of the scenes, measured on the other. Until then the model's folder stays as
it is: what is judged is a copy.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ru1_app.corruptions import CORRUPTIONS, LEVELS, CorruptionSpec
from ru1_app.domain import Answered, Condition
from ru1_app.errors import InvalidInput
from ru1_app.files import write_whole
from ru1_app.models.base import Answerer, AnswerRequest, Recoverer
from ru1_app.scenes.questions import LETTERS, ask
from ru1_app.scenes.scene import HELD_OUT_SEED, sample_scene
from ru1_app.training.answerer_pool import recovered
from ru1_app.training.damage import evidence_of, gone_things

Values: TypeAlias = NDArray[np.float64]
FIRST_SCENE = HELD_OUT_SEED + 200_000
SIZE = 384
BINS = 15
TEMPERATURES = np.geomspace(0.25, 8.0, 101)


@dataclass(frozen=True, slots=True)
class Judged:
    """One reply: the probabilities of the options and, last, of "cannot tell"; which of them is right."""

    shares: Values
    right: int


def shares_of(reply: Answered) -> Values:
    """What the model gave each option [options + 1], "cannot tell" last; sum 1.

    Raises:
        ValueError: the reply has no probabilities.
    """
    if not reply.probabilities or reply.confidence is None:
        raise ValueError("the reply has no probabilities")
    within = np.array(reply.probabilities)
    unsure = reply.confidence if reply.choice is None else max(0.0, 1 - reply.confidence / within.max())
    return np.append(within * (1 - unsure), unsure)


def tempered(shares: Values, temperature: float) -> Values:
    """Probabilities [n] at a temperature: p^(1/T), normalised."""
    scaled = np.exp(np.log(np.maximum(shares, 1e-12)) / temperature)
    return np.asarray(scaled / scaled.sum())


def fitted(judged: Sequence[Judged]) -> float:
    """The temperature among `TEMPERATURES` with the least negative log-likelihood."""
    rights = [each.right for each in judged]

    def loss(temperature: float) -> float:
        given = [tempered(each.shares, temperature)[right] for each, right in zip(judged, rights, strict=True)]
        return -float(np.log(np.array(given) + 1e-12).mean())

    return float(min(TEMPERATURES, key=loss))


def calibration_error(judged: Sequence[Judged], temperature: float) -> float:
    """Expected calibration error in [0, 1] over `BINS` bins of equal width (Naeini et al. 2015)."""
    said = [tempered(each.shares, temperature) for each in judged]
    sure = np.array([shares.max() for shares in said])
    right = np.array([shares.argmax() == each.right for shares, each in zip(said, judged, strict=True)], np.float64)
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[place == k].mean() - right[place == k].mean()) * (place == k).mean() for k in set(place.tolist())]
    return float(sum(gaps))


def judge(answerer: Answerer, recoverer: Recoverer, number: int) -> list[Judged]:
    """All replies about scene `number` of the validation, under one corruption at one level."""
    scene = sample_scene(FIRST_SCENE + number)
    level = list(LEVELS.values())[number % len(LEVELS)]
    spec = CorruptionSpec.of(list(CORRUPTIONS)[number % len(CORRUPTIONS)], level, number)
    evidence = evidence_of(scene, spec, SIZE)
    bad = evidence.corrupt(evidence.sound, spec.seed)
    good, gone = recovered(recoverer, bad), gone_things(evidence)
    asked = ask(scene, np.random.default_rng(scene.seed))
    shown = {Condition.CORRUPTED: [bad], Condition.RECOVERED: [good], Condition.BOTH: [bad, good]}
    requests = [
        AnswerRequest(images, condition, each.question) for condition, images in shown.items() for each in asked
    ]
    rights = [
        len(each.question.options) if gone & set(each.things) else LETTERS.index(each.question.expected or "A")
        for each in asked
    ] * len(shown)
    replies = answerer.answer(requests)
    return [Judged(shares_of(reply), right) for reply, right in zip(replies, rights, strict=True)]


def judged_halves(folder: Path, recoverer: Recoverer, scenes: int) -> tuple[list[Judged], list[Judged]]:
    """All replies of the answerer in `folder` at temperature 1; each half has every corruption in turn."""
    from tqdm import tqdm

    from ru1_app.models.vlm import load

    halves: tuple[list[Judged], list[Judged]] = ([], [])
    with TemporaryDirectory() as place:
        copy = shutil.copytree(folder, Path(place) / "answerer")
        _change_scope(copy, {"temperature": 1.0})
        answerer = load(copy, threads=1)
        for number in tqdm(range(scenes), unit="scene", mininterval=5):
            halves[number // len(CORRUPTIONS) % 2].extend(judge(answerer, recoverer, number))
    return halves


def _change_scope(folder: Path, values: Mapping[str, Any]) -> None:
    path = folder / "scope.json"
    scope = {**json.loads(path.read_text("utf-8")), **values}
    write_whole(path, (json.dumps(scope, indent=1) + "\n").encode())


def calibrate(folder: Path, recoverer: Recoverer, scenes: int) -> dict[str, Any]:
    """Fit the temperature of the answerer in `folder`, and write it there.

    Raises:
        InvalidInput: the scenes are too few for two halves.
    """
    if scenes <= len(CORRUPTIONS):
        raise InvalidInput(f"{scenes} scenes leave none to measure on. Give more than {len(CORRUPTIONS)}.")
    halves = judged_halves(folder, recoverer, scenes)
    temperature = round(fitted(halves[0]), 3)
    error = {
        "before": round(calibration_error(halves[1], 1.0), 4),
        "after": round(calibration_error(halves[1], temperature), 4),
        "replies": len(halves[1]),
    }
    _change_scope(folder, {"temperature": temperature, "calibration_error": error})
    return {"temperature": temperature, **error}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the answerer; its scope.json is written")
    parser.add_argument("--recoverer", type=Path, required=True, help="folder of the embedded recoverer")
    parser.add_argument("--scenes", type=int, default=4 * len(CORRUPTIONS))
    options = parser.parse_args()

    from ru1_app.models.embedded.adapter import load

    print(json.dumps(calibrate(options.model, load(options.recoverer), options.scenes)))


if __name__ == "__main__":
    main()
