"""Controls of the answerer on held-out scenes: `python -m ru1_app.training.eval_answerer --model DIR --json`.

What the benchmark (`ru1 eval embedded`) does not show: the image-blind baseline asks about a gray picture and must not
be above chance; a corrupted image shown twice must answer as well as once; one beside its reference is the most that a
recovery could give. Scenes have seeds from `HELD_OUT_SEED` on; training draws its seeds below it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ru1_app.agreement.intervals import wilson
from ru1_app.corruptions import LEVELS, CorruptionSpec, corrupt
from ru1_app.domain import Condition, Question
from ru1_app.images import Image8
from ru1_app.models.base import Answerer, AnswerRequest
from ru1_app.scenes import HELD_OUT_SEED, Scene, questions_for, render, sample_scene
from ru1_app.training.config import REPORTED

Views = Callable[[Scene, Image8], Sequence[Image8]]
_CHUNK = 8  # scenes held at once


def mid_corruption(scene: Scene, image: Image8) -> Image8:
    """The scene under one of the corruptions of `REPORTED` at mid severity; which one follows from its seed."""
    name = REPORTED[scene.seed % len(REPORTED)]
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


CONTROLS: dict[str, tuple[Condition, Views]] = {
    "clean": (Condition.CORRUPTED, lambda scene, image: [image]),
    "image_blind": (Condition.CORRUPTED, lambda scene, image: [np.full_like(image, 128)]),
    "both_duplicate": (Condition.BOTH, lambda scene, image: [mid_corruption(scene, image)] * 2),
    "both_with_reference": (Condition.BOTH, lambda scene, image: [mid_corruption(scene, image), image]),
}
"""What each control shows."""


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
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--only", nargs="*", help="names of conditions; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)

    from ru1_app.models.vlm import load

    answerer = load(options.model, threads=options.threads)
    report: dict[str, Any] = {"model": answerer.ref.id, "revision": answerer.ref.revision, "scenes": options.scenes}
    for name, (condition, views) in CONTROLS.items():
        if not options.only or name in options.only:
            report[name] = measure(answerer, options.scenes, views, condition)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        print("\n".join(show(name, row) if isinstance(row, dict) else f"{name}: {row}" for name, row in report.items()))


if __name__ == "__main__":
    main()
