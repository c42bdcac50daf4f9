"""The embedded CLIP: a small open_clip model, trained on labelled photos and captioned scenes.

    python -m ru1_app.training.clip --photos DIR --manifest FILE --out runs/clip

Loss: CLIP's image-text contrast (arXiv 2103.00020); the same between an image and a lightly damaged
copy of it; and a hinge that a strongly damaged copy is less like the image than a lightly damaged one,
yet more like it than other images are. The out folder is in open_clip's own format.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.corruptions.spec import MAX_SEED
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8
from ru1_app.training.config import STILL, load_config

MODEL = json.loads(Path(__file__).with_name("clip_model.json").read_text("utf-8"))
SIZE = MODEL["vision_cfg"]["image_size"]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
TEMPLATES = ("a photo of a {}", "a picture of a {}", "{}", "a {} in a photo", "an image showing a {}")


@dataclass(frozen=True)
class ClipConfig:
    """Keys of clip.toml, explained there."""

    seed: int
    steps: int
    batch: int
    lr: float
    warmup: int
    weight_decay: float
    scene_share: float
    scenes: int
    image_weight: float
    rank_weight: float
    rank_margin: float
    checkpoint_every: int
    log_every: int

    def rate(self, step: int) -> float:
        """Linear warm-up, then a half cosine to zero."""
        return self.lr * min(1.0, (step + 1) / self.warmup) * (0.5 + 0.5 * float(np.cos(np.pi * step / self.steps)))


class Captioned(NamedTuple):
    """An image of about 192 pixels and its caption; a `{}` template is filled when drawn. None = no text."""

    image: Image8
    label: str | None
    scene: bool


class Views(IterableDataset[dict[str, Any]]):
    """Endless batches: `clean`, `light`, `strong` [B, 3, S, S], `captions` and which rows have one."""

    def __init__(self, photos: list[Captioned], scenes: list[Captioned], config: ClipConfig, start: int) -> None:
        self.photos, self.scenes, self.config, self.start = photos, scenes, config, start

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng([self.config.seed, self.start])
        count = self.config.batch
        drawn = round(count * self.config.scene_share) if self.scenes else 0
        while True:
            rows = [self.photos[i] for i in rng.choice(len(self.photos), count - drawn, replace=False)]
            rows += [self.scenes[i] for i in rng.choice(len(self.scenes), drawn, replace=False)] if drawn else []
            views = [self._views(row.image, rng) for row in rows]
            clean, light, strong = (torch.stack(column) for column in zip(*views, strict=True))
            captions = [self._caption(row, rng) for row in rows]
            yield {"clean": clean, "light": light, "strong": strong, "captions": captions}

    def _views(self, image: Image8, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        if rng.random() < 0.3:
            image = _zoom(image, rng)
        name = str(rng.choice(STILL))
        seed = int(rng.integers(MAX_SEED))
        light, strong = (
            corrupt(image, CorruptionSpec.of(name, float(severity), seed))
            for severity in (rng.uniform(0.05, 0.35), rng.uniform(0.6, 1.0))
        )
        return to_input(image), to_input(light), to_input(strong)

    def _caption(self, row: Captioned, rng: np.random.Generator) -> str:
        if row.label is None:
            return ""
        return _partial(row.label, rng) if row.scene else str(rng.choice(TEMPLATES)).format(row.label)


def _partial(caption: str, rng: np.random.Generator) -> str:
    """The caption, or for half of the draws only some (three or more) of the things that it names."""
    opening, things = caption.removesuffix(".").split(" with ", 1)
    named = things.replace(" and a sign", ", a sign").split(", ")
    if rng.random() < 0.5 or len(named) <= 3:
        return caption
    kept = sorted(rng.choice(len(named), int(rng.integers(3, len(named))), replace=False))
    return f"{opening} with {', '.join(named[k] for k in kept)}."


def _zoom(image: Image8, rng: np.random.Generator) -> Image8:
    side = min(image.shape[:2])
    crop = int(side * rng.uniform(0.75, 1.0))
    y, x = (int(rng.integers(0, length - crop + 1)) for length in image.shape[:2])
    return np.ascontiguousarray(image[y : y + crop, x : x + crop])


def to_input(image: Image8) -> Tensor:
    """open_clip's preprocessing: shorter side to S bicubic, centre crop, CLIP's mean and deviation."""
    picture = Image.fromarray(image)
    scale = SIZE / min(picture.size)
    size = tuple(max(round(side * scale), SIZE) for side in picture.size)
    picture = picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    left, top = (size[0] - SIZE) // 2, (size[1] - SIZE) // 2
    pixels = torch.from_numpy(np.array(picture.crop((left, top, left + SIZE, top + SIZE)))).permute(2, 0, 1)
    return (pixels.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def load_labelled(folder: Path, manifest: Path) -> list[Captioned]:
    """The photos of the manifest's training split with their class labels, at most 192 pixels a side."""
    rows = [row for row in json.loads(manifest.read_text("utf-8")) if row["split"] == "train"]
    result = []
    for row in rows:
        with Image.open(folder / Path(row["file"]).name) as image:
            rgb = image.convert("RGB")
        rgb.thumbnail((192, 192), Image.Resampling.LANCZOS)
        result.append(Captioned(np.asarray(rgb), row["label"], False))
    if not result:
        raise InvalidInput(f"{manifest.name} names no photo of the training split.")
    return result


