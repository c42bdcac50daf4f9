"""Where chance comes from: one seed, one stream for each purpose, no global state."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Draws(Protocol):
    """Everything random in one use of the model. Noise is N(0, 1) float32 on the CPU."""

    def posterior(self, shape: tuple[int, ...]) -> Tensor:
        """For the latent of a context image."""
        ...

    def start(self, shape: tuple[int, ...]) -> Tensor:
        """Where a generated image begins, [tokens, latent width]."""
        ...

    def step(self, shape: tuple[int, ...]) -> Tensor:
        """For a stochastic step."""
        ...

    def word(self, probabilities: Tensor) -> int:
        """An index drawn from probabilities [vocabulary]."""
        ...


class Seeded:
    """The draws of a seed, 0 included. What one purpose takes does not move the others."""

    def __init__(self, seed: int) -> None:
        states = np.random.SeedSequence(seed).generate_state(4, np.uint64)
        self._posterior, self._start, self._step, self._word = (
            torch.Generator().manual_seed(int(state >> np.uint64(1))) for state in states
        )

    def posterior(self, shape: tuple[int, ...]) -> Tensor:
        """See `Draws`."""
        return torch.randn(shape, generator=self._posterior)

    def start(self, shape: tuple[int, ...]) -> Tensor:
        """See `Draws`."""
        return torch.randn(shape, generator=self._start)

    def step(self, shape: tuple[int, ...]) -> Tensor:
        """See `Draws`."""
        return torch.randn(shape, generator=self._step)

    def word(self, probabilities: Tensor) -> int:
        """See `Draws`."""
        return int(torch.multinomial(probabilities.cpu(), 1, generator=self._word))
