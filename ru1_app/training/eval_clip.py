"""Measures a CLIP on photos and scenes it never saw: order of similarities, retrieval, zero-shot labels, time.

    python -m ru1_app.training.eval_clip --model DIR --photos DIR [--manifest FILE] [--json FILE]

A quadruple is an image, a light and a strong corruption of it (severities `LIGHT` and `STRONG`, same seed) and another
image of its kind; it is in order if similarity to the image falls strictly from the image itself to the other image.
All corruptions that leave things in place take turns. Shares come with Wilson's 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ru1_app.agreement.intervals import wilson
from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8
from ru1_app.intake import read_file
from ru1_app.scenes import HELD_OUT_SEED, caption, render, sample_scene
from ru1_app.scoring.clip import ClipScorer, load_embedded
from ru1_app.training.clip_data import TEMPLATES, Photo, load_labelled
from ru1_app.training.config import STILL
from ru1_app.training.data import SUFFIXES

LIGHT, STRONG = 0.2, 1.0
SCENE_SIDE = 256
_CHUNK = 32
Vectors = NDArray[np.float32]


class ClipPair:
    """Both encoders of a CLIP folder."""

    def __init__(self, folder: Path) -> None:
        import open_clip

        self.scorer: ClipScorer = load_embedded(folder)
        model = open_clip.create_model_from_pretrained(f"local-dir:{folder}", precision="fp32", return_transform=False)
        self._model = model.eval()
        self._tokenize = open_clip.SimpleTokenizer(context_length=self._model.context_length)

    def images(self, images: Sequence[Image8]) -> Vectors:
        """Unit vectors [N, D]."""
        parts = [self.scorer.embed(images[k : k + _CHUNK]) for k in range(0, len(images), _CHUNK)]
        return np.concatenate(parts)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [N, D]."""
        with torch.inference_mode():
            return np.asarray(self._model.encode_text(self._tokenize(list(texts)), normalize=True).numpy())