def load_scenes(count: int) -> list[Captioned]:
    """Rendered scenes with captions, from seeds that no held-out check uses."""
    from ru1_app.scenes import caption, render, sample_scene

    scenes = [sample_scene(3_000_000 + k) for k in range(count)]
    return [Captioned(render(scene, 160), caption(scene), True) for scene in scenes]


def losses(model: Any, tokenizer: Any, batch: dict[str, Any], config: ClipConfig) -> dict[str, Tensor]:
    """Text contrast, image contrast and rank hinge of one batch."""
    count = len(batch["captions"])
    features = model.encode_image(torch.cat([batch["clean"], batch["light"], batch["strong"]]), normalize=True)
    clean, light, strong = features.split(count)
    named = [k for k, caption in enumerate(batch["captions"]) if caption]
    text = model.encode_text(tokenizer([batch["captions"][k] for k in named]), normalize=True)
    scale = model.logit_scale.exp().clamp(max=100)
    target = torch.arange(count)
    logits = scale * clean[named] @ text.T
    to_text = (F.cross_entropy(logits, target[: len(named)]) + F.cross_entropy(logits.T, target[: len(named)])) / 2
    between = clean @ light.T
    to_image = F.cross_entropy(between * 10, target)
    near, far = (clean * light).sum(1), (clean * strong).sum(1)
    others = (clean @ clean.T).masked_fill(torch.eye(count, dtype=torch.bool), -1).amax(1)
    margin = config.rank_margin
    rank = F.relu(margin + far - near).mean() + F.relu(margin + others - far).mean()
    return {"text": to_text, "image": to_image, "rank": rank}


class Log:
    """`log.csv`: the means of the losses over every `every` steps."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every, self._sums = path, every, dict[str, float]()

    def add(self, step: int, parts: Mapping[str, float]) -> None:
        """One step's losses."""
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in parts.items()}
        if step % self._every == 0:
            means = (f"{value / self._every:.4f}" for value in self._sums.values())
            new = not self._path.exists()
            with self._path.open("a", newline="") as file:
                writer = csv.writer(file)
                writer.writerows([["step", *self._sums]] if new else [])
                writer.writerow([step, *means])
            self._sums = {}


def train(config: ClipConfig, photos: list[Captioned], scenes: list[Captioned], out: Path) -> None:
    """Train until `config.steps`, resuming from `out` if it holds a checkpoint."""
    from open_clip import CLIP, SimpleTokenizer

    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    model = CLIP(**MODEL)
    tokenizer = SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    step = _resume(model, optimizer, out)
    log = Log(out / "log.csv", config.log_every)
    loader = iter(DataLoader(Views(photos, scenes, config, step), batch_size=None, num_workers=1, prefetch_factor=4))
    with tqdm(total=config.steps, initial=step, unit="step") as bar:
        while step < config.steps:
            for group in optimizer.param_groups:
                group["lr"] = config.rate(step)
            parts = losses(model, tokenizer, next(loader), config)
            total = parts["text"] + config.image_weight * parts["image"] + config.rank_weight * parts["rank"]
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            bar.update()
            log.add(step, {name: float(value.detach()) for name, value in parts.items()})
            if step % config.checkpoint_every == 0 or step == config.steps:
                save(model, optimizer, step, out)


def _resume(model: Any, optimizer: Any, out: Path) -> int:
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def save(model: Any, optimizer: Any, step: int, out: Path) -> None:
    """Write the checkpoint, and `model/` in open_clip's format in half precision."""
    from safetensors.torch import save_file

    part = out / "checkpoint.pt.part"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, part)
    part.replace(out / "checkpoint.pt")
    folder = out / "model"
    folder.mkdir(exist_ok=True)
    half = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(half, folder / "open_clip_model.safetensors")
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    config = {"model_cfg": MODEL, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of the training photos")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON list with file, split and label")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(ClipConfig, arguments.config, arguments.overrides)
    photos = load_labelled(arguments.photos, arguments.manifest)
    train(config, photos, load_scenes(config.scenes) if config.scene_share else [], arguments.out)


if __name__ == "__main__":
    main()
