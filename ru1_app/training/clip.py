"""The embedded CLIP: a small open_clip model, trained on labelled photos and captioned scenes.

    python -m ru1_app.training.clip --photos DIR --manifest FILE --out runs/clip

Loss: CLIP's image-text contrast (arXiv 2103.00020), where a caption that fits several images of the batch has them
all as targets, and foils (captions of a scene with one thing changed) are further wrong captions; the same contrast
between an image and its damaged copies; and a hinge that a strongly damaged copy is less like the image than a lightly
damaged one, yet more like it than any other image of the batch.
The out folder's `model/` is in open_clip's own format, `log.csv` and `tensorboard/` have the losses.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ru1_app.training.clip_data import Batch, Draw, Photo, Views, load_labelled
from ru1_app.training.config import load_config
from ru1_app.training.data import loader
from ru1_app.training.ema import follow, risen
from ru1_app.training.run_log import RunLog

MODEL: Mapping[str, Any] = json.loads(Path(__file__).with_name("clip_model.json").read_text("utf-8"))
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGE_SCALE = 10.0  # inverse temperature between images: soft, so that likeness stays graded


@dataclass(frozen=True)
class ClipConfig:
    """Keys of clip.toml, explained there."""

    seed: int
    steps: int
    batch: int
    lr: float
    warmup: int
    weight_decay: float
    ema: float
    scene_share: float
    scenes: int
    foils: int
    image_weight: float
    rank_weight: float
    rank_margin: float
    checkpoint_every: int
    log_every: int

    def rate(self, step: int) -> float:
        """Linear warm-up, then a half cosine to zero."""
        return self.lr * min(1.0, (step + 1) / self.warmup) * (0.5 + 0.5 * float(np.cos(np.pi * step / self.steps)))


def normalised(pixels: Tensor) -> Tensor:
    """uint8 [..., 3, S, S] to CLIP's mean and deviation."""
    return (pixels.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def losses(model: Any, tokenizer: Any, batch: Batch, margin: float) -> dict[str, Tensor]:
    """Text contrast, image contrast and rank hinge of one batch."""
    count = batch.pixels.shape[1]
    pixels = normalised(batch.pixels.flatten(0, 1)).contiguous(memory_format=torch.channels_last)
    clean, light, strong = model.encode_image(pixels, normalize=True).split(count)
    text = model.encode_text(tokenizer(batch.captions), normalize=True)
    logits = model.logit_scale.exp().clamp(max=100) * clean[batch.named] @ text.T
    fits = batch.fits.float()
    fitting = batch.fits.any(0)  # foils mostly fit no image, and have none to find
    to_text = (_spread(logits, fits) + _spread(logits.T[fitting], fits.T[fitting])) / 2
    own = torch.arange(count)
    to_image = sum(F.cross_entropy(IMAGE_SCALE * clean @ damaged.T, own) for damaged in (light, strong))
    near, far = (clean * light).sum(1), (clean * strong).sum(1)
    others = (clean @ clean.T).masked_fill(torch.eye(count, dtype=torch.bool), -1).amax(1)
    rank = F.relu(margin + far - near).mean() + F.relu(margin + others - far).mean()
    return {"text": to_text, "image": torch.as_tensor(to_image), "rank": rank}


def _spread(logits: Tensor, fits: Tensor) -> Tensor:
    """Cross-entropy to all that fit, in equal parts."""
    return F.cross_entropy(logits, fits / fits.sum(1, keepdim=True))


class Trainer:
    """A model in training, its averaged weights and its optimizer; continues from `out` if that has a checkpoint."""

    def __init__(self, config: ClipConfig, architecture: Mapping[str, Any], out: Path, init: Path | None) -> None:
        from open_clip import CLIP, SimpleTokenizer

        torch.manual_seed(config.seed)
        self.config, self.architecture, self.out, self.step = config, architecture, out, 0
        self.model = CLIP(**architecture)
        self.model.visual.to(memory_format=torch.channels_last)
        self.tokenizer = SimpleTokenizer(context_length=architecture["text_cfg"]["context_length"])
        plain = [value for value in self.model.parameters() if value.ndim < 2]
        decayed = [value for value in self.model.parameters() if value.ndim >= 2]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.lr)
        if init is not None:
            warm_start(self.model, init)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        if (out / "checkpoint.pt").exists():
            state = torch.load(out / "checkpoint.pt", weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average, self.step = state["average"], int(state["step"])

    def fit(self, batch: Batch) -> dict[str, float]:
        """One step; the losses before it."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate(self.step)
        parts = losses(self.model, self.tokenizer, batch, config.rank_margin)
        total = parts["text"] + config.image_weight * parts["image"] + config.rank_weight * parts["rank"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        follow(self.average, self.model.state_dict(), risen(config.ema, self.step))
        return {name: float(value.detach()) for name, value in parts.items()}

    def save(self) -> None:
        """Write the checkpoint, and `model/`: the averaged weights in open_clip's format, in half precision."""
        from safetensors.torch import save_file

        part = self.out / "checkpoint.pt.part"
        state = {"model": self.model.state_dict(), "average": self.average, "step": self.step}
        torch.save({**state, "optimizer": self.optimizer.state_dict()}, part)
        part.replace(self.out / "checkpoint.pt")
        folder = self.out / "model"
        folder.mkdir(exist_ok=True)
        half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in self.average.items()}
        save_file(half, folder / "open_clip_model.safetensors")
        preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
        config = {"model_cfg": self.architecture, "preprocess_cfg": preprocess}
        (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def warm_start(model: Any, folder: Path) -> list[str]:
    """Take those weights of an earlier model whose names and shapes are the same; their names."""
    from safetensors.torch import load_file

    own = model.state_dict()
    earlier = load_file(folder / "open_clip_model.safetensors")
    same = {k: v for k, v in earlier.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict({**own, **same})
    return sorted(same)


def train(trainer: Trainer, batches: Iterable[Batch]) -> None:
    """Train until the configuration's last step, with checkpoints on the way."""
    config = trainer.config
    log, source = RunLog(trainer.out, config.log_every, trainer.step), iter(batches)
    with tqdm(total=config.steps, initial=trainer.step, unit="step", mininterval=10) as bar:
        while trainer.step < config.steps:
            parts = trainer.fit(next(source))
            log.add(trainer.step, parts)
            bar.update()
            if trainer.step % config.checkpoint_every == 0 or trainer.step == config.steps:
                trainer.save()
    log.close()


def run(config: ClipConfig, photos: Sequence[Photo], out: Path, init: Path | None = None) -> None:
    """The whole training; a data worker prepares batches meanwhile."""
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, MODEL, out, init)
    size = MODEL["vision_cfg"]["image_size"]
    draw = Draw(config.seed, config.batch, config.scene_share, config.scenes, config.foils, size)
    views = Views(photos, draw, trainer.step)
    train(trainer, loader(views, workers=1, ahead=6))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of the training photos")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON list with file, split and label")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="folder of earlier weights to start from, where shapes allow")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(ClipConfig, arguments.config, arguments.overrides)
    photos = load_labelled(arguments.photos, arguments.manifest)
    run(config, photos, arguments.out, arguments.init)


if __name__ == "__main__":
    main()
