"""Training batches of the answerer: drawn scenes, or the pool's corrupted and recovered ones, and what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from ru1_app.domain import Question
from ru1_app.images import Image8
from ru1_app.models.prompts import prompt
from ru1_app.models.trace import CANNOT_TELL, Level, written
from ru1_app.scenes.evidence import THINGS
from ru1_app.scenes.questions import DESCRIBE, Asked, ask, ask_position, ask_ranks, caption, open_question
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
from ru1_app.training.answerer_build import GRID
from ru1_app.training.answerer_pool import Pool
from ru1_app.training.damage import shrink

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
    """`pixels` [scenes, views, 3, SIDE, SIDE]; `tokens`, `labels`, `weights`, `segments` [scenes, length].

    A scene's questions stand one after the other in one sequence; `segments` numbers them from 1 and is 0
    for padding, so that each question sees the images and itself only. Labels are -100 where nothing is
    asked; answers weigh 1, what stands around them less.
    """

    pixels: torch.Tensor
    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    segments: torch.Tensor
    cells: torch.Tensor  # [scenes, views, GRID * GRID], what stands in each cell; -100 where that is gone
    heads: torch.Tensor  # [scenes, views, GRID * GRID], people in each cell, likewise
    sound: torch.Tensor  # [scenes, views], true for views that are not damaged: they get the cell losses whole
    teaches: torch.Tensor  # [scenes, views], true for views that the vision tower learns from


@dataclass(frozen=True, slots=True)
class Shares:
    """Of batches with both images; of recovered and of corrupted images among single ones; of scenes described.

    What is left of the single images is clean.
    """

    pair: float
    recovered: float
    corrupted: float
    caption: float


class View(NamedTuple):
    """One image of a prompt, `SIDE` pixels a side, and how each of `THINGS` is to be seen in it."""

    image: Image8
    levels: tuple[Level, ...]
    sound: bool
    teaches: bool


LOST_SHARE = 0.3  # of the pool's scenes are drawn from those in which a thing is gone
CAPTION = "caption"
MORE_POSITIONS = 2  # of the question that is hardest to learn
CLEAR = (Level.CLEAR,) * len(THINGS)


def cell_words() -> list[str]:
    """One word for each cell class, "" for the background: what an image token of it should stand for."""
    spoken = {"person": "people", "traffic cone": "cone", "arrow:up": "straight"}
    return [spoken.get(name, name.split(":")[-1].lower()) for name in _CLASSES]


def cell_labels(scene: Scene, levels: tuple[Level, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The class of the frontmost object that covers a good part of each cell, and people per cell; both [cells].

    `levels` says how each of `THINGS` is to be seen. -100 stands where a thing is gone: a tower that had to name it
    would learn to guess.
    """
    cells = np.zeros((GRID, GRID), np.int64)
    heads = np.zeros((GRID, GRID), np.int64)
    lost = np.zeros((GRID, GRID), bool)
    edges = np.arange(GRID) / GRID
    for place in sorted(layout(scene), key=lambda item: max(item.box[3], 0.57)):
        x0, y0, x1, y1 = place.box
        wide = np.clip(np.minimum(edges + 1 / GRID, x1) - np.maximum(edges, x0), 0, None) * GRID
        high = np.clip(np.minimum(edges + 1 / GRID, y1) - np.maximum(edges, y0), 0, None) * GRID
        name = f"{place.name}:{place.value}" if place.value else place.name
        covered = np.outer(high, wide) > 0.3
        cells[covered] = _CLASS_OF[name]
        lost[covered] = levels[THINGS.index("people" if place.name == "person" else place.name)] is Level.GONE
        if place.name == "person":
            row, column = int((y0 + 0.35 * (y1 - y0)) * GRID), int((x0 + x1) / 2 * GRID)
            heads[row, column] = min(MAX_HEADS - 1, heads[row, column] + 1)
    return np.where(lost, -100, cells).ravel(), np.where(lost, -100, heads).ravel()


