"""The network of the embedded recoverer: a NAFNet-like U-Net in a diffusers `ModelMixin`.

It predicts the clean image from a point on the straight path between the clean image (t = 0) and the
corrupted image plus noise (t = 1). Three things differ from NAFNet (arXiv 2204.04676):

- Global pooling is replaced by a *context*: a thumbnail of the whole corrupted image, encoded once, that
  modulates every block. Crops in training and whole images in use then see the same statistics.
- The context also predicts a colour map, so that light and contrast need no deep receptive field; with
  `local_colour` the deepest level adds a smooth gain and offset for each place, for uneven veils (fog, flare).
- With `with_deblocker` a second network of the same shape takes the images that are cut into blocks (JPEG, pixelation),
  which are told by their borders: one network for all learned to leave blocks alone, because a small window can hardly
  tell them from texture.
- A *predicted scale* (per pixel, from a quarter of the resolution) says how far off the network expects
  to be: the uncertainty map, and the spread of its draws.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

THUMBNAIL = 48
BLOCK = 8  # of JPEG
CUT, STILL = 0.35, 0.4  # contrast of block borders, share of still lines from which an image counts as cut into blocks
STRIDE = 16  # sides of the input are multiples of this: pixel-unshuffle 2, three levels down
MIN_LOG_SCALE, MAX_LOG_SCALE = -7.0, 0.0  # of the expected absolute error in [0, 1]


class Prediction(NamedTuple):
    """`clean` [B, 3, H, W], about [0, 1]; `log_scale` [B, 1, H/4, W/4], log of the expected |error|."""

    clean: Tensor
    log_scale: Tensor


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of [B, C, H, W] (fast in channels_last)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def gate(x: Tensor) -> Tensor:
    """NAFNet's SimpleGate: the product of both halves of the channels."""
    first, second = x.chunk(2, dim=1)
    return first * second


