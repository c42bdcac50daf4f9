"""Training batches of the answerer: scenes drawn, corrupted and asked about on the fly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.images import Image8
from ru1_app.models.prompts import prompt
from ru1_app.scenes.questions import open_question, questions_for
from ru1_app.scenes.render import render
from ru1_app.scenes.scene import (
    ARROWS,
    CAR_COLOURS,
    EXTRAS,
    HELD_OUT_SEED,
    LIGHTS,
    SPEEDS,
    WORDS,
    Scene,
    generator,
    layout,
    sample_scene,
)
from ru1_app.training.answerer_build import GRID, SIDE
from ru1_app.training.config import TRAINED

_VALUES = {
    "light": LIGHTS,
    "arrow": ARROWS,
    "speed": tuple(map(str, SPEEDS)),
    "word": WORDS,
    "car": CAR_COLOURS,
}
_CLASSES = [
    "",
    "person",
    *EXTRAS,
    *(f"{name}:{value}" for name, values in _VALUES.items() for value in values),
]
CELL_CLASSES = len(_CLASSES)
_CLASS_OF = {name: index for index, name in enumerate(_CLASSES)}
MAX_HEADS = 3  # people whose middle is in one cell: 0, 1, 2 or more


@dataclass(frozen=True, slots=True)
class Batch:
    """`pixels` [scenes, views, 3, SIDE, SIDE]; `tokens`, `labels`, `segments` [scenes, length].

    A scene's questions stand one after the other in one sequence; `segments` numbers them from 1 and is 0
    for padding, so that each question sees the images and itself only. Labels are -100 where nothing is
    asked.
    """

    pixels: torch.Tensor
    tokens: torch.Tensor
    labels: torch.Tensor
    segments: torch.Tensor
    cells: torch.Tensor  # [scenes, GRID * GRID], what stands in each cell
    heads: torch.Tensor  # [scenes, GRID * GRID], people in each cell
    sound: torch.Tensor  # [scenes, views], 1 for views that are hardly damaged: they get the cell losses whole


@dataclass(frozen=True, slots=True)
class Shares:
    """Of batches with two images, of undamaged single images, and of questions without options."""

    pair: float
    clean: float
    open: float


def cell_words() -> list[str]:
    """One word for each cell class, "" for the background: what an image token of it should stand for."""
    spoken = {"person": "people", "traffic cone": "cone", "arrow:up": "straight"}
    return [spoken.get(name, name.split(":")[-1].lower()) for name in _CLASSES]


def shrink(image: Image8) -> Image8:
    """What the processor does before scaling the values."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def cell_labels(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """The class of the frontmost object that covers a good part of each cell, and people per cell."""
    cells = np.zeros((GRID, GRID), np.int64)
    heads = np.zeros((GRID, GRID), np.int64)
    edges = np.arange(GRID) / GRID
    for place in sorted(layout(scene), key=lambda item: max(item.box[3], 0.57)):
        x0, y0, x1, y1 = place.box
        wide = np.clip(np.minimum(edges + 1 / GRID, x1) - np.maximum(edges, x0), 0, None) * GRID
        high = np.clip(np.minimum(edges + 1 / GRID, y1) - np.maximum(edges, y0), 0, None) * GRID
        name = f"{place.name}:{place.value}" if place.value else place.name
        cells[np.outer(high, wide) > 0.3] = _CLASS_OF[name]
        if place.name == "person":
            row, column = int((y0 + 0.35 * (y1 - y0)) * GRID), int((x0 + x1) / 2 * GRID)
            heads[row, column] = min(MAX_HEADS - 1, heads[row, column] + 1)
    return cells.ravel(), heads.ravel()


def random_spec(rng: np.random.Generator, low: float = 0.15) -> CorruptionSpec:
    """Any corruption of the recipe at a severity from `low` to 1."""
    name = TRAINED[rng.integers(len(TRAINED))]
    return CorruptionSpec.of(name, float(rng.uniform(low, 1)), int(rng.integers(2**31)))


def proxy(clean: Image8, bad: Image8, rng: np.random.Generator) -> Image8:
    """What a recoverer might return: smoothed, partly repaired, softly clean, or the damage unchanged."""
    kind = rng.integers(5)
    if kind == 0:
        return cv2.medianBlur(bad, 5)
    if kind == 1:
        return cv2.GaussianBlur(bad, (0, 0), rng.uniform(0.8, 2.0))
    if kind == 2:
        share = rng.uniform(0.3, 0.9)
        return np.clip(clean * share + bad * (1 - share), 0, 255).astype(np.uint8)
    if kind == 3:
        return cv2.GaussianBlur(clean, (0, 0), rng.uniform(0.8, 2.5))
    return bad


def views_of(
    clean: Image8, pair: bool, clean_share: float, rng: np.random.Generator
) -> tuple[list[Image8], list[bool]]:
    """The images of one prompt and which of them are hardly damaged."""
    if not pair:
        whole = rng.random() < clean_share
        return [clean if whole else corrupt(clean, random_spec(rng))], [whole]
    bad = corrupt(clean, random_spec(rng, 0.3))
    draw = rng.random()
    if draw < 0.6:
        return [bad, proxy(clean, bad, rng)], [False, False]
    if draw < 0.75:
        return [bad, clean], [False, True]
    if draw < 0.85:
        return [clean, bad], [True, False]
    twin = clean if rng.random() < 0.5 else bad
    return [twin, twin], [twin is clean] * 2


class Asker:
    """Turns a scene's questions into one packed sequence."""

    def __init__(self, tokenizer: Any, open_share: float) -> None:
        self._tokenizer, self._open = tokenizer, open_share
        self._end = tokenizer.eos_token_id

    def pack(self, scene: Scene, rng: np.random.Generator) -> tuple[list[int], ...]:
        """Token ids, labels and segment numbers of all questions of `scene`."""
        tokens: list[int] = []
        labels: list[int] = []
        segments: list[int] = []
        for number, (_, asked) in enumerate(questions_for(scene, rng), start=1):
            question = open_question(asked) if rng.random() < self._open else asked
            before = self._tokenizer(f"{prompt(question)} Answer:", add_special_tokens=False).input_ids
            reply = self._tokenizer(question.expected, add_special_tokens=False).input_ids
            # The label stands at the position that must predict the next token.
            ids = [*before, *reply]
            tokens += ids
            labels += [-100] * (len(before) - 1) + [*reply, self._end]
            segments += [number] * len(ids)
        return tokens, labels, segments


