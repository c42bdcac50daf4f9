"""The settings of the answerer's training: the keys of answerer.toml and reason.toml."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ru1_app.training.answerer_build import Sizes
from ru1_app.training.answerer_data import Shares

END_WEIGHT = 0.1  # of the token that ends an answer


@dataclass(frozen=True, slots=True)
class AnswererConfig:
    """The keys of answerer.toml."""

    seed: int
    dense_steps: int
    frozen_until: int
    steps: int
    batch: int
    lr: float
    warmup: int
    weight_decay: float
    ema: float
    pair_share: float
    recovered_share: float
    corrupted_share: float
    caption_share: float
    level_weight: float
    caption_weight: float
    cell_weight: float
    damaged_weight: float
    word_weight: float
    place_weight: float
    checkpoint_every: int
    vision_width: int
    vision_depths: list[int]
    text_width: int
    text_depth: int
    text_heads: int

    @property
    def sizes(self) -> Sizes:
        """The model's part of the settings."""
        return Sizes(self.vision_width, self.vision_depths, self.text_width, self.text_depth, self.text_heads)

    @property
    def shares(self) -> Shares:
        """The mix of prompts."""
        return Shares(self.pair_share, self.recovered_share, self.corrupted_share, self.caption_share)

    @property
    def said(self) -> dict[str, float]:
        """The weights of what is said around the answers."""
        return {"level": self.level_weight, "caption": self.caption_weight, "end": END_WEIGHT}

    @property
    def needs_pool(self) -> bool:
        """Whether any prompt shows a recovery, or an image that was corrupted."""
        return max(self.pair_share, self.recovered_share, self.corrupted_share) > 0

    def rate(self, step: int) -> float:
        """The learning rate: a linear warm-up, then a cosine to 2 %."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))
