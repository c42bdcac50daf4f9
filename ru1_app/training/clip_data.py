"""What the embedded CLIP is trained on: labelled photos and rendered scenes, each in three states of damage.

A row is one image, a light and a strong corruption of it (severities `LIGHT` and `STRONG`), and a caption. What an
image shows and what a caption says are sets of facts, so that a caption that says little fits several images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.corruptions.spec import MAX_SEED
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8
from ru1_app.scenes import caption, render, sample_scene
from ru1_app.scenes.scene import (
    ARROWS,
    CAR_COLOURS,
    EXTRAS,
    LIGHTINGS,
    LIGHTS,
    MAX_PEOPLE,
    SPEEDS,
    WORDS,
    Scene,
)
from ru1_app.training.config import STILL

LIGHT, STRONG = (0.05, 0.35), (0.6, 1.0)
"""The severities that a light and a strong corruption are drawn from."""

FIRST_SCENE = 3_000_000
"""The first training scene's seed. The recoverer's scenes have others; the answerer draws its own from all seeds below
`HELD_OUT_SEED`, so that it may, rarely, meet one of these. No held-out scene is among them."""

PHOTO_SIDE, SCENE_SIDE = 256, 176  # pixels kept in memory
TEMPLATES = ("a photo of a {}", "a picture of a {}", "{}", "a {} in a photo", "an image showing a {}")
_OPENINGS = ("A {} road scene with {}.", "A picture of a {} road scene: {}.", "{1}, in a {0} road scene.")
_BARE = ("A road scene with {}.", "A picture of {}.", "{}")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo file and the class names of what it shows, if known."""

    path: Path
    labels: tuple[str, ...]


class Batch(NamedTuple):
    """B rows, of which N have captions; T captions, the rows' own first, then foils.

    `pixels` uint8 [3, B, 3, S, S]: clean, light, strong. `named` [N]: which rows have a caption.
    `fits` bool [N, T]: caption j says nothing that named image i does not show.
    """

    pixels: Tensor
    named: Tensor
    captions: list[str]
    fits: Tensor


def load_labelled(folder: Path, manifest: Path, split: str = "train") -> list[Photo]:
    """The photos of one split of the manifest, whose `label` is a name, a count by name, or null.

    Raises:
        InvalidInput: the manifest has no photo of that split.
    """
    rows = [row for row in json.loads(manifest.read_text("utf-8")) if row["split"] == split]
    if not rows:
        raise InvalidInput(f"{manifest.name} names no photo of the {split!r} split.")
    return [Photo(folder / Path(row["file"]).name, _names(row["label"])) for row in rows]


def _names(label: str | Mapping[str, int] | None) -> tuple[str, ...]:
    if label is None:
        return ()
    return (label,) if isinstance(label, str) else tuple(label)