class Asker:
    """Turns a scene's questions into one packed sequence."""

    def __init__(self, tokenizer: Any, weights: Mapping[str, float]) -> None:
        """`weights` of what is said around the answers: "level", "caption" and "end"."""
        self._tokenizer, self._weights = tokenizer, weights
        self._end = tokenizer.eos_token_id

    def pack(self, scene: Scene, views: list[View], rng: np.random.Generator, describe: bool) -> tuple[list[Any], ...]:
        """Token ids, labels, weights and segment numbers of all questions of `scene`."""
        columns: tuple[list[Any], ...] = ([], [], [], [])
        more = [*(ask_position(scene, rng) for _ in range(MORE_POSITIONS)), *ask_ranks(scene)]
        asked = [*ask(scene, rng), *more]
        if describe and all(level is not Level.GONE for view in views for level in view.levels):
            text = DESCRIBE[rng.integers(len(DESCRIBE))]
            asked.append(Asked(CAPTION, Question(text, (), caption(scene)), THINGS))
        for number, each in enumerate(asked, start=1):
            levels = [max(view.levels[THINGS.index(thing)] for thing in each.things) for view in views]
            for column, values in zip(columns, self._segment(each, levels), strict=True):
                column += values
            columns[3].extend([number] * (len(columns[0]) - len(columns[3])))
        return columns

    def _segment(self, asked: Asked, levels: list[Level]) -> tuple[list[Any], ...]:
        """One question with its trace and its answer; the label stands where the next token is predicted."""
        gone = Level.GONE in levels  # then what its trace says of places does not matter
        reply = CANNOT_TELL if gone else open_question(asked.question).expected or ""
        before, trace, after = (
            self._tokenizer(part, add_special_tokens=False).input_ids
            for part in (f"{prompt(Question(asked.question.text))} Answer:", written(levels, asked.places), reply)
        )
        seen, placed = len(levels), len(asked.places)
        said = [self._weights["level"]] * len(trace)
        said[seen : seen + placed] = [0.0 if gone else 1.0] * placed
        weight = self._weights["caption"] if asked.kind == CAPTION else 1.0
        weights = [0.0] * (len(before) - 1) + said + [weight] * len(after) + [self._weights["end"]]
        following = [*before[1:], *trace, *after, self._end]
        labels = [token if weight else -100 for token, weight in zip(following, weights, strict=True)]
        return [*before, *trace, *after], labels, weights, []


class Scenes(torch.utils.data.IterableDataset):
    """Endless batches from step `start`; batch k depends on the seed, the pool and k alone."""

    def __init__(self, asker: Asker, shares: Shares, pool: Pool | None, *, seed: int, start: int, batch: int) -> None:
        self._asker, self._shares, self._pool = asker, shares, pool
        self._seed, self._start, self._batch = seed, start, batch

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
        scenes, prompts = zip(*(self._views(rng, pair) for _ in range(count)), strict=True)
        described = rng.random(count) < self._shares.caption
        rows = [
            self._asker.pack(scene, views, rng, bool(told))
            for scene, views, told in zip(scenes, prompts, described, strict=True)
        ]
        length = max(len(row[0]) for row in rows)

        def padded(index: int, fill: float) -> torch.Tensor:
            return torch.tensor([row[index] + [fill] * (length - len(row[index])) for row in rows])

        labels = [
            [cell_labels(scene, view.levels) for view in views] for scene, views in zip(scenes, prompts, strict=True)
        ]
        shown = torch.from_numpy(np.array(labels))  # [scenes, views, 2, cells]
        pixels = torch.from_numpy(np.stack([[view.image for view in views] for views in prompts]))
        return Batch(
            pixels.permute(0, 1, 4, 2, 3),
            padded(0, 0),
            padded(1, -100),
            padded(2, 0.0),
            padded(3, 0),
            shown[:, :, 0],
            shown[:, :, 1],
            torch.tensor([[view.sound for view in views] for views in prompts]),
            torch.tensor([[view.teaches for view in views] for views in prompts]),
        )

    def _views(self, rng: np.random.Generator, pair: bool) -> tuple[Scene, list[View]]:
        """A scene and the images of one prompt."""
        draw = rng.random()
        damaged = self._shares.recovered + self._shares.corrupted
        if self._pool is None or not (pair or draw < damaged):
            scene = sample_scene(int(rng.integers(HELD_OUT_SEED)))
            clean = shrink(render(scene, 384 if rng.random() < 0.4 else 256))
            return scene, [View(clean, CLEAR, True, True)]
        lost = self._pool.lost if rng.random() < LOST_SHARE else []
        entry = self._pool[int(rng.choice(lost)) if lost else int(rng.integers(len(self._pool)))]
        corrupted = View(entry.corrupted, entry.levels[0], False, False)
        recovered = View(entry.recovered, entry.levels[1], False, True)
        if pair:
            return entry.scene, [corrupted, recovered]
        return entry.scene, [recovered if draw < self._shares.recovered else corrupted]
