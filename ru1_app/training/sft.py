"""Stage I: supervised recovery of the embedded recoverer.

    python -m ru1_app.training.sft --photos DIR --out runs/sft          # resumes where it stopped
    python -m ru1_app.training.sft --photos DIR --out runs/sft --set steps=2000

The out folder holds `checkpoint.pt` (to resume), `log.csv`, and `model/`, a diffusers folder of the
averaged weights that the app loads as it is.
"""

from __future__ import annotations

import argparse
import csv
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from ru1_app.errors import InvalidInput
from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.training.config import STILL, load_config
from ru1_app.training.data import CorruptedCrops, Mix, load_photos, load_scenes
from ru1_app.training.losses import charbonnier, scale_nll, ssim


@dataclass(frozen=True)
class SftConfig:
    """Keys of sft.toml, explained there."""

    seed: int
    steps: int
    batch: int
    crops_per_image: int
    crop: int
    crop_late: int
    late: float
    lr: float
    warmup: int
    decay: float
    weight_decay: float
    ema: float
    clean_share: float
    second_share: float
    scene_share: float
    emphasis: float
    emphasised: list[str]
    path_share: float
    source_noise: float
    ssim_weight: float
    scale_weight: float
    checkpoint_every: int
    log_every: int
    widths: list[int]
    encoder_blocks: list[int]
    decoder_blocks: list[int]
    local_colour: bool

    @property
    def weights(self) -> dict[str, float]:
        """How often each corruption is drawn."""
        return {name: self.emphasis if name in self.emphasised else 1.0 for name in STILL}

    def rate(self, step: int) -> float:
        """Learning rate: linear warm-up, constant, linear to zero over the last `decay` of the steps."""
        rising = min(1.0, (step + 1) / self.warmup)
        falling = min(1.0, (self.steps - step) / (self.decay * self.steps))
        return self.lr * min(rising, falling)