def share(right: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its 95 % interval."""
    return {
        "share": round(float(right.mean()), 4),
        "interval": [round(bound, 4) for bound in wilson(int(right.sum()), len(right))],
    }


def ordering(clip: ClipPair, images: Sequence[Image8], count: int) -> dict[str, Any]:
    """The order of `count` quadruples: whole, by pair, and by corruption; quadruple k is made from image k mod N.

    Raises:
        InvalidInput: there are fewer than two images, so that there is no other.
    """
    if len(images) < 2:
        raise InvalidInput("An order needs two images or more: add images to the folder.")
    clean = clip.images(images)
    own = np.arange(count) % len(images)
    names = [STILL[k % len(STILL)] for k in range(count)]
    light, strong = (
        (clean[own] * _damaged(clip, images, [CorruptionSpec.of(name, level, k) for k, name in enumerate(names)])).sum(
            1
        )
        for level in (LIGHT, STRONG)
    )
    turn = 1 + (np.arange(count) // len(images)) % (len(images) - 1)
    other = (clean[own] * clean[(own + turn) % len(images)]).sum(1)
    same = (clean[own] * clean[own]).sum(1)
    steps = {"identical_above_light": same > light, "light_above_strong": light > strong}
    steps["strong_above_other"] = strong > other
    ordered = np.logical_and.reduce(list(steps.values()))
    cosines = {"light": light, "strong": strong, "other": other}
    wrong = {name: [k for k in range(count) if names[k] == name and not ordered[k]] for name in STILL}
    return {
        "quadruples": count,
        "images": len(images),
        "severities": [LIGHT, STRONG],
        "in_order": share(ordered),
        **{name: share(values) for name, values in steps.items()},
        "mean_cosine": {name: round(float(values.mean()), 4) for name, values in cosines.items()},
        "out_of_order_by_corruption": {name: f"{len(ks)}/{names.count(name)}" for name, ks in wrong.items() if ks},
    }


def _damaged(clip: ClipPair, images: Sequence[Image8], specs: Sequence[CorruptionSpec]) -> Vectors:
    rows = []
    for first in range(0, len(specs), _CHUNK):
        numbered = list(enumerate(specs))[first : first + _CHUNK]
        rows.append(clip.images([corrupt(images[k % len(images)], spec) for k, spec in numbered]))
    return np.concatenate(rows)


def recall(similarity: NDArray[np.floating[Any]], at: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Share of rows whose own column (the diagonal) is among the best `at`; an equal column counts as better.

    `similarity` [N, N].
    """
    own = np.diag(similarity)[:, None]
    better = (similarity >= own).sum(1) - 1
    return {f"R@{k}": round(float((better < k).mean()), 4) for k in at}


def retrieval(clip: ClipPair, count: int) -> dict[str, Any]:
    """Held-out scenes to their captions and back, all captions different."""
    scenes: dict[str, Any] = {}
    seed = HELD_OUT_SEED
    while len(scenes) < count:
        scene = sample_scene(seed)
        scenes.setdefault(caption(scene), scene)
        seed += 1
    similarity = clip.images([render(scene, SCENE_SIDE) for scene in scenes.values()]) @ clip.texts(list(scenes)).T
    return {"scenes": count, "image_to_caption": recall(similarity), "caption_to_image": recall(similarity.T)}


def zero_shot(clip: ClipPair, photos: Sequence[Photo]) -> dict[str, Any]:
    """Labels of labelled photos among all their labels: is one of a photo's own first, or among the first five?

    `top1_of_commonest` is the share for naming the commonest label always.
    """
    labelled = [photo for photo in photos if photo.labels]
    classes = sorted({label for photo in labelled for label in photo.labels})
    texts = clip.texts([template.format(name) for name in classes for template in TEMPLATES])
    vectors = texts.reshape(len(classes), len(TEMPLATES), -1).mean(1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    images = clip.images([read_file(photo.path, Settings()).image for photo in labelled])
    ranked = [[classes[k] for k in row] for row in np.argsort(-(images @ vectors.T), axis=1)[:, :5]]
    hits = [[name in photo.labels for name in row] for row, photo in zip(ranked, labelled, strict=True)]
    common = max(sum(name in photo.labels for photo in labelled) for name in classes)
    return {
        "photos": len(labelled),
        "classes": len(classes),
        "top1": share(np.array([row[0] for row in hits])),
        "top5": share(np.array([any(row) for row in hits])),
        "top1_of_commonest": round(common / len(labelled), 4),
    }


def milliseconds(clip: ClipPair, side: int = 384, repeats: int = 10) -> float:
    """Median time of one similarity (two embeddings) of images of `side` pixels on this process's threads."""
    pair = [render(sample_scene(HELD_OUT_SEED + k), side) for k in range(2)]
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        clip.scorer.embed(pair)
        times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times[1:])), 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder of validation photos")
    parser.add_argument("--manifest", type=Path, help="JSON list with file, split and label, for zero-shot labels")
    parser.add_argument("--quadruples", type=int, default=576, help="of photos, and as many of scenes")
    parser.add_argument("--scenes", type=int, default=500, help="scenes in the retrieval")
    parser.add_argument("--json", type=Path, help="write the result here too")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clip = ClipPair(arguments.model)
    paths = sorted(p for p in arguments.photos.rglob("*") if p.suffix.lower() in SUFFIXES)
    photos = [read_file(path, Settings()).image for path in paths]
    scenes = [render(sample_scene(HELD_OUT_SEED + k), SCENE_SIDE) for k in range(len(photos))]
    result = {
        "model": clip.scorer.spec.model,
        "photos": ordering(clip, photos, arguments.quadruples),
        "scenes": ordering(clip, scenes, arguments.quadruples),
        "retrieval": retrieval(clip, arguments.scenes),
        "milliseconds": milliseconds(clip),
    }
    if arguments.manifest:
        result["zero_shot"] = zero_shot(clip, load_labelled(arguments.photos, arguments.manifest, "val"))
    text = json.dumps(result, indent=2) + "\n"
    if arguments.json:
        arguments.json.write_text(text, "utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
