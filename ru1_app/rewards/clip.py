"""The CLIP reward of Robust-U1: exp(-5 (1 - cos)) of image embeddings, 1 for identical images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ru1_app.errors import Unavailable

if TYPE_CHECKING:
    from torch import Tensor

STEEPNESS = 5.0


class ClipReward:
    """Of an open_clip folder. The cosine is clamped to [0, 1], as upstream's, so the reward lies in [0.0067, 1]."""

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

    def __call__(self, recovered: Tensor, clean: Tensor, corrupted: Tensor | None) -> Tensor:
        """See `Reward`."""
        import torch

        cosine = (self._embed(recovered) * self._embed_clean(clean)).sum(1).clamp(0, 1)
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
