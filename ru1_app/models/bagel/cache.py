"""Keys and values of a conversation, in buffers that are allocated once and shared by its prefixes.

Full attention does not mind the order of its keys. So the keys of an image being generated, which are never kept,
lie *before* the kept ones: one contiguous slice serves the whole context and any prefix of it, nothing is copied.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ru1_app.errors import ModelFailed

CHUNK = 512  # tokens: buffers grow to a multiple of it, and at least by half


class Buffers:
    """[kv_heads, front + capacity, head_dim] for keys and for values of each layer, where the layer's weights are."""

    def __init__(self, layers: int, capacity: int = 0) -> None:
        self.keys: list[Tensor | None] = [None] * layers
        self.values: list[Tensor | None] = [None] * layers
        self.front, self.capacity, self.filled = 0, capacity, 0

    def at(self, layer: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Both buffers of a layer; `like` is [..., kv_heads, tokens, head_dim]."""
        keys, values = self.keys[layer], self.values[layer]
        if keys is None or values is None:
            shape = (like.shape[-3], self.front + self.capacity, like.shape[-1])
            keys, values = like.new_empty(shape), like.new_empty(shape)
            self.keys[layer], self.values[layer] = keys, values
        return keys, values

    def reserve(self, *, front: int = 0, length: int = 0) -> None:
        """Room for `front` tokens that are not kept and `length` that are."""
        if front <= self.front and length <= self.capacity:
            return
        wide, long = max(front, self.front), self.capacity
        if length > long:
            long = -(-max(length, long * 3 // 2) // CHUNK) * CHUNK
        for store in (self.keys, self.values):
            for layer, old in enumerate(store):
                if old is not None:
                    new = old.new_empty(old.shape[0], wide + long, old.shape[2])
                    new[:, wide : wide + self.filled] = old[:, self.front : self.front + self.filled]
                    store[layer] = new
        self.front, self.capacity = wide, long


class Context:
    """A sequence of segments: `length` tokens in the buffers, `rope` the next position.

    All tokens of an image share one position, so `rope` is at most `length`.
    """

    def __init__(self, layers: int, capacity: int = 0) -> None:
        self.buffers = Buffers(layers, capacity)
        self.length = self.rope = 0

    def prefix(self) -> Context:
        """The sequence as it stands, sharing the buffers. It may be attended to, but no longer grow once this does."""
        view = Context.__new__(Context)
        view.buffers, view.length, view.rope = self.buffers, self.length, self.rope
        return view

    def extend(self, tokens: int, positions: int) -> None:
        """Count a segment whose keys are in place."""
        self.length += tokens
        self.rope += positions
        self.buffers.filled = self.length

    def rewind(self, length: int, rope: int) -> None:
        """Forget what came after a point of this sequence."""
        self.length, self.rope = length, rope
        self.buffers.filled = length

    def slot(self, tokens: int, *, keep: bool) -> tuple[int, int, int]:
        """Where `tokens` new keys go, and the slice (from, to) to attend to when they are in place."""
        buffers = self.buffers
        if not keep:
            buffers.reserve(front=tokens)
            return buffers.front - tokens, buffers.front - tokens, buffers.front + self.length
        if self.length != buffers.filled:
            raise ModelFailed("A context that others have grown past cannot grow. This is a fault of the program.")
        buffers.reserve(length=self.length + tokens)
        return buffers.front + self.length, buffers.front, buffers.front + self.length + tokens

    def key_values(self, layer: int) -> tuple[Tensor, Tensor]:
        """Kept keys and values [length, kv_heads, head_dim] of a layer, for inspection."""
        keys, values = self.buffers.keys[layer], self.buffers.values[layer]
        if keys is None or values is None:
            return torch.empty(0), torch.empty(0)
        kept = slice(self.buffers.front, self.buffers.front + self.length)
        return keys[:, kept].transpose(0, 1), values[:, kept].transpose(0, 1)
