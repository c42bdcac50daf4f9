"""Trains the risk model on a release: from the corrupted and the recovered image to what people said of it.

    python -m ru1_app.training.risk --release DIR --clip assets/models/clip --out DIR

Reads the samples of the release's tables. The target is the share of the raters who say that the recovery misleads;
where they marked places, the places are a second target. A part of the training split, by source image, chooses the
epoch and the temperature; the test split is looked at once, at the end. Beside the weights it writes what the app
needs to know of them (`risk.json`) and a model card (`README.md`).
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from ru1_app.errors import InvalidInput
from ru1_app.export import read_manifest
from ru1_app.scoring.risk import Described
from ru1_app.scoring.risk_net import DESCRIPTION, GRID, WEIGHTS, Head, RiskNet, Trunk
from ru1_app.training.config import load_config
from ru1_app.training.risk_card import read_source, write_card
from ru1_app.training.risk_measured import Measured, measure, temperature

DEFAULTS = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class RiskConfig:
    """Keys of risk.toml, explained there."""

    seed: int
    epochs: int
    batch: int
    lr: float
    weight_decay: float
    place_weight: float
    rare_weight: bool
    check_share: float


class Judged(NamedTuple):
    """Judged recoveries: features [N, C, GRID, GRID] of both images, target [N], places [N, GRID, GRID], source images.

    A negative place says that nobody looked for one.
    """

    corrupted: Tensor
    recovered: Tensor
    target: Tensor
    places: Tensor
    groups: NDArray[Any]

    def take(self, index: Any) -> Judged:
        """Those at the index."""
        at = torch.as_tensor(index)
        return Judged(
            self.corrupted[at], self.recovered[at], self.target[at], self.places[at], self.groups[np.asarray(index)]
        )


def read_judged(release: Path, split: str, trunk: Trunk) -> Judged:
    """The labelled recoveries of a split, looked at through the trunk.

    Raises:
        InvalidInput: the release lacks the tables, or the split has no labelled recovery.
    """
    path = release / "tables" / "samples" / f"{split}.parquet"
    if not path.is_file():
        raise InvalidInput(
            f"The release has no labelled recoveries to {split} on: it lacks {path.relative_to(release)}."
        )
    parts: list[list[Any]] = [[], [], [], [], []]
    for rows in _pages(path):
        for column, name in enumerate(("corrupted", "recovered")):
            images = [_tensor(row[name]["bytes"]) for row in rows]
            parts[column] += [trunk(image).half() for image in images]
        parts[2] += [float(row["misleading_share"]) for row in rows]
        parts[3] += [place_map(row) for row in rows]
        parts[4] += [row["split_group"] for row in rows]
    if not parts[2]:
        raise InvalidInput(f"The release has no labelled recovery to {split} on.")
    return Judged(
        torch.cat(parts[0]), torch.cat(parts[1]), torch.tensor(parts[2]), torch.stack(parts[3]), np.array(parts[4])
    )


def place_map(row: Mapping[str, Any]) -> Tensor:
    """Where people say that it misleads, [GRID, GRID]: the share of those who say so whose boxes or points cover it.

    Nothing (-1) where it is held to mislead but nobody marked a place.
    """
    said = max(1, round(row["misleading_share"] * max(row["raters"], 1)))
    places = np.zeros((GRID, GRID), np.float32)
    for region in row["regions"]:
        x0, y0 = (min(int(region[name] * GRID), GRID - 1) for name in ("x0", "y0"))
        x1, y1 = (max(int(np.ceil(region[name] * GRID)), start + 1) for name, start in (("x1", x0), ("y1", y0)))
        places[y0:y1, x0:x1] += 1 / said
    if not row["regions"] and row["misleading_share"] > 0:
        places -= 1
    return torch.tensor(places.clip(-1, 1))


def fit(train: Judged, check: Judged, head: Head, config: RiskConfig) -> tuple[Head, float]:
    """The head of the best epoch on `check`, and the temperature that makes its probabilities true there."""
    torch.manual_seed(config.seed)
    optimizer = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)
    share = float(train.target.mean().clamp(0.02, 0.98))
    rare = torch.tensor((1 - share) / share if config.rare_weight else 1.0)
    best, kept = -np.inf, deepcopy(head)
    for _ in tqdm(range(config.epochs), unit="epoch"):
        head.train()
        for index in torch.randperm(len(train.target)).split(config.batch):
            loss = _loss(head, _flipped(train.take(index)), rare, config.place_weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        schedule.step()
        logits = torch.tensor(logits_of(head, check))
        value = -float(F.binary_cross_entropy_with_logits(logits, check.target, weight=1 + (rare - 1) * check.target))
        if value > best:
            best, kept = value, deepcopy(head)
    return kept.eval(), temperature(logits_of(kept, check), check.target)


def _loss(head: Head, batch: Judged, rare: Tensor, place_weight: float) -> Tensor:
    found = head(batch.corrupted.float(), batch.recovered.float())
    weight = 1 + (rare - 1) * batch.target
    whole = F.binary_cross_entropy_with_logits(found.logit, batch.target, weight=weight)
    known = batch.places >= 0
    places = F.binary_cross_entropy_with_logits(found.places, batch.places.clamp(min=0), reduction="none")
    return whole + place_weight * (places * known).sum() / known.sum().clamp(min=1)


def _flipped(batch: Judged) -> Judged:
    """Left and right swapped in half of the batches."""
    if torch.rand(()) < 0.5:
        return batch
    return batch._replace(
        corrupted=batch.corrupted.flip(-1), recovered=batch.recovered.flip(-1), places=batch.places.flip(-1)
    )


def logits_of(head: Head, judged: Judged) -> NDArray[np.float32]:
    """The head's logits [N]."""
    return np.concatenate([logits for logits, _ in _looked(head, judged)])