def phrases(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Every fact of a scene that its picture shows, and how it may be put; the light of day is not among them."""
    people = {0: ("nobody on foot", "no pedestrians"), 1: ("one pedestrian", "one person")}.get(
        scene.people, (f"{scene.people} pedestrians", f"{scene.people} people")
    )
    ahead = "straight on" if scene.arrow == "up" else scene.arrow
    facts: dict[str, tuple[str, ...]] = {
        f"light {scene.light}": (f"a {scene.light} traffic light", f"a traffic light that shows {scene.light}"),
        f"arrow {scene.arrow}": (f"an arrow sign pointing {ahead}", f"an arrow that points {ahead}"),
        f"car {scene.car}": (f"a {scene.car} car",),
        f"people {scene.people}": people,
        f"speed {scene.speed}": (f"a speed limit of {scene.speed}", f"a sign with the number {scene.speed}"),
        f"word {scene.word}": (f"a sign that says {scene.word}", f"the word {scene.word} on a sign"),
    }
    return facts | {name: (f"a {name}",) for name in scene.extras}


def facts_of(source: Photo | Scene) -> frozenset[str]:
    """What a picture shows."""
    if isinstance(source, Photo):
        return frozenset(source.labels)
    return frozenset([*phrases(source), source.lighting])


def say(source: Photo | Scene, rng: np.random.Generator) -> tuple[str, frozenset[str]]:
    """A caption in one of many wordings and the facts it states; "" for a photo without labels.

    Half of the scenes' captions are the full one of the app, the others state one to all of the facts.
    """
    if isinstance(source, Photo):
        if not source.labels:
            return "", frozenset()
        count = int(rng.integers(1, min(3, len(source.labels)) + 1))
        chosen = [str(name) for name in rng.choice(source.labels, count, replace=False)]
        return str(rng.choice(TEMPLATES)).format(" and a ".join(chosen)), frozenset(chosen)
    if rng.random() < 0.5:
        return caption(source), facts_of(source)
    known = phrases(source)
    names = [str(name) for name in rng.permutation(list(known))[: int(rng.integers(1, len(known) + 1))]]
    said = ", ".join(str(rng.choice(known[name])) for name in names)
    if rng.random() < 0.5:
        return str(rng.choice(_BARE)).format(said), frozenset(names)
    return str(rng.choice(_OPENINGS)).format(source.lighting, said), frozenset([*names, source.lighting])


def altered(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene with one thing changed: what a foil, a caption that nearly fits, is about."""
    choices: dict[str, Sequence[Any]] = {
        "light": LIGHTS,
        "arrow": ARROWS,
        "car": CAR_COLOURS,
        "people": range(MAX_PEOPLE + 1),
        "speed": SPEEDS,
        "word": WORDS,
        "lighting": LIGHTINGS,
        "extras": [tuple(name for name in EXTRAS if (name in scene.extras) != (name == turned)) for turned in EXTRAS],
    }
    name = list(choices)[int(rng.integers(len(choices)))]
    others = [value for value in choices[name] if value != getattr(scene, name)]
    return replace(scene, **{name: others[int(rng.integers(len(others)))]})


@dataclass(frozen=True, slots=True)
class Draw:
    """How batches are drawn: rows a batch, the share of scenes among them, how many scenes and foils, input side."""

    seed: int
    batch: int
    scene_share: float
    scenes: int
    foils: int
    size: int


class Views(IterableDataset[Batch]):
    """Endless batches for a model of input side `size`; every picture is decoded or rendered once and kept."""

    def __init__(self, photos: Sequence[Photo], draw: Draw, start: int = 0) -> None:
        self.photos, self.draw, self.start = photos, draw, start
        self._kept: dict[Path | int, Image8] = {}

    def __iter__(self) -> Iterator[Batch]:
        draw = self.draw
        rng = np.random.default_rng([draw.seed, self.start])
        scenes = round(draw.batch * draw.scene_share)
        while True:
            rows: list[Photo | Scene] = [self.photos[k] for k in rng.choice(len(self.photos), draw.batch - scenes)]
            rows += [sample_scene(FIRST_SCENE + int(k)) for k in rng.choice(draw.scenes, scenes, replace=False)]
            yield self._batch(rows, rng)

    def _batch(self, rows: Sequence[Photo | Scene], rng: np.random.Generator) -> Batch:
        pixels = np.stack([self._views(row, rng) for row in rows], axis=1)
        said = [say(row, rng) for row in rows]
        named = [k for k, (text, _) in enumerate(said) if text]
        scenes = [row for row in rows if isinstance(row, Scene)]
        texts = [said[k] for k in named]
        texts += [say(altered(scene, rng), rng) for scene in scenes for _ in range(self.draw.foils)]
        fits = [[stated <= facts_of(rows[k]) for _, stated in texts] for k in named]
        return Batch(
            torch.from_numpy(pixels).permute(0, 1, 4, 2, 3).contiguous(),
            torch.tensor(named, dtype=torch.long),
            [text for text, _ in texts],
            torch.tensor(fits, dtype=torch.bool).reshape(len(named), len(texts)),
        )

    def _views(self, row: Photo | Scene, rng: np.random.Generator) -> Image8:
        """[3, S, S, 3]: clean, light and strong of one crop."""
        image = self._picture(row)
        if isinstance(row, Photo):
            image = _resized(_crop(image, 0.55, rng), float(rng.uniform(self.draw.size, PHOTO_SIDE)))
            image = image[:, ::-1] if rng.random() < 0.5 else image
        elif rng.random() < 0.3:
            image = _crop(image, 0.88, rng)  # less would cut off what the caption names
        image = np.ascontiguousarray(image)
        name, seed = str(rng.choice(STILL)), int(rng.integers(MAX_SEED))
        damaged = (corrupt(image, CorruptionSpec.of(name, float(rng.uniform(*s)), seed)) for s in (LIGHT, STRONG))
        return np.stack([square(view, self.draw.size) for view in (image, *damaged)])

    def _picture(self, row: Photo | Scene) -> Image8:
        key = row.path if isinstance(row, Photo) else row.seed
        if key not in self._kept:
            self._kept[key] = _open(row.path) if isinstance(row, Photo) else render(row, SCENE_SIDE)
        return self._kept[key]


def square(image: Image8, size: int) -> Image8:
    """open_clip's geometry: the shorter side to `size` pixels, bicubic; then the centre square."""
    picture = Image.fromarray(image)
    scale = size / min(picture.size)
    width, height = (max(round(side * scale), size) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(picture.crop((left, top, left + size, top + size)))


def _open(path: Path) -> Image8:
    with Image.open(path) as image:
        return _resized(np.asarray(image.convert("RGB")), PHOTO_SIDE)


def _resized(image: Image8, shorter: float) -> Image8:
    """The shorter side to at most `shorter` pixels."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    scale = shorter / min(picture.size)
    if scale >= 1:
        return image
    return np.asarray(
        picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BOX)
    )


def _crop(image: Image8, least: float, rng: np.random.Generator) -> Image8:
    """A random window of `least` to all of each side."""
    height, width = (int(side * rng.uniform(least, 1.0)) for side in image.shape[:2])
    y, x = int(rng.integers(image.shape[0] - height + 1)), int(rng.integers(image.shape[1] - width + 1))
    return image[y : y + height, x : x + width]
