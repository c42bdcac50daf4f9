"""Preference training of the embedded recoverer on a release, in the form of Diffusion-DPO (arXiv 2311.12908, eq. 14).

With the recovery as the mean of a Gaussian, log p(x | y) is -|x - net(y)|^2 up to constants, and the loss is

    -log sigmoid(beta ((d_worse - d_better) - (d'_worse - d'_better))),    d(x) = mean of w |x - net(y)|^2,

with d' of the model that training began with. The weights w are larger where people marked what misleads, so that a
small wrong thing counts more than a large harmless one. Beside it stand the supervised loss to the clean image, where
there is one, a pull to where the model was, outside of what is marked, and one to what was chosen (DPO with a
likelihood term, arXiv 2404.19733), which holds where no image is clean.

    python -m ru1_app.training.dpo --release DIR --init assets/models/recoverer --out DIR       # resumes
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ru1_app.errors import InvalidInput
from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.training.config import load_config
from ru1_app.training.ema import follow, risen
from ru1_app.training.judged import Batch, Batches, read_examples, shuffled
from ru1_app.training.losses import ssim
from ru1_app.training.run_log import RunLog
from ru1_app.training.weights import save_pipeline

EPSILON = 1e-3
LABELS = ("kept", "none", "shuffled")


@dataclass(frozen=True)
class DpoConfig:
    """Keys of dpo.toml, explained there."""

    seed: int
    steps: int
    batch: int
    crop: int
    lr: float
    warmup: int
    ema: float
    beta: float
    marked_weight: float
    clean_weight: float
    keep_weight: float
    preference_weight: float
    chosen_weight: float
    clean_images: bool
    labels: str
    checkpoint_every: int
    log_every: int

    def __post_init__(self) -> None:
        if self.labels not in LABELS:
            raise InvalidInput(f"There is no labels = {self.labels!r}. There are: {', '.join(LABELS)}.")
        if not self.clean_images and self.labels == "none":
            raise InvalidInput("Without labels and without clean images there is nothing to learn from.")


class Trainer:
    """Owns the weights, their average, the model that it began with and the optimiser."""

    def __init__(self, net: RecoveryNet, config: DpoConfig) -> None:
        self.net, self.config = net, config
        self.reference, self.average = (deepcopy(net).requires_grad_(False) for _ in range(2))
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=config.lr, weight_decay=0.0)
        self.step = 0

    def update(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns the parts of the loss and how often the better one is nearer than it was."""
        config = self.config
        left = 1 - self.step / config.steps
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * min(1.0, (self.step + 1) / config.warmup, 2 * left)
        parts = losses(_predict(self.net, batch), _still(self.reference, batch), batch, config)
        loss = config.clean_weight * parts["clean"]
        if config.labels != "none":
            loss = loss + config.preference_weight * parts["preference"] + config.keep_weight * parts["keep"]
            loss = loss + config.chosen_weight * parts["chosen"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.optimizer.step()
        self.step += 1
        follow(self.average.state_dict(), self.net.state_dict(), risen(config.ema, self.step))
        return {name: float(value.detach()) for name, value in parts.items()}

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        parts = ("net", "average", "reference", "optimizer")
        return {**{name: getattr(self, name).state_dict() for name in parts}, "step": self.step,
                "config": asdict(self.config)}  # fmt: skip

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        for name in ("net", "average", "reference", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]


def losses(clean: Tensor, before: Tensor, batch: Batch, config: DpoConfig) -> dict[str, Tensor]:
    """The parts of the loss, from the recoveries [N, 3, h, w] of the model and of the one that it began with.

    Without labels (the control) the marks weigh nothing.
    """
    weight = 1 + (config.marked_weight if config.labels != "none" else 0.0) * batch.marked
    gap = [_distance(image, batch.worse, weight) - _distance(image, batch.better, weight) for image in (clean, before)]
    known = batch.known.float()[:, None, None, None]
    toward = _apart(clean, batch.clean) * weight * known
    supervised = toward.mean() / weight.mean() + 0.15 * (1 - ssim(clean, torch.where(known > 0, batch.clean, clean)))
    kept = (clean - before).square() * (1 - batch.marked)
    return {
        "preference": F.softplus(-config.beta * (gap[0] - gap[1])).mean(),
        "clean": supervised,
        "keep": kept.mean(),
        "nearer": (gap[0] > gap[1]).float().mean(),
        "chosen": (_apart(clean, batch.better) * weight).mean() / weight.mean(),
    }


def _apart(image: Tensor, other: Tensor) -> Tensor:
    """Charbonnier's smooth |difference|."""
    return ((image - other).square() + EPSILON**2).sqrt()


def _distance(image: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean square distance [N]."""
    return ((image - other).square() * weight).flatten(1).mean(1) / weight.flatten(1).mean(1)


def _predict(net: RecoveryNet, batch: Batch) -> Tensor:
    told = batch.corrupted.contiguous(memory_format=torch.channels_last)
    clean: Tensor = net(told, told, torch.ones(len(told), device=told.device), batch.thumbnails).clean
    return clean


@torch.no_grad()
def _still(net: RecoveryNet, batch: Batch) -> Tensor:
    return _predict(net, batch)


def train(config: DpoConfig, release: Path, init: Path, out: Path, device: str = "cpu") -> Path:
    """Train to the end, going on from `out/checkpoint.pt` where there is one; returns the model's folder."""
    torch.manual_seed(config.seed)
    pipeline = SourceFlowPipeline.from_pretrained(init, dtype=torch.float32, local_files_only=True)
    noise = float(pipeline.config.source_noise)
    trainer = Trainer(pipeline.net.to(device, memory_format=torch.channels_last), config)
    if (out / "checkpoint.pt").exists():
        trainer.resume(torch.load(out / "checkpoint.pt", map_location=device, weights_only=True))
    log = RunLog(out, config.log_every, trainer.step)
    examples = read_examples(release, with_clean=config.clean_images)
    if config.labels == "shuffled":
        examples = shuffled(examples, config.seed)
    source = iter(Batches(examples, config.batch, config.crop, config.seed * 1_000_003 + trainer.step))
    for _ in _steps(trainer, source, log, device):
        if trainer.step % config.checkpoint_every == 0 or trainer.step == config.steps:
            part = out / "checkpoint.pt.part"
            torch.save(trainer.state(), part)
            part.replace(out / "checkpoint.pt")
            save_pipeline(trainer.average, noise, out / "model")
    log.close()
    return out / "model"


def _steps(trainer: Trainer, source: Iterator[Batch], log: RunLog, device: str) -> Iterator[int]:
    with tqdm(total=trainer.config.steps, initial=trainer.step, unit="step") as bar:
        while trainer.step < trainer.config.steps:
            parts = trainer.update(Batch(*(part.to(device) for part in next(source))))
            log.add(trainer.step, parts)
            bar.update()
            yield trainer.step


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--release", type=Path, required=True, help="folder of a release with the format 'tables'")
    parser.add_argument("--init", type=Path, required=True, help="model folder to begin with")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and model")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(DpoConfig, arguments.config, arguments.overrides)
    train(config, arguments.release, arguments.init, arguments.out, arguments.device)


if __name__ == "__main__":
    main()
