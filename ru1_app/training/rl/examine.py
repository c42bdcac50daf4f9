"""What stage II gave: two recoverers on held-out images, corrupted and cut as stage II draws its inputs.

    python -m ru1_app.training.rl.examine BEFORE AFTER --photos DIR --clip DIR [--crops 48] [--scenes 30] [--json]

Both recover the same crops. Printed is the mean of AFTER minus BEFORE of every reward, of their weighted sum and of
PSNR, which is no reward, with intervals of 95 %: a percentile bootstrap that draws whole images. Whole images under one
corruption at a time are `ru1 eval embedded`'s.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ru1_app.evaluation.bootstrap import Estimate, estimates
from ru1_app.evaluation.show import interval
from ru1_app.images import Image8
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.rewards import Folders, WeightedReward, reward_of
from ru1_app.scenes import render, sample_scene
from ru1_app.scenes.scene import HELD_OUT_SEED
from ru1_app.training.config import STILL, load_config
from ru1_app.training.data import CorruptedCrops, Mix, load_photos
from ru1_app.training.rl.trainer import RlConfig

FIRST_SCENE = HELD_OUT_SEED + 400_000
FIRST_SEED = 9_000_000
SCENE_SIDE = 320
PER_IMAGE = 2  # crops under one corruption

Found = dict[str, dict[str, Estimate]]


def examine(
    nets: tuple[nn.Module, nn.Module], images: Mapping[str, Sequence[Image8]], config: RlConfig, reward: WeightedReward,
    crops: int,
) -> Found:  # fmt: skip
    """Differences of `crops` crops of each image, an even number: by kind of image, and of all."""
    mix = Mix(config.clean_share, config.second_share, 0.0, config.aligned_share, dict.fromkeys(STILL, 1.0))
    kinds = [(kind, image) for kind, own in images.items() for image in own]
    rows = []
    for number, (_, image) in enumerate(tqdm(kinds, unit="image", mininterval=5)):
        seed = FIRST_SEED + number
        data = CorruptedCrops([image], [], mix, batch=crops, per_image=PER_IMAGE, crop=config.crop, seed=seed)
        rows.append(_difference(nets, next(iter(data)), reward))
    columns = {name: np.concatenate([row[name].double().numpy() for row in rows]) for name in rows[0]}
    clusters = np.repeat(np.arange(len(kinds)).astype(np.str_), crops)
    named = np.repeat([kind for kind, _ in kinds], crops)
    parts = {kind: named == kind for kind in images} | {"all": np.ones(len(named), bool)}
    return {
        kind: estimates({name: values[own] for name, values in columns.items()}, clusters[own])
        for kind, own in parts.items()
    }


@torch.no_grad()
def _difference(
    nets: tuple[nn.Module, nn.Module], batch: tuple[Tensor, Tensor, Tensor], reward: WeightedReward
) -> dict[str, Tensor]:
    """The second net's rewards [N] and PSNR minus the first one's."""
    corrupted, clean, thumbs = batch
    found = []
    for net in nets:
        recovered = net(corrupted, corrupted, torch.ones(len(corrupted)), thumbs).clean.clamp(0, 1)
        error = (recovered - clean).square().flatten(1).mean(1).clamp(min=1e-6)
        found.append({**reward(recovered, clean, corrupted), "psnr": -10 * error.log10()})
    before, after = found
    return {name: after[name] - before[name] for name in before}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of held-out photos")
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=48, help="of each image")
    parser.add_argument("--scenes", type=int, default=30)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("rl.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = load_config(RlConfig, options.config, options.overrides)
    one, two = (
        SourceFlowPipeline.from_pretrained(path, dtype=torch.float32, local_files_only=True).net.eval()
        for path in (options.before, options.after)
    )
    scenes = [render(sample_scene(FIRST_SCENE + k), max(SCENE_SIDE, config.crop)) for k in range(options.scenes)]
    images = {"photos": load_photos(options.photos, config.crop), "scenes": scenes}
    found = examine((one, two), images, config, reward_of(config.rewards, Folders(options.clip)), options.crops)
    if options.json:
        print(json.dumps({kind: {k: v.as_dict() for k, v in own.items()} for kind, own in found.items()}))
        return
    for kind, own in found.items():
        for name, value in own.items():
            print(f"{kind:6} {name:6} {interval(value.as_dict(), 5, sign=True)}, {value.n} crops")


if __name__ == "__main__":
    main()
