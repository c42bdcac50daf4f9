"""Stage I: supervised recovery of the embedded recoverer.

    python -m ru1_app.training.sft --photos DIR --out runs/sft          # resumes where it stopped
    python -m ru1_app.training.sft --photos DIR --out runs/sft --set steps=2000
    accelerate launch -m ru1_app.training.sft --photos DIR --out runs/sft  # several GPUs, bf16

The out folder holds `checkpoint.pt` (to resume), `log.csv`, `tensorboard/`, `samples/` (corrupted, recovered, clean)
and `model/`, a diffusers folder of the averaged weights that the app loads as it is. Of several processes the main one
writes them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from ru1_app.errors import InvalidInput
from ru1_app.images import Image8
from ru1_app.models.embedded.net import Block, RecoveryNet
from ru1_app.training.config import STILL, load_config
from ru1_app.training.data import CorruptedCrops, Mix, load_photos, load_scenes, loader
from ru1_app.training.ema import follow, risen
from ru1_app.training.losses import charbonnier, log_error, scale_nll, ssim
from ru1_app.training.run_log import RunLog
from ru1_app.training.weights import save_pipeline, start_from


@dataclass(frozen=True)
class SftConfig:
    """Keys of sft.toml, explained there."""

    seed: int
    steps: int
    seconds: float
    workers: int
    compile: bool
    channels_last: bool
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
    aligned_share: float
    emphasis: float
    emphasised: list[str]
    path_share: float
    source_noise: float
    ssim_weight: float
    psnr_weight: float
    scale_weight: float
    checkpoint_every: int
    log_every: int
    widths: list[int]
    encoder_blocks: list[int]
    decoder_blocks: list[int]
    local_colour: bool
    sees_blocks: bool

    @property
    def weights(self) -> dict[str, float]:
        """How often each corruption is drawn."""
        return {name: self.emphasis if name in self.emphasised else 1.0 for name in STILL}

    def progress(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0 to 1: by the steps or by the time, whichever ends first."""
        return min(1.0, max(step / self.steps, seconds / self.seconds if self.seconds else 0.0))

    def rate(self, step: int, seconds: float) -> float:
        """Learning rate: linear warm-up, constant, linear to zero over the last `decay` of the run."""
        rising = min(1.0, (step + 1) / self.warmup)
        falling = min(1.0, (1 - self.progress(step, seconds)) / self.decay)
        return self.lr * min(rising, falling)


class Trainer:
    """Owns the network, its average, the optimiser and the step; nothing else knows of checkpoints."""

    def __init__(self, config: SftConfig, out: Path, accelerator: Accelerator, init: Path | None = None) -> None:
        torch.manual_seed(config.seed + accelerator.process_index)
        self.config, self.out, self.accelerator = config, out, accelerator
        sizes = tuple(config.widths), tuple(config.encoder_blocks), tuple(config.decoder_blocks)
        net = RecoveryNet(*sizes, local_colour=config.local_colour, sees_blocks=config.sees_blocks)
        if init is not None:
            start_from(net, init)
        if config.compile:
            torch._dynamo.config.recompile_limit = 64  # one code for blocks of every width and place; by default 8
            for block in (each for each in net.modules() if isinstance(each, Block)):
                block.compile(dynamic=False)
        self.format = torch.channels_last if config.channels_last else torch.contiguous_format
        self.net = net.to(accelerator.device, memory_format=self.format)
        self.average = deepcopy(self.net).requires_grad_(False)
        fused = accelerator.device.type == "cuda"
        optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=config.lr, weight_decay=config.weight_decay, foreach=not fused, fused=fused
        )
        self.step, self.seconds = 0, 0.0
        if (out / "checkpoint.pt").exists():
            self._resume(optimizer)
        self._run, self.optimizer = accelerator.prepare(self.net, optimizer)

    @property
    def progress(self) -> float:
        """See `SftConfig.progress`."""
        return self.config.progress(self.step, self.seconds)

    def update(self, corrupted: Tensor, clean: Tensor, thumbs: Tensor) -> dict[str, Tensor]:
        """One optimiser step; returns the parts of the loss, on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.step, self.seconds)
        parts = self._losses(corrupted, clean, thumbs)
        loss = parts["l1"] + self.config.scale_weight * parts["nll"]
        if self.config.psnr_weight:
            loss = loss + self.config.psnr_weight * parts["log_error"]
        if self.config.ssim_weight:
            loss = loss + self.config.ssim_weight * (1 - parts["ssim"])
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.net.parameters(), 0.5)
        self.optimizer.step()
        self.step += 1
        follow(self.average.state_dict(), self.net.state_dict(), risen(self.config.ema, self.step))
        return {name: value.detach() for name, value in parts.items()}

    def _losses(self, corrupted: Tensor, clean: Tensor, thumbs: Tensor) -> dict[str, Tensor]:
        device = self.accelerator.device
        corrupted = corrupted.to(device, memory_format=self.format, non_blocking=True)
        clean, thumbs = clean.to(device, non_blocking=True), thumbs.to(device, non_blocking=True)
        on_path, random = torch.rand(2, len(clean), device=device)
        at = torch.where(on_path < self.config.path_share, random, 1.0)
        source = corrupted + self.config.source_noise * torch.randn_like(corrupted)
        x_t = torch.lerp(clean, source, at[:, None, None, None])
        prediction = self._run(x_t, corrupted, at, thumbs)
        parts = {
            "l1": charbonnier(prediction.clean, clean),
            "nll": scale_nll(prediction.log_scale, prediction.clean - clean),
            "gain": (corrupted - clean).abs().mean() - (prediction.clean - clean).abs().mean(),
        }
        if self.config.psnr_weight:
            parts["log_error"] = log_error(prediction.clean, clean)
        if self.config.ssim_weight:
            parts["ssim"] = ssim(prediction.clean, clean)
        return parts

    @torch.no_grad()
    def recovered(self, corrupted: Tensor, thumbs: Tensor) -> Tensor:
        """The averaged weights' recoveries, in one step."""
        at = torch.ones(len(corrupted), device=self.accelerator.device)
        y = corrupted.to(self.accelerator.device, memory_format=self.format)
        clean: Tensor = self.average(y, y, at, thumbs.to(y.device)).clean
        return clean

    def save(self) -> None:
        """Write the checkpoint (atomically) and the averaged weights as a diffusers folder; the main process only."""
        if not self.accelerator.is_main_process:
            return
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "config": asdict(self.config),
        }
        part = self.out / "checkpoint.pt.part"
        torch.save(state, part)
        part.replace(self.out / "checkpoint.pt")
        save_pipeline(self.average, self.config.source_noise, self.out / "model")

    def _resume(self, optimizer: torch.optim.Optimizer) -> None:
        path = self.out / "checkpoint.pt"
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        if "random" in state and self.accelerator.num_processes == 1:
            torch.set_rng_state(state["random"])


