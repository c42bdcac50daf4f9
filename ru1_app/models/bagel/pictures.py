"""Images on their way in and out of the model (spec: upstream data/transforms.py and data_utils.py)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ru1_app.models.bagel.settings import Resize


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB; what is transparent shows white."""
    if image.mode == "RGBA" or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGB", image.size, (255, 255, 255))
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    return image.convert("RGB")


def target_size(size: tuple[int, int], rule: Resize, *, area_root: bool = True) -> tuple[int, int]:
    """Width and height after the resize rule: long side at most `most`, then short side at least `least`, strides.

    An image more elongated than most:least ends below `least`; the cap on the long side comes last, as upstream.
    Over `max_area` both sides shrink by the root of the area ratio; upstream (`area_root=False`) uses the ratio
    itself and shrinks too far.
    """
    long, short = max(size), min(size)
    scale = max(min(rule.most / long, 1.0), rule.least / short)
    width, height = _scaled(size, scale, rule.stride)
    if width * height > rule.max_area:
        ratio = rule.max_area / (width * height)
        width, height = _scaled((width, height), math.sqrt(ratio) if area_root else ratio, rule.stride)
    if max(width, height) > rule.most:
        width, height = _scaled((width, height), rule.most / max(width, height), rule.stride)
    return width, height


def resize(image: Image.Image, rule: Resize, *, area_root: bool = True) -> Image.Image:
    """The image at its target size; bicubic with antialiasing."""
    size = target_size(image.size, rule, area_root=area_root)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def to_tensor(image: Image.Image) -> Tensor:
    """[3, H, W] float32 in [-1, 1]."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    return (pixels / 255 - 0.5) / 0.5


def to_pixels(image: Tensor, *, rounded: bool = True) -> Any:
    """[3, H, W] in [-1, 1] -> uint8 [H, W, 3]; upstream cuts the fraction off."""
    levels = (image.float() * 0.5 + 0.5).clamp(0, 1) * 255
    return (levels.round() if rounded else levels).byte().permute(1, 2, 0).cpu().numpy()


def to_patches(image: Tensor, patch: int) -> Tensor:
    """[C, H, W] -> [h * w, patch * patch * C]: tokens row by row, inside one (row, column, channel)."""
    channels, height, width = image.shape
    rows = image.reshape(channels, height // patch, patch, width // patch, patch)
    return rows.permute(1, 3, 2, 4, 0).reshape(-1, patch * patch * channels)


def from_patches(tokens: Tensor, grid: tuple[int, int], patch: int) -> Tensor:
    """The inverse of `to_patches`; `grid` is (h, w) in tokens."""
    h, w = grid
    channels = tokens.shape[-1] // patch**2
    blocks = tokens.reshape(h, w, patch, patch, channels)
    return blocks.permute(4, 0, 2, 1, 3).reshape(channels, h * patch, w * patch)


def positions(grid: tuple[int, int], side: int) -> Tensor:
    """[h * w] ids of a grid of tokens in a table of `side` x `side`: row * side + column."""
    h, w = grid
    return (torch.arange(h)[:, None] * side + torch.arange(w)).flatten()


def _scaled(size: tuple[int, int], scale: float, stride: int) -> tuple[int, int]:
    width, height = (max(stride, round(round(side * scale) / stride) * stride) for side in size)
    return width, height
