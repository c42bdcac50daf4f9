"""Measures the answerer on held-out scenes: `python -m ru1_app.training.eval_answerer --model DIR --json`.

Scenes have seeds from `HELD_OUT_SEED` on; training draws its seeds below it. The image-blind baseline asks
the same questions about a gray picture: it must be at chance.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ru1_app.corruptions import LEVELS, CorruptionSpec, corrupt
from ru1_app.domain import Condition, Question
from ru1_app.images import Image8
from ru1_app.models.base import Answerer, AnswerRequest, Recovered, Recoverer, RecoverRequest
from ru1_app.scenes import HELD_OUT_SEED, Scene, questions_for, render, sample_scene
from ru1_app.training.config import TRAINED

Views = Callable[[Scene, Image8], Sequence[Image8]]
_CHUNK = 8  # scenes held at once


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if total == 0:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def mid_corruption(scene: Scene, image: Image8) -> Image8:
    """The scene under one of the corruptions at mid severity; which one follows from its seed."""
    name = TRAINED[scene.seed % len(TRAINED)]
    return corrupt(image, CorruptionSpec.of(name, LEVELS["mid"], scene.seed % 2**31))


def measure(
    answerer: Answerer, scenes: int, views: Views, condition: Condition, first: int = HELD_OUT_SEED
) -> dict[str, Any]:
    """Accuracy per question kind over `scenes` scenes; "all" is the mean over all questions."""
    hits: dict[str, list[bool]] = {}
    chances: dict[str, float] = {}
    for chunk in _chunks(range(first, first + scenes)):
        kinds, requests = _ask(chunk, views, condition)
        for kind, request, reply in zip(kinds, requests, answerer.answer(requests), strict=True):
            hits.setdefault(kind, []).append(reply.choice == request.question.expected)
            chances[kind] = 1 / len(request.question.options)
    table = {kind: _row(values) | {"chance": round(chances[kind], 3)} for kind, values in hits.items()}
    return table | {"all": _row([value for values in hits.values() for value in values])}


def _chunks(seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(seeds), _CHUNK):
        yield seeds[start : start + _CHUNK]


def _ask(seeds: Sequence[int], views: Views, condition: Condition) -> tuple[list[str], list[AnswerRequest]]:
    kinds, requests = [], []
    for seed in seeds:
        scene = sample_scene(seed)
        images = views(scene, render(scene))
        for kind, question in _questions(scene):
            kinds.append(kind)
            requests.append(AnswerRequest(images, condition, question))
    return kinds, requests


def _questions(scene: Scene) -> list[tuple[str, Question]]:
    return questions_for(scene, np.random.Generator(np.random.PCG64(scene.seed)))


def _row(values: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(values), len(values))
    return {
        "accuracy": round(sum(values) / len(values), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(values),
    }


def conditions(recoverer: Recoverer | None) -> dict[str, tuple[Condition, Views]]:
    """What each measured condition shows; those that need a recovery are there only with a recoverer."""
    table: dict[str, tuple[Condition, Views]] = {
        "clean": (Condition.CORRUPTED, lambda scene, image: [image]),
        "image_blind": (Condition.CORRUPTED, lambda scene, image: [np.full_like(image, 128)]),
        "corrupted": (Condition.CORRUPTED, lambda scene, image: [mid_corruption(scene, image)]),
        "both_duplicate": (Condition.BOTH, lambda scene, image: [mid_corruption(scene, image)] * 2),
        "both_with_reference": (Condition.BOTH, lambda scene, image: [mid_corruption(scene, image), image]),
    }
    if recoverer is not None:
        recovered = _Recoveries(recoverer)
        table["recovered"] = (Condition.RECOVERED, lambda scene, image: recovered(scene, image)[1:])
        table["both"] = (Condition.BOTH, recovered)
    return table


class _Recoveries:
    """Corrupted and recovered image of a scene; each scene is recovered once."""

    def __init__(self, recoverer: Recoverer) -> None:
        self._recoverer = recoverer
        self._kept: dict[int, list[Image8]] = {}

    def __call__(self, scene: Scene, image: Image8) -> list[Image8]:
        if scene.seed not in self._kept:
            bad = mid_corruption(scene, image)
            *_, last = self._recoverer.recover(RecoverRequest(bad, seed=0))
            if not isinstance(last, Recovered):
                raise TypeError("the recoverer yielded no result")
            self._kept[scene.seed] = [bad, last.images[0]]
        return self._kept[scene.seed]


def show(name: str, table: dict[str, Any]) -> str:
    """One condition as a line per kind."""
    lines = [
        f"  {kind:<11} {row['accuracy']:6.1%}  [{row['low']:.1%}, {row['high']:.1%}]  n={row['n']}"
        for kind, row in table.items()
    ]
    return "\n".join([name, *lines])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--recoverer", type=Path, help="folder of the embedded recoverer")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--only", nargs="*", help="names of conditions; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)

    from ru1_app.models.vlm import load

    answerer = load(options.model, threads=options.threads)
    recoverer = None
    if options.recoverer is not None:
        from ru1_app.models.embedded.adapter import load as load_recoverer

        recoverer = load_recoverer(options.recoverer)
    report: dict[str, Any] = {
        "model": answerer.ref.id,
        "revision": answerer.ref.revision,
        "scenes": options.scenes,
    }
    if recoverer is None:
        report["skipped"] = "recovered and both: no --recoverer was given"
    for name, (condition, views) in conditions(recoverer).items():
        if not options.only or name in options.only:
            report[name] = measure(answerer, options.scenes, views, condition)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        print("\n".join(show(name, row) if isinstance(row, dict) else f"{name}: {row}" for name, row in report.items()))


if __name__ == "__main__":
    main()