SHOWN = 999_999  # the step whose batch the sample grids show, in every run


class Pool(NamedTuple):
    """What crops are cut from."""

    photos: Sequence[Image8]
    scenes: Sequence[Image8]


def corrupted_crops(config: SftConfig, pool: Pool, start: int, late: bool, process: int = 0) -> CorruptedCrops:
    """Endless batches; `late` ones are larger crops in smaller number."""
    batch = config.batch // 2 if late else config.batch
    shares = config.clean_share, config.second_share, config.scene_share, config.aligned_share
    return CorruptedCrops(
        pool.photos,
        pool.scenes,
        Mix(*shares, config.weights),
        batch=batch,
        per_image=min(config.crops_per_image, batch),
        crop=config.crop_late if late else config.crop,
        seed=config.seed * 1_000_003 + start + process * 500_009,
    )


def train(
    config: SftConfig, photos: Path, out: Path, *, device: str = "cpu", scenes: int = 300, init: Path | None = None
) -> None:
    """Train until `config.steps` or `config.seconds`, resuming from `out` if it holds a checkpoint."""
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="bf16" if device == "cuda" else "no")
    if config.seconds and accelerator.num_processes > 1:
        raise InvalidInput("Processes that train together must end at one step. Set seconds=0 and give steps.")
    torch.backends.cudnn.benchmark = True  # crops are of two sizes, early and late ones
    trainer = Trainer(config, out, accelerator, init)
    log = RunLog(out, config.log_every, trainer.step, silent=not accelerator.is_main_process)
    largest = max(config.crop, config.crop_late)
    pool = Pool(load_photos(photos, largest), load_scenes(scenes, largest) if config.scene_share > 0 else [])
    shown = next(iter(corrupted_crops(config, pool, SHOWN, True)))
    with tqdm(total=config.steps, initial=trainer.step, unit="step") as bar:
        for late, end in ((False, config.late), (True, 1.0)):
            if trainer.progress < end:
                crops = corrupted_crops(config, pool, trainer.step, late, accelerator.process_index)
                for _ in _steps(trainer, loader(crops, config.workers, device), end, log):
                    bar.update()
                    if trainer.step % config.checkpoint_every == 0 or trainer.progress == 1:
                        trainer.save()
                        log.samples(trainer.step, shown[0], trainer.recovered(shown[0], shown[2]), shown[1])
    log.close()


def _steps(trainer: Trainer, source: DataLoader[Any], end: float, log: RunLog) -> Iterator[int]:
    """Yield the number of each step taken until so much of the run is over."""
    began = time.monotonic()
    for batch in source:
        parts = trainer.update(*batch)
        now = time.monotonic()
        trainer.seconds += now - began
        began = now
        log.add(trainer.step, {"seconds": trainer.seconds, **parts})
        yield trainer.step
        if trainer.progress >= end:
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