class Scenes(torch.utils.data.IterableDataset):
    """Endless batches from step `start`; batch k depends on the seed and k alone."""

    def __init__(self, tokenizer: Any, *, seed: int, start: int, batch: int, shares: Shares) -> None:
        self._asker = Asker(tokenizer, shares.open)
        self._seed, self._start, self._batch, self._shares = seed, start, batch, shares

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        step = self._start
        while True:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> Batch:
        """Batch number `step`."""
        rng = generator(self._seed, 1000 + step)  # the first streams belong to the scenes
        pair = bool(rng.random() < self._shares.pair)
        count = self._batch // 2 if pair else self._batch
        rows = [self._row(rng, pair) for _ in range(count)]
        length = max(len(row[1][0]) for row in rows)

        def padded(index: int, fill: int) -> torch.Tensor:
            return torch.tensor([row[1][index] + [fill] * (length - len(row[1][index])) for row in rows])

        pixels = torch.from_numpy(np.stack([row[0] for row in rows])).permute(0, 1, 4, 2, 3)
        return Batch(
            pixels,
            padded(0, 0),
            padded(1, -100),
            padded(2, 0),
            torch.from_numpy(np.stack([row[2][0] for row in rows])),
            torch.from_numpy(np.stack([row[2][1] for row in rows])),
            torch.tensor([row[3] for row in rows]),
        )

    def _row(self, rng: np.random.Generator, pair: bool) -> tuple[np.ndarray, Any, Any, list[bool]]:
        scene = sample_scene(int(rng.integers(HELD_OUT_SEED)))
        clean = render(scene, 384 if rng.random() < 0.4 else 256)
        views, sound = views_of(clean, pair, self._shares.clean, rng)
        return (
            np.stack([shrink(view) for view in views]),
            self._asker.pack(scene, rng),
            cell_labels(scene),
            sound,
        )
