"""The whole model: decoder, vision tower, autoencoder and the embeddings between them.

It feeds segments into contexts and predicts velocities and tokens. It knows no prompt, no schedule and no policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from ru1_app.models.bagel.autoencoder import Autoencoder
from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.config import BagelConfig
from ru1_app.models.bagel.embed import position_table
from ru1_app.models.bagel.language import Decoder, Rotary, Turn
from ru1_app.models.bagel.pictures import positions, to_patches
from ru1_app.models.bagel.vision import Connector, VisionTower

SINES = 256  # width of the sinusoid of a timestep


class Delimiters(NamedTuple):
    """The ids around an image."""

    start: int
    end: int


class Bagel(nn.Module):
    """See the module. All methods run without gradients unless the caller asks for them."""

    def __init__(self, config: BagelConfig) -> None:
        super().__init__()
        hidden = config.language.hidden_size
        self.config = config
        self.language = Decoder(config.language)
        self.vision = VisionTower(config.vision)
        self.connector = Connector(config.vision.hidden_size, hidden)
        self.autoencoder = Autoencoder(config.autoencoder)
        self.sines = Timesteps(SINES, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedder = TimestepEmbedding(SINES, hidden)
        self.vae2llm = nn.Linear(config.latent_width, hidden)
        self.llm2vae = nn.Linear(hidden, config.latent_width)
        self.latent_positions = nn.Parameter(position_table(config.latent_side, hidden), requires_grad=False)
        self.vision_positions = nn.Parameter(position_table(config.vision_side, hidden), requires_grad=False)

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self.latent_positions.device

    @property
    def dtype(self) -> torch.dtype:
        """The type that is computed in; quantised layers keep theirs."""
        return self.latent_positions.dtype

    def context(self, capacity: int = 0) -> Context:
        """An empty context; `capacity` tokens are reserved when they are first needed."""
        return Context(self.config.language.num_hidden_layers, capacity)

    def embed(self, ids: Sequence[int]) -> Tensor:
        """Token embeddings [n, hidden]."""
        return self.language.embed_tokens(torch.tensor(list(ids), device=self.device))

    def time(self, t: float) -> Tensor:
        """The embedding [1, hidden] of a time in [0, 1], which is not scaled."""
        sines = self.sines(torch.tensor([t], dtype=torch.float32, device=self.device))
        return self.time_embedder(sines.to(self.dtype))

    def see(self, image: Tensor) -> Tensor:
        """What the vision tower makes of an image [3, H, W] in [-1, 1]: tokens [m, hidden]."""
        patch, side = self.config.vision.patch_size, self.config.vision_side
        grid = (image.shape[1] // patch, image.shape[2] // patch)
        where = positions(grid, side).to(self.device)
        features = self.vision(to_patches(image, patch).to(self.device, self.dtype), where)
        return self.connector(features) + self.vision_positions[where]

    def compress(self, image: Tensor, noise: Tensor | None) -> Tensor:
        """The latent [C, h, w] of an image [3, H, W] in [-1, 1]; `noise` draws from the posterior."""
        return self.autoencoder.encode(image[None].to(self.device, self.dtype), noise)[0]

    def latent_positions_of(self, grid: tuple[int, int]) -> Tensor:
        """Position embeddings [h * w, hidden] of a grid of latent tokens."""
        return self.latent_positions[positions(grid, self.config.latent_side).to(self.device)]

    def feed_text(self, ids: Sequence[int], contexts: Sequence[Context]) -> Tensor:
        """Append a text to each context; returns the hidden states [B, n, hidden]."""
        n = len(ids)
        where = torch.tensor([[c.rope + k for k in range(n)] for c in contexts], device=self.device)
        turn = Turn(contexts, n, causal=True)
        (hidden,) = self._run([self.embed(ids)], where, turn)
        for context in contexts:
            context.extend(n, n)
        return hidden

    def feed_seen(self, tokens: Tensor, marks: Delimiters, contexts: Sequence[Context]) -> Tensor:
        """Append what `see` gave; returns the hidden states [B, m + 2, hidden]."""
        start, end = self.embed(marks).split(1)
        segment = torch.cat([start, tokens, end])
        (hidden,) = self._run([segment], self._now(contexts), Turn(contexts, len(segment)))
        for context in contexts:
            context.extend(len(segment), 1)
        return hidden

    def feed_latent(self, latent: Tensor, marks: Delimiters, contexts: Sequence[Context]) -> list[Tensor]:
        """Append a latent [C, h, w] as clean latent tokens (t = 0); returns hidden states, delimiters and latents."""
        patch = self.config.latent_patch
        grid = (latent.shape[1] // patch, latent.shape[2] // patch)
        tokens = self.vae2llm(to_patches(latent, patch)) + self.time(0.0) + self.latent_positions_of(grid)
        turn = Turn(contexts, len(tokens) + 2, latents=True)
        hidden = self._run([self.embed(marks), tokens], self._now(contexts), turn)
        for context in contexts:
            context.extend(turn.tokens, 1)
        return hidden

    def query(self, grid: tuple[int, int], marks: Delimiters, contexts: Sequence[Context]) -> Query:
        """What stays the same over all steps of generating an image of `grid` tokens in these contexts."""
        rotary = self.language.rotary(self._now(contexts))
        turn = Turn(contexts, grid[0] * grid[1] + 2, latents=True, keep=False)
        return Query(self, turn, rotary, self.embed(marks), self.latent_positions_of(grid))

    def next_logits(self, token: int, context: Context) -> Tensor:
        """Append one token; the logits [vocab] of the next."""
        return self.language.logits(self.feed_text([token], [context])[0, -1])

    def _now(self, contexts: Sequence[Context]) -> Tensor:
        return torch.tensor([[context.rope] for context in contexts], device=self.device)

    def _run(self, parts: list[Tensor], where: Tensor, turn: Turn) -> list[Tensor]:
        batch = len(turn.contexts)
        return self.language([part.expand(batch, -1, -1) for part in parts], self.language.rotary(where), turn)


@dataclass(frozen=True)
class Query:
    """Predicts velocities for noisy latent tokens, in all its contexts in one pass."""

    model: Bagel
    turn: Turn
    rotary: Rotary
    ends: Tensor
    where: Tensor

    def only(self, count: int) -> Query:
        """The same for the first `count` contexts."""
        if count == len(self.turn.contexts):
            return self
        rotary = Rotary(self.rotary.cos[:count], self.rotary.sin[:count])
        return Query(self.model, self.turn._replace(contexts=self.turn.contexts[:count]), rotary, self.ends, self.where)

    def tokens(self, x: Tensor, t: float) -> Tensor:
        """Embeddings [m, hidden] of the noisy tokens x [m, latent width] at time t."""
        model = self.model
        return model.vae2llm(x.to(model.dtype)) + model.time(t) + self.where

    def hidden(self, x: Tensor, t: float) -> list[Any]:
        """Hidden states before the last norm, of delimiters [B, 2, hidden] and latents [B, m, hidden]."""
        batch = len(self.turn.contexts)
        parts = [part.expand(batch, -1, -1) for part in (self.ends, self.tokens(x, t))]
        return self.model.language(parts, self.rotary, self.turn)

    def velocities(self, x: Tensor, t: float) -> Tensor:
        """dx/dt [B, m, latent width] float32 for x [m, latent width] at time t."""
        latents = self.hidden(x, t)[1]
        return self.model.llm2vae(self.model.language.norm_gen(latents)).float()
