"""All stages, tiny: `python -m ru1_app.training.smoke --out DIR`. No photo is needed, drawn scenes stand in for them.

It proves that the recipes run and learn on this machine, in a minute or two; what comes out is good for nothing else.
It ends with exit code 1 when a stage did not learn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ru1_app.config import Settings
from ru1_app.images import write_png
from ru1_app.training.config import load_config

SCENES, SIDE = 12, 160
SFT = (
    "widths=[16,24,32,32]", "encoder_blocks=[1,1,1,1]", "decoder_blocks=[1,1,1]", "steps=200", "batch=8", "crop=48",
    "crop_late=64", "late=0.8", "crops_per_image=4", "warmup=10", "lr=3e-3", "ema=0.95", "scene_share=0.0",
    "clean_share=0.0", "checkpoint_every=100", "log_every=10", "emphasis=1e6",
    "emphasised=['gaussian_noise', 'low_light', 'contrast_loss']",
)  # fmt: skip
RL = (
    "iterations=50", "inputs=8", "group=16", "crop=48", "cell=8", "temperature=0.15", "lr=3e-4", "warmup=1",
    "beta=0.01", "clip=0.1", "ema=0.9", "scene_share=0.0", "checkpoint_every=50", "log_every=10", "clean_share=0.0",
)  # fmt: skip
READ = (
    "vision_width=24", "vision_depths=[1,1,1]", "text_width=64", "text_depth=2", "text_heads=2", "batch=8", "warmup=5",
    "lr=3e-3", "dense_steps=40", "frozen_until=0", "steps=70", "ema=0.9", "checkpoint_every=70",
)  # fmt: skip
REASON = (*READ[:6], "lr=2e-3", "steps=50", "ema=0.9", "checkpoint_every=50", "warmup=5")
POOL = 16  # scenes
EXAMINED = 24  # crops that the reward is measured on, before and after
STANDARD_ERRORS = 2  # by which their mean reward has to rise


@dataclass(frozen=True, slots=True)
class Learned:
    """One thing that a stage should have moved: `before` and `after`, which way is better, and what would be chance."""

    stage: str
    name: str
    before: float
    after: float
    higher_is_better: bool
    chance: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it moved the right way, by more than chance."""
        moved = self.after - self.before
        return (moved if self.higher_is_better else -moved) > self.chance

    def __str__(self) -> str:
        told = "learned" if self.passed else "DID NOT LEARN"
        return f"{self.stage:9} {self.name:22} {self.before:8.4f} -> {self.after:8.4f}  {told}"


def smoke(out: Path) -> Iterator[Learned]:
    """Run the stages one after the other in `out`, yielding what each of them moved."""
    from ru1_app.scenes import render, sample_scene

    for k in range(SCENES):
        write_png(out / f"photos/{k}.png", render(sample_scene(k), SIDE))
    yield from _stage_one(out)
    yield from _stage_two(out)
    yield from _stage_three(out)


def _stage_one(out: Path) -> Iterator[Learned]:
    from ru1_app.training import sft
    from ru1_app.training.run_log import read_log

    config = load_config(sft.SftConfig, Path(sft.__file__).with_suffix(".toml"), SFT)
    sft.train(config, out / "photos", out / "sft")
    log = read_log(out / "sft/log.csv")
    for name, higher in (("l1", False), ("ssim", True), ("gain", True)):
        yield Learned("stage I", name, float(np.mean(log[name][:3])), float(np.mean(log[name][-3:])), higher)


def _stage_two(out: Path) -> Iterator[Learned]:
    from ru1_app.models.embedded.pipeline import SourceFlowPipeline
    from ru1_app.rewards import Folders, reward_of
    from ru1_app.training.rl import trainer as rl
    from ru1_app.training.rl.source import inputs_of
    from ru1_app.training.weights import save_pipeline

    config = load_config(rl.RlConfig, Path(rl.__file__).with_name("rl.toml"), RL)
    net = SourceFlowPipeline.from_pretrained(out / "sft/model", dtype=torch.float32, local_files_only=True).net
    reward = reward_of(config.rewards, Folders(Settings().models_dir / "clip"))
    trainer = rl.Trainer(net, rl.policy_of(config, 0.05), reward, config)
    examined = next(inputs_of(config, out / "photos", 1_000_000, "cpu", count=EXAMINED))

    def judged() -> torch.Tensor:
        with torch.no_grad():
            y = examined.corrupted
            clean = net(y, y, torch.ones(len(y)), examined.thumbnails).clean.clamp(0, 1)
        return reward(clean, examined.clean)["total"]

    before = judged()
    for report in rl.run(trainer, inputs_of(config, out / "photos", 0, "cpu"), out / "rl"):
        assert np.isfinite(report.norm)
    after = judged()
    save_pipeline(net, 0.05, out / "rl/model")
    chance = STANDARD_ERRORS * float((after - before).std()) / EXAMINED**0.5
    yield Learned("stage II", "reward", float(before.mean()), float(after.mean()), True, chance)


def _stage_three(out: Path) -> Iterator[Learned]:
    from ru1_app.models.embedded.adapter import load
    from ru1_app.training import answerer
    from ru1_app.training.answerer_config import AnswererConfig
    from ru1_app.training.answerer_pool import make
    from ru1_app.training.run_log import read_log

    make(out / "pool", load(out / "rl/model"), POOL)
    recipe = Path(answerer.__file__)
    reading = load_config(AnswererConfig, recipe.with_suffix(".toml"), READ)
    answerer.train(reading, out / "read")
    cells = read_log(out / "read/log.csv")["cells"]
    yield Learned("stage III", "cells, reading", cells[0], cells[-1], False)
    reasoning = load_config(AnswererConfig, recipe.with_name("reason.toml"), REASON)
    answerer.train(reasoning, out / "reason", init=out / "read/model", pool=out / "pool")
    log = read_log(out / "reason/log.csv")
    for name, higher in (("loss", False), ("right", True)):
        yield Learned("stage III", f"{name}, reasoning", log[name][0], log[name][-1], higher)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results: list[Any] = []
    for learned in smoke(arguments.out):
        print(learned, flush=True)
        results.append(learned)
    sys.exit(0 if all(learned.passed for learned in results) else 1)


if __name__ == "__main__":
    main()
