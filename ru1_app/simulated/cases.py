"""Recoveries of drawn scenes as cases, ready to be stored; the same scene, corruption and recovery, the same ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zlib import crc32

from ru1_app import __version__
from ru1_app.asking import ask as answers_to
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import AnswerRecord, Case, ModelRef, PairKind, Recovery, Sample, ScoreRecord
from ru1_app.images import Image8, digest, png_bytes
from ru1_app.models.base import Answerer
from ru1_app.scenes import render, sample_scene
from ru1_app.scenes.questions import Asked, ask
from ru1_app.scenes.scene import Scene, generator
from ru1_app.scoring.base import Pair
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.ssim import SSIM

LICENSE = "Apache-2.0"  # of drawn scenes, as in the gallery of examples
STREAM = 75  # of the scene's generators: which question is asked

Recover = Callable[[Image8, int], Sequence[Image8]]
"""From a corrupted image [S, S, 3] and the seed of the first draw to the draws."""


@dataclass(frozen=True, eq=False)
class Input:
    """One corrupted scene: what a recoverer is given."""

    scene: Scene
    spec: CorruptionSpec
    asked: Asked
    sample: Sample
    clean: Image8
    corrupted: Image8


class Made(NamedTuple):
    """One recovery as a case; `images` are all that the case names."""

    case: Case
    image: Image8
    images: dict[str, bytes]


def input_of(scene_seed: int, corruption: str, size: int, seed: int) -> Input:
    """A scene under a corruption; a spec without a seed gets one from the scene and `seed`."""
    scene = sample_scene(scene_seed)
    own = crc32(f"{seed}/{scene_seed}/{corruption}".encode())
    spec = CorruptionSpec.parse(corruption) if "#" in corruption else CorruptionSpec.parse(corruption, seed=own)
    rng = generator(scene.seed, STREAM)
    questions = ask(scene, rng)
    asked = questions[(int(rng.integers(len(questions))) + own) % len(questions)]
    clean = render(scene, size)
    damaged = corrupt(clean, spec)
    shas = [digest(png_bytes(image)) for image in (damaged, clean)]
    sample = Sample(
        id=digest(f"simulated/{shas[0]}/{shas[1]}/{asked.question}".encode())[:32],
        corrupted_sha=shas[0],
        reference_sha=shas[1],
        split_group=shas[1],
        corruption=str(spec),
        severity=spec.severity,
        seed=spec.seed,
        source=f"scene:{scene.seed}",
        license=LICENSE,
        question=asked.question,
    )
    return Input(scene, spec, asked, sample, clean, damaged)


def case_of(given: Input, model: str, image: Image8, seed: int, now: datetime, answerer: Answerer | None) -> Made:
    """A recovery of an input as a case, with SSIM and PSNR, and answers where there is an answerer."""
    pngs = [png_bytes(each) for each in (given.corrupted, given.clean, image)]
    sha = digest(pngs[2])
    recovery = Recovery(
        id=digest(f"{given.sample.id}/{model}/{seed}/{sha}".encode())[:32],
        sample_id=given.sample.id,
        image_sha=sha,
        uncertainty_sha=None,
        model=ModelRef(model, "unknown", "given to ru1_app.simulated"),
        seed=seed,
        settings={},
        seconds=0.0,
        app_version=__version__,
        created_at=now,
    )
    answers: tuple[AnswerRecord, ...] = ()
    if answerer is not None:
        answers = answers_to(answerer, given.asked.question, given.corrupted, image)
    case = Case(given.sample, recovery, answers, tuple(_scores(given, image)))
    return Made(case, image, {digest(png): png for png in pngs})


def _scores(given: Input, image: Image8) -> list[ScoreRecord]:
    pairs = {PairKind.CORRUPTED_REFERENCE: given.corrupted, PairKind.RECOVERED_REFERENCE: image}
    compared = [Pair(judged, given.clean) for judged in pairs.values()]
    return [
        ScoreRecord(kind, score)
        for scorer in (SSIM, PsnrScorer())
        for kind, score in zip(pairs, scorer.score(compared), strict=True)
    ]
