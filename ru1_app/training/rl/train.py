"""A whole run of stage II: from a model's folder to another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import torch
from tqdm import tqdm

from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.rewards import Folders, reward_of
from ru1_app.training.rl.policy import Inputs
from ru1_app.training.rl.trainer import RlConfig, Trainer, policy_of, run
from ru1_app.training.weights import save_pipeline

Source = Callable[[int], Iterator[Inputs]]
"""Endless inputs from an iteration on."""


def train(config: RlConfig, source: Source, init: Path, folders: Folders, out: Path, device: str = "cpu") -> Path:
    """Train to the end, going on from `out/checkpoint.pt` where there is one; returns the model's folder."""
    torch.backends.cudnn.allow_tf32 = False  # SSIM is a small difference of large numbers
    pipeline = SourceFlowPipeline.from_pretrained(init, dtype=torch.float32, local_files_only=True)
    noise = float(pipeline.config.source_noise)
    net = pipeline.net.to(device, memory_format=torch.channels_last)
    trainer = Trainer(net, policy_of(config, noise), reward_of(config.rewards, folders), config)
    if (out / "checkpoint.pt").exists():
        trainer.resume(torch.load(out / "checkpoint.pt", map_location=device, weights_only=True))
    with tqdm(total=config.iterations, initial=trainer.iteration, unit="iteration") as bar:
        for report in run(trainer, source(trainer.iteration), out):
            bar.update()
            bar.set_postfix({name: f"{value:.4f}" for name, value in report.rewards.items()})
            if trainer.iteration % config.checkpoint_every == 0:
                save_pipeline(cast(RecoveryNet, trainer.average), noise, out / "model")
    save_pipeline(cast(RecoveryNet, trainer.average), noise, out / "model")
    return out / "model"