class Block(nn.Module):
    """NAF block whose channel attention comes from the context instead of from pooling."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.attend = nn.Linear(context, width)
        self.project = nn.Conv2d(width, width, 1)
        self.feed = nn.Conv2d(width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        self.beta = nn.Parameter(torch.full((1, width, 1, 1), 0.1))
        self.gamma = nn.Parameter(torch.full((1, width, 1, 1), 0.1))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        h = gate(self.depthwise(self.expand(self.norm1(x))))
        h = h * (1 + self.attend(context))[:, :, None, None]
        x = x + self.beta * self.project(h)
        return x + self.gamma * self.out(gate(self.feed(self.norm2(x))))


class Context(nn.Module):
    """Encodes the thumbnail [B, 8, 48, 48] and the time [B] into one vector."""

    def __init__(self, width: int, sees_blocks: bool) -> None:
        super().__init__()
        self.sees_blocks = sees_blocks
        self.conv = nn.Sequential(
            nn.Conv2d(6, 32, 3, padding=1), nn.SiLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        told = 64 + 64 + 6 + 2 + 9 + 2 * sees_blocks
        self.mix = nn.Sequential(nn.Linear(told, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, thumbnail: Tensor, time: Tensor) -> Tensor:
        cut = [thumbnail[:, 6:, 0, 0]] if self.sees_blocks else []
        thumbnail = thumbnail[:, :6]
        h = self.conv(thumbnail)
        colours = thumbnail[:, :3].flatten(2)
        spread = [colours.std(2), colours.amin(2), colours.amax(2)]  # contrast and fog show here
        pooled = [h.mean((2, 3)), h.amax((2, 3)), thumbnail.mean((2, 3))]
        mixed: Tensor = self.mix(torch.cat([*pooled, time[:, None], (1 - time)[:, None], *spread, *cut], dim=1))
        return mixed


def thumbnail(image: Tensor) -> Tensor:
    """What the network is told of a whole image [B, 3, H, W]: colour, local detail and blocks, [B, 8, 48, 48].

    Detail is the mean absolute difference to the right and lower neighbours (times 4), which tells noise
    from blur after the colours have been averaged. The blocks are the same in every cell, see `blocks`.
    """
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).abs()
    down = (image[:, :, 1:] - image[:, :, :-1]).abs()
    detail = F.pad(right, (0, 1, 0, 0), mode="replicate") + F.pad(down, (0, 0, 0, 1), mode="replicate")
    cells = F.adaptive_avg_pool2d(torch.cat([image, 2 * detail], dim=1), THUMBNAIL)
    return torch.cat([cells, blocks(right, down)[:, :, None, None].expand(-1, -1, THUMBNAIL, THUMBNAIL)], dim=1)


def blocks(right: Tensor, down: Tensor) -> Tensor:
    """How far an image is cut into blocks, [B, 2], from its differences to the right [B, 3, H, W-1] and down.

    First the logarithm of the mean difference across the borders of 8 by 8 blocks over that of all neighbours (0: no
    blocks; JPEG about 0.3 to 1.5); then the share of lines, from edge to edge, across which nothing changes (pixelation
    by factor f: 1 - 1 / f; photos: 0).
    """
    still = torch.stack(
        [(part.amax((1, line)) < 0.5 / 255).to(part.dtype).mean(1) for part, line in ((right, 2), (down, 3))]
    ).mean(0)
    borders = [right[..., BLOCK - 1 :: BLOCK], down[..., BLOCK - 1 :: BLOCK, :]]
    if not all(part.numel() for part in borders):  # smaller than a block
        return torch.stack([torch.zeros_like(still), torch.zeros_like(still)], dim=1)
    across, everywhere = (
        torch.stack([part.mean((1, 2, 3)) for part in two]).mean(0) for two in (borders, (right, down))
    )
    return torch.stack([torch.log((across + 5e-4) / (everywhere + 5e-4)), still], dim=1)


def is_cut(thumbnail: Tensor) -> Tensor:
    """Whether each image [B] is cut into blocks, from its thumbnail."""
    contrast, still = thumbnail[:, 6:, 0, 0].unbind(1)
    cut: Tensor = (contrast > CUT) | (still > STILL)
    return cut


class RecoveryNet(ModelMixin, ConfigMixin):
    """`forward(x_t, corrupted, time, thumbnail) -> Prediction`; images in [0, 1], sides multiples of 16."""

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128, 192),
        encoder_blocks: tuple[int, ...] = (1, 1, 2, 3),
        decoder_blocks: tuple[int, ...] = (1, 1, 2),
        context_width: int = 128,
        local_colour: bool = False,
        with_deblocker: bool = False,
        sees_blocks: bool = False,
    ) -> None:
        super().__init__()
        sizes = widths, encoder_blocks, decoder_blocks, context_width, local_colour
        self.deblocker = RecoveryNet(*sizes) if with_deblocker else None
        self.context = Context(context_width, sees_blocks)
        self.colour = nn.Linear(context_width, 12)
        self.stem = nn.Conv2d(24, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.ModuleList(Block(width, context_width) for _ in range(count))
            for width, count in zip(widths, encoder_blocks, strict=True)
        )
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(widths, widths[1:], strict=False))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(b, 4 * a, 1, bias=False), nn.PixelShuffle(2))
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.decoder = nn.ModuleList(
            nn.ModuleList(Block(width, context_width) for _ in range(count))
            for width, count in zip(widths, decoder_blocks, strict=False)
        )
        self.change = nn.Conv2d(widths[0], 16, 3, padding=1)
        self.scale = nn.Conv2d(widths[1], 1, 3, padding=1)
        self.local = nn.Conv2d(widths[-1], 6, 1) if local_colour else None
        for head in (self.colour, self.change, self.scale, *([self.local] if self.local else [])):
            for parameter in head.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x_t: Tensor, corrupted: Tensor, time: Tensor, thumbnail: Tensor) -> Prediction:
        cut = is_cut(thumbnail)
        if self.deblocker is None or not cut.any():
            return self._recover(x_t, corrupted, time, thumbnail)
        if cut.all():
            return cast(Prediction, self.deblocker(x_t, corrupted, time, thumbnail))
        told = x_t, corrupted, time, thumbnail
        theirs = self.deblocker(*(part[cut] for part in told))
        ours = self._recover(*(part[~cut] for part in told))
        order = torch.argsort(torch.cat([cut.nonzero(), (~cut).nonzero()]).flatten())
        return Prediction(*(torch.cat(two)[order] for two in zip(theirs, ours, strict=True)))

    def _recover(self, x_t: Tensor, corrupted: Tensor, time: Tensor, thumbnail: Tensor) -> Prediction:
        context = self.context(thumbnail, time)
        h = self.stem(F.pixel_unshuffle(torch.cat([x_t, corrupted], dim=1) - 0.5, 2))
        h, deepest, log_scale = self._unet(h, context)
        change = F.pixel_shuffle(self.change(h), 2)
        base = self._local_map(self._colour_map(corrupted, context), deepest)
        clean = base + torch.sigmoid(change[:, 3:] + 2) * change[:, :3]
        return Prediction(clean, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE))

    def _unet(self, h: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        skips = []
        for level, blocks in enumerate(self.encoder):
            for block in cast(nn.ModuleList, blocks):
                h = block(h, context)
            if level < len(self.down):
                skips.append(h)
                h = self.down[level](h)
        deepest = log_scale = h
        for level in reversed(range(len(self.up))):
            h = self.up[level](h) + skips[level]
            for block in cast(nn.ModuleList, self.decoder[level]):
                h = block(h, context)
            if level == 1:
                log_scale = self.scale(h) - 3.5
        return h, deepest, log_scale

    def _local_map(self, image: Tensor, deepest: Tensor) -> Tensor:
        """A gain (in the logarithm) and an offset for each channel, smooth over the image."""
        if self.local is None:
            return image
        field = F.interpolate(self.local(deepest), size=image.shape[-2:], mode="bilinear")
        gain, offset = field.chunk(2, dim=1)
        return torch.exp(gain.clamp(-2, 2)) * (image - 0.5) + 0.5 + offset

    def _colour_map(self, image: Tensor, context: Tensor) -> Tensor:
        """Per channel gain, offset and a quadratic term, with the gain in the logarithm."""
        gain, offset, curve, mix = self.colour(context)[:, :, None, None].chunk(4, dim=1)
        mean = image.mean(1, keepdim=True)
        mapped = torch.exp(gain.clamp(-3, 3)) * (image - 0.5) + 0.5 + offset
        return mapped + curve * image * (1 - image) + mix * (mean - image)
