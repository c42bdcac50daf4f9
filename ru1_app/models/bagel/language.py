"""The decoder: Qwen2 with a mixture of transformers (upstream modeling/bagel/qwen2_navit.py).

Every layer has two complete sets of weights: `und` for text and seen images, `gen` for latents. Which one a token
takes is fixed by its place; attention is one softmax over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP

from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.config import LanguageConfig


class Turn(NamedTuple):
    """One forward pass of n tokens in each of B contexts.

    `latents`: the n - 2 tokens between the delimiters are latents and take the `gen` weights.
    `causal`: a token sees the context, itself and what came before it; else all of the segment.
    `keep`: the keys stay in the context.
    """

    contexts: Sequence[Context]
    tokens: int
    latents: bool = False
    causal: bool = False
    keep: bool = True


class Rotary(NamedTuple):
    """Cosine and sine [B, 1, n or 1, head_dim] of the tokens' angles; n = 1 where all share a position."""

    cos: Tensor
    sin: Tensor

    def turn(self, x: Tensor, tokens: slice) -> Tensor:
        """Rotate x [B, heads, k, head_dim], the tokens `tokens` of the segment; halves are paired."""
        cos, sin = (self.cos, self.sin) if self.cos.shape[2] == 1 else (self.cos[:, :, tokens], self.sin[:, :, tokens])
        first, second = x.chunk(2, -1)
        return x * cos.to(x) + torch.cat([-second, first], -1) * sin.to(x)


class Expert(nn.Module):
    """One set of weights of a layer."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        hidden, head = config.hidden_size, config.head_dim
        queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
        self.head_dim = head
        self.input_layernorm = nn.RMSNorm(hidden, config.rms_norm_eps)
        self.q_proj = nn.Linear(hidden, queries)
        self.k_proj = nn.Linear(hidden, keys)
        self.v_proj = nn.Linear(hidden, keys)
        self.o_proj = nn.Linear(queries, hidden, bias=False)
        self.q_norm = nn.RMSNorm(head, config.rms_norm_eps) if config.qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(head, config.rms_norm_eps) if config.qk_norm else nn.Identity()
        self.post_attention_layernorm = nn.RMSNorm(hidden, config.rms_norm_eps)
        self.mlp = Qwen2MLP(_mlp_config(config))

    def project(self, x: Tensor, rotary: Rotary, tokens: slice) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, k, hidden] -> queries, keys and values [B, heads, k, head_dim], rotated."""
        x = self.input_layernorm(x)
        q, k, v = (self._heads(projection(x)) for projection in (self.q_proj, self.k_proj, self.v_proj))
        return rotary.turn(self.q_norm(q), tokens), rotary.turn(self.k_norm(k), tokens), v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """The layer's output from its input and the attention's [B, k, queries]."""
        x = x + self.o_proj(attended)
        return x + self.mlp(self.post_attention_layernorm(x))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


class Layer(nn.Module):
    """A decoder layer: the tokens of each expert apart, one attention over all."""

    def __init__(self, config: LanguageConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.und, self.gen = Expert(config), Expert(config)

    def forward(self, parts: list[Tensor], rotary: Rotary, masks: list[Tensor | None], turn: Turn) -> list[Tensor]:
        """`parts`: tokens [B, k, hidden] by expert, as `routes` orders them; a mask for each context, or None."""
        ways = list(zip((self.und, self.gen), routes(turn), parts, strict=False))
        projected = [(tokens, *expert.project(x, rotary, tokens)) for expert, tokens, x in ways]
        first = projected[0][1]
        queries = first.new_empty(first.shape[0], first.shape[1], turn.tokens, first.shape[3])
        for tokens, q, _, _ in projected:
            queries[:, :, tokens] = q
        outputs = []
        for row, (context, mask) in enumerate(zip(turn.contexts, masks, strict=True)):
            place, begin, end = context.slot(turn.tokens, keep=turn.keep)
            keys, values = context.buffers.at(self.index, projected[0][2])
            for tokens, _, k, v in projected:
                keys[:, place : place + turn.tokens][:, tokens] = k[row]
                values[:, place : place + turn.tokens][:, tokens] = v[row]
            outputs.append(attend(queries[row], keys[:, begin:end], values[:, begin:end], mask))
        attended = torch.stack(outputs)
        return [expert.finish(x, attended[:, tokens]) for expert, tokens, x in ways]


def routes(turn: Turn) -> list[slice]:
    """The tokens that take `und`, then those that take `gen`: the delimiters of latents are `und`."""
    if turn.latents:
        return [slice(0, turn.tokens, turn.tokens - 1), slice(1, turn.tokens - 1)]
    return [slice(0, turn.tokens)]


def attend(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """q [heads, n, d], keys and values [kv_heads, k, d], mask [heads / kv_heads * n, k] -> [n, heads * d].

    The queries of the heads that share a key head are laid end to end, so no key is repeated.
    """
    heads, tokens, width = q.shape
    folded = q.reshape(keys.shape[0], heads // keys.shape[0] * tokens, width)
    out = F.scaled_dot_product_attention(folded[None], keys[None], values[None], attn_mask=mask)[0]
    return out.reshape(heads, tokens, width).transpose(0, 1).reshape(tokens, heads * width)


class Decoder(nn.Module):
    """Embeddings, layers, two final norms and the head."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, index) for index in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.norm_gen = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = None if config.tied else nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, parts: list[Tensor], rotary: Rotary, turn: Turn) -> list[Tensor]:
        """The hidden states of `parts` (tokens by expert) after all layers, before the final norms."""
        home = parts[0].device  # layers may be elsewhere, and then bring their inputs there
        masks = [self._mask(context, turn, home) for context in turn.contexts]
        for layer in self.layers:
            parts = layer(parts, rotary, masks, turn)
        return [part.to(home) for part in parts]

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., vocab] float32 from hidden states before the final norm."""
        normed = self.norm(hidden)
        if self.lm_head is None:
            return F.linear(normed, self.embed_tokens.weight).float()
        return self.lm_head(normed).float()

    def rotary(self, positions: Tensor) -> Rotary:
        """Angles of `positions` [B, n or 1], computed in float32."""
        head = self.config.head_dim
        steps = torch.arange(0, head, 2, dtype=torch.float32, device=positions.device) / head
        angles = positions.float()[..., None] * self.config.rope_theta**-steps
        angles = torch.cat([angles, angles], -1)[:, None]
        return Rotary(angles.cos(), angles.sin())

    def _mask(self, context: Context, turn: Turn, device: torch.device) -> Tensor | None:
        """True where a token may look, bottom right, once for each head of a group; None where it may everywhere."""
        if not turn.causal or turn.tokens == 1:
            return None
        groups = self.config.num_attention_heads // self.config.num_key_value_heads
        mask = torch.ones(turn.tokens, context.length + turn.tokens, dtype=torch.bool, device=device)
        return mask.tril(context.length).repeat(groups, 1)


def _mlp_config(config: LanguageConfig) -> SimpleNamespace:
    return SimpleNamespace(
        hidden_size=config.hidden_size, intermediate_size=config.intermediate_size, hidden_act=config.hidden_act
    )
