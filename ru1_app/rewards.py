"""Rewards of recoveries, by name: batch-first on tensors, on any device. Higher is better; 1 is a perfect recovery.

    total = reward_of({"ssim": 1.0, "clip": 0.2}, clip_folder)
    total(recovered, clean)  # {"ssim": [N], "clip": [N], "total": [N]}

Robust-U1 (arXiv 2606.08063) sums SSIM with weight 1.0 and exp(-5 (1 - cos)) of CLIP's image embeddings with weight 0.2.
PSNR and MS-SSIM are never rewards here: they are what a run is watched by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ru1_app.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from torch import Tensor

Reward = Callable[["Tensor", "Tensor"], "Tensor"]
"""(recovered, clean), both [N, 3, H, W] in [0, 1], to [N]."""

WEIGHTS: Mapping[str, float] = {"ssim": 1.0, "clip": 0.2}
"""Robust-U1's rewards and what they weigh."""
STEEPNESS = 5.0  # of the CLIP reward

_MAKERS: dict[str, Callable[[Path], Reward]] = {}


def register(name: str, make: Callable[[Path], Reward]) -> None:
    """Add a reward by name; `make` is given the folder of the CLIP model.

    Raises:
        InvalidInput: the name is taken.
    """
    if name in _MAKERS:
        raise InvalidInput(f"There is a reward {name!r} already. Choose another name.")
    _MAKERS[name] = make


def names() -> tuple[str, ...]:
    """The rewards there are."""
    return tuple(_MAKERS)


class WeightedReward:
    """The weighted sum of named rewards."""

    def __init__(self, parts: Mapping[str, tuple[Reward, float]]) -> None:
        self._parts = dict(parts)

    def __call__(self, recovered: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Each part and, as "total", the sum; without gradients."""
        import torch

        with torch.no_grad():
            values = {name: reward(recovered, clean) for name, (reward, _) in self._parts.items()}
            weighed = [weight * values[name] for name, (_, weight) in self._parts.items()]
            return {**values, "total": torch.stack(weighed).sum(0)}


def reward_of(weights: Mapping[str, float], clip: Path) -> WeightedReward:
    """The sum of the rewards named in `weights`; one that weighs 0 is left out.

    Raises:
        InvalidInput: there is no such reward, or none is left.
        Unavailable: the CLIP model is missing.
    """
    if unknown := sorted(weights.keys() - _MAKERS.keys()):
        raise InvalidInput(f"There is no reward {unknown[0]!r}. There are: {', '.join(_MAKERS)}.")
    parts = {name: (_MAKERS[name](clip), weight) for name, weight in weights.items() if weight}
    if not parts:
        raise InvalidInput(f"No reward has a weight. Give one of {', '.join(_MAKERS)} a weight other than 0.")
    return WeightedReward(parts)


class ClipReward:
    """exp(-5 (1 - cos)) of the image embeddings of an open_clip folder, 1 for identical images."""

    def __init__(self, folder: Path) -> None:
        try:
            described = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
        except OSError as error:
            raise Unavailable(f"There is no CLIP model in {folder}. Train it, or leave the clip reward out.") from error
        import torch
        from open_clip import CLIP
        from safetensors.torch import load_file

        self._model: Any = CLIP(**described["model_cfg"]).eval().requires_grad_(False)
        self._model.load_state_dict(load_file(folder / "open_clip_model.safetensors"))
        self._side: int = described["model_cfg"]["vision_cfg"]["image_size"]
        shaping = described["preprocess_cfg"]
        self._mean, self._std = (torch.tensor(shaping[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        self._kept: tuple[Tensor, Tensor] | None = None

    def __call__(self, recovered: Tensor, clean: Tensor) -> Tensor:
        """See `Reward`."""
        import torch

        cosine = (self._embed(recovered) * self._embed_clean(clean)).sum(1)
        return torch.exp(-STEEPNESS * (1 - cosine))

    def _embed_clean(self, clean: Tensor) -> Tensor:
        """Repeated images, as the references of a group are, are embedded once."""
        import torch

        unique, index = torch.unique_consecutive(clean, dim=0, return_inverse=True)
        return self._embed(unique)[index]

    def _embed(self, images: Tensor) -> Tensor:
        import torch.nn.functional as F

        self._model.to(images.device)
        scale = self._side / min(images.shape[-2:])
        height, width = (max(round(side * scale), self._side) for side in images.shape[-2:])
        if (height, width) != tuple(images.shape[-2:]):
            images = F.interpolate(images, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
        top, left = (height - self._side) // 2, (width - self._side) // 2
        images = images[..., top : top + self._side, left : left + self._side]
        features: Tensor = self._model.encode_image(
            (images - self._mean.to(images)) / self._std.to(images), normalize=True
        )
        return features


def _ssim(_: Path) -> Reward:
    from ru1_app.scoring.ssim_torch import ssim_batch

    return ssim_batch


register("ssim", _ssim)
register("clip", ClipReward)
