"""A conversation: what people say and show, in the words of upstream's two ways of using the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.draws import Draws
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.pictures import from_patches, resize, to_pixels, to_rgb, to_tensor
from ru1_app.models.bagel.sampler import Branches, Step, sample
from ru1_app.models.bagel.settings import Sampling, Settings
from ru1_app.models.bagel.tokens import Tokens

Grid = tuple[int, int]
PREVIEW = 16  # latents on the longer side of a preview, which is decoded small


@dataclass(frozen=True)
class Session:
    """A model, its tokenizer, and how they are used in one conversation."""

    model: Bagel
    tokens: Tokens
    settings: Settings
    draws: Draws

    def context(self) -> Context:
        """An empty context."""
        return self.model.context()

    def tell(self, text: str, contexts: Sequence[Context]) -> None:
        """Append a text of a person or of the model."""
        ids = self.tokens.segment(text, plain=self.settings.choices.plain_specials)
        self.model.feed_text(ids, contexts)

    def fit(self, image: Image.Image) -> Image.Image:
        """The image as both branches get it: RGB, at the size of the latent's resize rule."""
        return resize(to_rgb(image), self.settings.latent_resize, area_root=self.settings.choices.area_root)

    def show(self, image: Image.Image, contexts: Sequence[Context], *, latent: bool, seen: bool) -> None:
        """Append a fitted image: as clean latents, as the vision tower sees it, or both in this order.

        What is computed of an image serves all contexts; upstream draws another latent for each.
        """
        model, marks = self.model, self.tokens.image
        groups = [list(contexts)] if self.settings.choices.shared_posterior else [[context] for context in contexts]
        tokens = self._seen(image) if seen else None
        for group in groups:
            if latent:
                model.feed_latent(self._latent(image), marks, group)
            if tokens is not None:
                model.feed_seen(tokens, marks, group)

    def grid(self, image: Image.Image) -> Grid:
        """Tokens (h, w) of an image of this size."""
        side = self.model.config.pixels_per_token
        return image.height // side, image.width // side

    def draw(self, branches: Branches, grid: Grid, sampling: Sampling) -> Iterator[Step]:
        """Generate an image."""
        return sample(self.model, branches, grid, self.tokens.image, (sampling, self.settings.choices), self.draws)

    def pixels(self, x: Any, grid: Grid) -> Any:
        """The image uint8 [H, W, 3] of latent tokens."""
        latent = from_patches(x, grid, self.model.config.latent_patch)
        return to_pixels(self.model.autoencoder.decode(latent[None])[0], rounded=self.settings.choices.round_pixels)

    def preview(self, x: Any, grid: Grid) -> Any:
        """A small image of latent tokens, at a fraction of the cost of decoding them all."""
        from torch.nn.functional import interpolate

        latent = from_patches(x, grid, self.model.config.latent_patch)[None]
        scale = min(1.0, PREVIEW / max(latent.shape[-2:]))
        small = interpolate(latent, scale_factor=scale, mode="area") if scale < 1 else latent
        return to_pixels(self.model.autoencoder.decode(small)[0])

    def _seen(self, image: Image.Image) -> Any:
        rule, root = self.settings.vision_resize, self.settings.choices.area_root
        return self.model.see(to_tensor(resize(image, rule, area_root=root)))

    def _latent(self, image: Image.Image) -> Any:
        config = self.model.config
        f = config.autoencoder.downsample
        shape = (1, config.autoencoder.latent_channels, image.height // f, image.width // f)
        return self.model.compress(to_tensor(image), self.draws.posterior(shape))
