"""Pixels to latents and back: the FLUX autoencoder in diffusers' modules (upstream modeling/autoencoder.py)."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from ru1_app.models.bagel.config import AutoencoderConfig


class Autoencoder(nn.Module):
    """Images [1, 3, H, W] in [-1, 1] to scaled latents [1, C, H / f, W / f] and back."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(config.channels)
        self.kl = AutoencoderKL(
            block_out_channels=config.channels,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            layers_per_block=config.layers_per_block,
            latent_channels=config.latent_channels,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )

    def moments(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior, not clamped."""
        mean, log_variance = self.kl.encoder(image).chunk(2, 1)
        return mean, log_variance

    def encode(self, image: Tensor, noise: Tensor | None) -> Tensor:
        """A latent drawn with `noise` of its shape, or the most likely one."""
        mean, log_variance = self.moments(image)
        if noise is not None:
            mean = mean + torch.exp(0.5 * log_variance) * noise.to(mean)
        return self.config.scale * (mean - self.config.shift)

    def decode(self, latent: Tensor) -> Tensor:
        """The image, not clamped."""
        dtype = next(self.kl.parameters()).dtype
        return self.kl.decoder((latent / self.config.scale + self.config.shift).to(dtype))
