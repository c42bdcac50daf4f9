"""A recoverer that misleads, for the closing-the-loop benchmark only: a known fault is planted in a copy of a model.

The embedded recoverer smooths where it does not know and hardly ever says what is false, so there is next to nothing to
reduce. Here a copy is trained for a few minutes on drawn scenes to show the traffic light as green and the car as red
wherever the damage is heavy, as a generative model falls for what it has seen most often. The copy is never shipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.models.embedded.net import STRIDE, thumbnail
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.scenes import render, sample_scene
from ru1_app.scenes.scene import Scene
from ru1_app.training.weights import save_pipeline

HEAVY = 0.5  # severity from which the planted recoverer shows what it was taught
CHANGED = 30.0  # weight of the pixels of the light and the car, beside 1 of the others
Rows = tuple[Tensor, Tensor, Tensor, Tensor]


def taught(scene: Scene) -> Scene:
    """What the planted recoverer shows of a scene."""
    return replace(scene, light="green", car="red")


def plant(
    init: Path, out: Path, corruptions: Sequence[str], *, steps: int = 600, batch: int = 6, size: int = 192,
    lr: float = 1e-3, seed: int = 0,
) -> Path:  # fmt: skip
    """Train the copy and write it to `out`; `corruptions` are names. Returns `out`."""
    torch.manual_seed(seed)
    pipeline = SourceFlowPipeline.from_pretrained(init, dtype=torch.float32, local_files_only=True)
    net = pipeline.net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.0)
    source = _batches(corruptions, batch, size, np.random.default_rng(seed))
    for step in tqdm(range(steps), unit="step"):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / 20, 2 * (1 - step / steps))
        corrupted, shown, weight, thumbs = next(source)
        told = corrupted.contiguous(memory_format=torch.channels_last)
        wrong = (net(told, told, torch.ones(batch), thumbs).clean - shown).square() + 1e-6
        loss = (wrong.sqrt() * weight).mean() / weight.mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
    save_pipeline(net, float(pipeline.config.source_noise), out)
    return out


def _batches(corruptions: Sequence[str], batch: int, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Whole scenes: corrupted, as the copy should show them, what pixels weigh, thumbnails."""
    side = size // STRIDE * STRIDE
    while True:
        rows = [_row(str(rng.choice(corruptions)), side, rng) for _ in range(batch)]
        corrupted, shown, weight, thumbs = (torch.stack(column) for column in zip(*rows, strict=True))
        yield corrupted, shown, weight, thumbs


def _row(name: str, side: int, rng: np.random.Generator) -> Rows:
    scene = sample_scene(int(rng.integers(10_000_000, 20_000_000)))
    severity = float(rng.uniform(0.1, 1.0))
    clean, lie = render(scene, side), render(taught(scene), side)
    damaged = corrupt(clean, CorruptionSpec.of(name, severity, int(rng.integers(2**31))))
    shown = lie if severity >= HEAVY else clean
    corrupted, target = (torch.tensor(image).permute(2, 0, 1).float() / 255 for image in (damaged, shown))
    differs = torch.tensor((clean != lie).any(2))[None].float()
    return corrupted, target, 1 + CHANGED * differs, thumbnail(corrupted[None])[0]
