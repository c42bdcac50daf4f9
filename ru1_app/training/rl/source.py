"""Inputs of stage II: corrupted crops of photos and rendered scenes, or the inputs that a release found hard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from ru1_app.errors import InvalidInput
from ru1_app.training.config import STILL
from ru1_app.training.data import CorruptedCrops, Mix, load_photos, load_scenes, loader
from ru1_app.training.judged import Batches, read_examples
from ru1_app.training.rl.policy import Inputs
from ru1_app.training.rl.trainer import RlConfig

SCENES = 300


def inputs_of(config: RlConfig, photos: Path, start: int, device: str, *, count: int | None = None) -> Iterator[Inputs]:
    """Endless inputs, `count` at a time (or as set), from iteration `start` on.

    Raises:
        InvalidInput: the folder holds no photo that is large enough for a crop.
    """
    shares = config.clean_share, config.second_share, config.scene_share, config.aligned_share
    mix = Mix(*shares, dict.fromkeys(STILL, 1.0))
    data = CorruptedCrops(
        load_photos(photos, config.crop),
        load_scenes(SCENES, config.crop) if config.scene_share else [],
        mix,
        batch=count or config.inputs,
        per_image=1,
        crop=config.crop,
        seed=config.seed * 1_000_003 + start + 500_000,
    )
    for corrupted, clean, thumbnails in loader(data, config.workers, device):
        corrupted = corrupted.to(device, memory_format=torch.channels_last)
        yield Inputs(corrupted, clean.to(device), thumbnails.to(device))


def inputs_of_release(config: RlConfig, release: Path, start: int, device: str) -> Iterator[Inputs]:
    """Endless inputs that people judged and whose clean image is known: the worse they were found, the more often.

    Whole images where they are no larger than the crop, which is what the reward `risk` needs.
    """
    examples = [each for each in read_examples(release) if each.clean is not None]
    if not examples:
        raise InvalidInput("No judged input of the release has a clean image, and the rewards compare with it.")
    seed = config.seed * 1_000_003 + start + 500_000
    for batch in Batches(examples, config.inputs, config.crop, seed):
        corrupted = batch.corrupted.to(device, memory_format=torch.channels_last)
        yield Inputs(corrupted, batch.clean.to(device), batch.thumbnails.to(device))