@torch.no_grad()
def _looked(head: Head, judged: Judged) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The head's logits and those of places, part by part."""
    head.eval()
    for some in torch.arange(len(judged.target)).split(128):
        found = head(judged.corrupted[some].float(), judged.recovered[some].float())
        yield np.asarray(found.logit.numpy(), np.float32), np.asarray(found.places.numpy(), np.float32)


def train(release: Path, clip: Path, out: Path, config: RiskConfig) -> Described:
    """Train, measure on the test split, and write weights and description to `out`."""
    net = RiskNet(clip)
    judged = read_judged(release, "train", net.trunk)
    names = np.unique(judged.groups)
    kept = np.random.default_rng(config.seed).permutation(names)[round(config.check_share * len(names)) :]
    inside = np.isin(judged.groups, kept)
    if inside.all() or not inside.any():
        raise InvalidInput("The release has too few source images: a part of them must be kept for checking.")
    head, warmth = fit(judged.take(inside), judged.take(~inside), net.head, config)
    test = _test(release, net.trunk)
    measured = _measure(head, warmth, test) if test else Measured()
    digest = read_manifest(release).digest
    source = read_source(release, digest)
    low, high = measured.auroc_interval or (None, None)
    described = Described(
        labels=len(judged.target),
        held_out=measured.count,
        held_out_misleading=measured.misleading,
        auroc=measured.auroc,
        auroc_low=low,
        auroc_high=high,
        simulated=source.simulated > 0,
        temperature=warmth,
        base_rate=round(float(judged.target.mean()), 4),
        release=digest,
        images=len(names),
        held_out_images=measured.images,
        raters=len(source.raters),
        simulated_raters=source.simulated,
        calibration_error=measured.calibration_error,
        marked=measured.marked,
        hits=measured.hits,
        chance=measured.chance,
    )
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in head.state_dict().items()}, out / WEIGHTS)
    (out / DESCRIPTION).write_text(json.dumps(asdict(described), indent=2) + "\n", "utf-8")
    write_card(out, described, source, measured, config, DEFAULTS)
    return described


def _measure(head: Head, warmth: float, test: Judged) -> Measured:
    logits, places = (np.concatenate(parts) for parts in zip(*_looked(head, test), strict=True))
    return measure(logits, warmth, places, test.target, test.places, test.groups)


def _test(release: Path, trunk: Trunk) -> Judged | None:
    try:
        return read_judged(release, "test", trunk)
    except InvalidInput:
        return None


def _pages(path: Path) -> Iterator[Sequence[Mapping[str, Any]]]:
    import pyarrow.parquet as pq

    columns = ["corrupted", "recovered", "misleading_share", "raters", "regions", "split_group"]
    for batch in pq.ParquetFile(path).iter_batches(batch_size=32, columns=columns):
        yield batch.to_pylist()


def _tensor(png: bytes) -> Tensor:
    with Image.open(io.BytesIO(png)) as image:
        return torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--release", type=Path, required=True, help="folder of a release with the format 'tables'")
    parser.add_argument("--clip", type=Path, required=True, help="folder of the CLIP model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=DEFAULTS)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(RiskConfig, arguments.config, arguments.overrides)
    described = train(arguments.release, arguments.clip, arguments.out, config)
    print(json.dumps(asdict(described), indent=2))
    print(described.told)


if __name__ == "__main__":
    main()