class Trainer:
    """Owns the network, its average, the optimiser and the step; nothing else knows of checkpoints."""

    def __init__(self, config: SftConfig, out: Path, device: str, init: Path | None = None) -> None:
        torch.manual_seed(config.seed)
        self.config, self.out, self.device = config, out, device
        sizes = tuple(config.widths), tuple(config.encoder_blocks), tuple(config.decoder_blocks)
        net = RecoveryNet(*sizes, local_colour=config.local_colour)
        if init is not None:
            start_from(net, init)
        self.net = net.to(device, memory_format=torch.channels_last)
        self.average = deepcopy(self.net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        self.step, self.seconds = 0, 0.0
        if (out / "checkpoint.pt").exists():
            self._resume()

    def update(self, corrupted: Tensor, clean: Tensor, thumbs: Tensor) -> dict[str, float]:
        """One optimiser step; returns the parts of the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.step)
        parts = self._losses(corrupted, clean, thumbs)
        loss = parts["l1"] + self.config.ssim_weight * (1 - parts["ssim"]) + self.config.scale_weight * parts["nll"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.optimizer.step()
        self.step += 1
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        return {name: float(value.detach()) for name, value in parts.items()}

    def _losses(self, corrupted: Tensor, clean: Tensor, thumbs: Tensor) -> dict[str, Tensor]:
        corrupted = corrupted.to(self.device, memory_format=torch.channels_last)
        clean, thumbs = clean.to(self.device), thumbs.to(self.device)
        count = len(clean)
        on_path = torch.rand(count, device=self.device) < self.config.path_share
        at = torch.where(on_path, torch.rand(count, device=self.device), torch.ones(()))
        source = corrupted + self.config.source_noise * torch.randn_like(corrupted)
        x_t = torch.lerp(clean, source, at[:, None, None, None])
        prediction = self.net(x_t, corrupted, at, thumbs)
        return {
            "l1": charbonnier(prediction.clean, clean),
            "ssim": ssim(prediction.clean, clean),
            "nll": scale_nll(prediction.log_scale, prediction.clean - clean),
            "gain": (corrupted - clean).abs().mean() - (prediction.clean - clean).abs().mean(),
        }

    def save(self) -> None:
        """Write the checkpoint (atomically) and the averaged weights as a diffusers folder."""
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "config": asdict(self.config),
        }
        part = self.out / "checkpoint.pt.part"
        torch.save(state, part)
        part.replace(self.out / "checkpoint.pt")
        save_pipeline(self.average, self.config.source_noise, self.out / "model")

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(self.out / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]


def start_from(net: RecoveryNet, folder: Path) -> None:
    """Take over the weights of an earlier model; what it lacks keeps its zero start.

    Raises:
        InvalidInput: it is of another shape.
    """
    state = load_file(folder / "net" / "diffusion_pytorch_model.safetensors")
    own = net.state_dict()
    wrong = [name for name, value in state.items() if name not in own or own[name].shape != value.shape]
    if wrong or any(not name.startswith("local.") for name in own.keys() - state.keys()):
        raise InvalidInput(f"The model in {folder} is of another shape than the configuration; {wrong[:3]} do not fit.")
    net.load_state_dict(state, strict=False)


def save_pipeline(net: RecoveryNet, source_noise: float, folder: Path) -> None:
    """The diffusers folder that the app loads, in half precision on disk."""
    half = deepcopy(net).to(torch.float16)
    SourceFlowPipeline(half, FlowMatchEulerDiscreteScheduler(), source_noise).save_pretrained(folder)


def batches(config: SftConfig, photos: Path, scenes: int, start: int, late: bool) -> DataLoader[Any]:
    """Endless batches from one worker process; `late` ones are larger crops in smaller number."""
    pool = load_photos(photos)
    rendered = load_scenes(scenes) if config.scene_share > 0 else []
    batch = config.batch // 2 if late else config.batch
    data = CorruptedCrops(
        pool,
        rendered,
        Mix(config.clean_share, config.second_share, config.scene_share, config.weights),
        batch=batch,
        per_image=min(config.crops_per_image, batch),
        crop=config.crop_late if late else config.crop,
        seed=config.seed * 1_000_003 + start,
    )
    return DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=8)


def train(
    config: SftConfig, photos: Path, out: Path, *, device: str = "cpu", scenes: int = 300, init: Path | None = None
) -> None:
    """Train until `config.steps`, resuming from `out` if it holds a checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, out, device, init)
    turn = round(config.late * config.steps)
    with (
        tqdm(total=config.steps, initial=trainer.step, unit="step") as bar,
        (out / "log.csv").open("a") as log,
    ):
        for late, end in ((False, turn), (True, config.steps)):
            if trainer.step < end:
                _phase(trainer, batches(config, photos, scenes, trainer.step, late), end, bar, csv.writer(log))
    trainer.save()


def _phase(trainer: Trainer, source: DataLoader[Any], end: int, bar: Any, log: Any) -> None:
    sums: dict[str, float] = {}
    began = time.monotonic()
    for batch in source:
        parts = trainer.update(*batch)
        now = time.monotonic()
        trainer.seconds += now - began
        began = now
        sums = {name: sums.get(name, 0.0) + value for name, value in parts.items()}
        bar.update()
        if trainer.step % trainer.config.log_every == 0:
            means = {name: value / trainer.config.log_every for name, value in sums.items()}
            log.writerow([trainer.step, round(trainer.seconds, 1), *(f"{value:.5f}" for value in means.values())])
            bar.set_postfix({name: f"{value:.4f}" for name, value in means.items()})
            sums = {}
        if trainer.step % trainer.config.checkpoint_every == 0:
            trainer.save()
        if trainer.step >= end:
            return


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos to train on")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and model")
    parser.add_argument("--init", type=Path, help="model folder whose weights to start from")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(SftConfig, arguments.config, arguments.overrides)
    train(config, arguments.photos, arguments.out, device=arguments.device, init=arguments.init)


if __name__ == "__main__":
    main()
