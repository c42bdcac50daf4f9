"""The risk model: how probably people find a recovery misleading, and where, from both images.

A small head on frozen features of the embedded CLIP. Both whole images, scaled to one square, go through the first
stages of its image tower (a ResNet); from the features of each place in both, and their difference, the head says how
misleading the place is and how misleading the whole is. Torch lives here; nothing imports this but on use.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ru1_app.errors import Unavailable

SIDE = 256  # pixels, to which both images are scaled
GRID = 16  # places a side
WEIGHTS, DESCRIPTION = "model.safetensors", "risk.json"


class Risk(NamedTuple):
    """`logit` [N] of the probability that it misleads; `places` [N, GRID, GRID], logits of each place."""

    logit: Tensor
    places: Tensor


class Trunk(nn.Module):
    """The stages of a CLIP's ResNet up to the third, frozen: [N, 3, H, W] in [0, 1] to [N, C, GRID, GRID]."""

    def __init__(self, clip: Path) -> None:
        super().__init__()
        try:
            described = json.loads((clip / "open_clip_config.json").read_text("utf-8"))
        except OSError as error:
            raise Unavailable(f"There is no CLIP model in {clip}, which the risk model looks through.") from error
        from open_clip import CLIP
        from safetensors.torch import load_file

        model: Any = CLIP(**described["model_cfg"])
        model.load_state_dict(load_file(clip / "open_clip_model.safetensors"))
        self.tower = model.visual.eval().requires_grad_(False)
        shaping = described["preprocess_cfg"]
        told = [torch.tensor(shaping[name]).view(1, 3, 1, 1) for name in ("mean", "std")]
        self.register_buffer("shaping", torch.stack(told))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        square = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        mean, std = self.get_buffer("shaping")
        x = self.tower.stem((square - mean) / std)
        x = self.tower.layer2(self.tower.layer1(x))
        deep = self.tower.layer3(x)
        parts = [F.adaptive_avg_pool2d(x, GRID), F.adaptive_avg_pool2d(deep, GRID)]
        colours = F.adaptive_avg_pool2d(square, GRID)
        return torch.cat([*(F.normalize(part, dim=1) for part in parts), colours], dim=1)


class Head(nn.Module):
    """From the features of both images [N, C, GRID, GRID] to the risk."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(4 * channels, width, 1), nn.GELU(), nn.Dropout2d(0.1))
        self.around = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GELU())
        self.place = nn.Conv2d(width, 1, 1)
        self.whole = nn.Sequential(nn.Linear(2 * width + 2, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, 1))

    def forward(self, corrupted: Tensor, recovered: Tensor) -> Risk:
        change = recovered - corrupted
        h = self.enter(torch.cat([corrupted, recovered, change, change.abs()], dim=1))
        h = h + self.around(h)
        places = self.place(h)
        told = [h.mean((2, 3)), h.amax((2, 3)), places.amax((2, 3)), places.logsumexp((2, 3))]
        return Risk(self.whole(torch.cat(told, dim=1))[:, 0], places[:, 0])


class RiskNet(nn.Module):
    """Trunk and head. Only the head is trained and kept."""

    def __init__(self, clip: Path) -> None:
        super().__init__()
        self.trunk = Trunk(clip)
        with torch.no_grad():
            channels = self.trunk(torch.zeros(1, 3, 32, 32)).shape[1]
        self.head = Head(channels)

    def train(self, mode: bool = True) -> RiskNet:
        """Like any module's, but the trunk stays as it is."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, corrupted: Tensor, recovered: Tensor) -> Risk:
        """Both [N, 3, H, W] in [0, 1], of any size."""
        risk: Risk = self.head(self.trunk(corrupted), self.trunk(recovered))
        return risk


def load_net(folder: Path, clip: Path) -> RiskNet:
    """The risk model of a folder, ready.

    Raises:
        Unavailable: there is none, or it does not fit this CLIP.
    """
    from safetensors.torch import load_file

    if not (folder / WEIGHTS).is_file():
        raise Unavailable(f"There is no risk model in {folder}: it lacks {WEIGHTS}. Train one on a release.")
    net = RiskNet(clip)
    try:
        net.head.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
    except RuntimeError as error:
        raise Unavailable(f"The risk model in {folder} was trained with another CLIP. Train it again.") from error
    return net.eval()
