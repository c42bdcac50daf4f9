"""RU1's rewards in the form of Flow-GRPO's registry (github.com/yifan123/flow_grpo, flow_grpo/rewards.py).

There a reward is a maker that is given a device and returns a function of (images, prompts, metadata). One line adds
ours, with the folder of a release in the format `flow_grpo`, whose rows name the clean image of each sample:

    score_functions["ru1"] = maker(root="RELEASE/flow_grpo/restoration", clip="assets/models/clip")

Upstream hands its image-to-image rewards the *input* as reference, not the clean image; this one opens `target_image`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ru1_app.rewards import WEIGHTS, Folders, reward_of

if TYPE_CHECKING:
    from torch import Tensor


def maker(
    root: str | Path, clip: str | Path, *, weights: Mapping[str, float] = WEIGHTS, risk: str | Path | None = None
) -> Callable[[Any], Callable[[Any, Sequence[str], Sequence[Mapping[str, Any]]], tuple[list[float], dict[str, Any]]]]:
    """A maker of the weighted sum of named rewards.

    The function takes `images` as a tensor [N, 3, H, W] in [0, 1] or an array [N, H, W, 3] of 0-255, and gives
    N floats and the parts by name.

    Raises:
        InvalidInput: there is no such reward.
        Unavailable: a model is missing.
    """
    total = reward_of(weights, Folders(Path(clip), Path(risk) if risk else None))

    def make(device: Any) -> Any:
        def score(images: Any, prompts: Sequence[str], metadata: Sequence[Mapping[str, Any]]) -> Any:
            import torch

            recovered = _batch(images).to(device)
            sides = recovered.shape[-2:]
            clean, corrupted = (
                torch.stack([_opened(Path(root) / row[key], sides) for row in metadata]).to(device)
                for key in ("target_image", "image")
            )
            values = total(recovered, clean, corrupted)
            parts = {name: value.tolist() for name, value in values.items() if name != "total"}
            return values["total"].tolist(), parts

        return score

    return make


def _batch(images: Any) -> Tensor:
    import torch

    if isinstance(images, torch.Tensor):
        return images.float()
    return torch.tensor(np.asarray(images)).permute(0, 3, 1, 2).float() / 255


def _opened(path: Path, sides: Sequence[int]) -> Tensor:
    """An image [3, H, W] in [0, 1]; where the recovery has another size, scaled to that."""
    import torch
    import torch.nn.functional as F
    from PIL import Image

    with Image.open(path) as image:
        pixels = torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255
    if tuple(pixels.shape[1:]) != tuple(sides):
        scaled: Tensor = F.interpolate(pixels[None], tuple(sides), mode="bicubic", antialias=True)
        pixels = scaled[0].clamp(0, 1)
    return pixels
