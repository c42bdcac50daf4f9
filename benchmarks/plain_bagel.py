"""BAGEL's formulas written plainly, as a reference for `bagel.py`: same weights, nothing shared, nothing kept ready.

Each guidance branch is a call of its own; the caches grow by concatenation; tokens are routed by index; image
contexts are computed for each context anew. This is the specification as it reads, not a slowed-down copy of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ru1_app.models.bagel.language import Expert, Layer
from ru1_app.models.bagel.model import Bagel, Delimiters
from ru1_app.models.bagel.pictures import to_patches
from ru1_app.models.bagel.sampler import guided
from ru1_app.models.bagel.settings import Sampling


@dataclass
class PlainContext:
    """Keys and values [tokens, kv_heads, head_dim] of each layer, which grow."""

    keys: list[Tensor | None]
    values: list[Tensor | None]
    length: int = 0
    rope: int = 0
    marks: list[int] = field(default_factory=list)


def empty(model: Bagel) -> PlainContext:
    layers = model.config.language.num_hidden_layers
    return PlainContext([None] * layers, [None] * layers)


def forward(
    model: Bagel, x: Tensor, positions: Tensor, context: PlainContext, gen: Tensor, *, causal: bool, keep: bool
) -> Tensor:
    """x [n, hidden] through all layers; `gen` are the indexes of the tokens that take the gen weights."""
    text = torch.tensor([k for k in range(len(x)) if k not in set(gen.tolist())])
    for number, layer in enumerate(model.language.layers):
        x = layer_forward(layer, x, positions, context, (text, gen), causal, keep, number, model)
    return x


def layer_forward(
    layer: Layer, x: Tensor, positions: Tensor, context: PlainContext, routes: tuple[Tensor, Tensor],
    causal: bool, keep: bool, number: int, model: Bagel,
) -> Tensor:  # fmt: skip
    config = model.config.language
    q = x.new_zeros(len(x), config.num_attention_heads, config.head_dim)
    k, v = (x.new_zeros(len(x), config.num_key_value_heads, config.head_dim) for _ in range(2))
    experts: tuple[tuple[Expert, Tensor], ...] = ((layer.und, routes[0]), (layer.gen, routes[1]))
    for expert, index in experts:
        if len(index):
            normed = expert.input_layernorm(x[index])
            q[index] = expert.q_norm(expert.q_proj(normed).view(len(index), -1, config.head_dim))
            k[index] = expert.k_norm(expert.k_proj(normed).view(len(index), -1, config.head_dim))
            v[index] = expert.v_proj(normed).view(len(index), -1, config.head_dim)
    q, k = rotate(q, positions, config.rope_theta), rotate(k, positions, config.rope_theta)
    old_k, old_v = context.keys[number], context.values[number]
    all_k = k if old_k is None else torch.cat([old_k, k])
    all_v = v if old_v is None else torch.cat([old_v, v])
    if keep:
        context.keys[number], context.values[number] = all_k, all_v
    mask = None
    if causal:
        mask = torch.ones(len(x), len(all_k), dtype=torch.bool).tril(len(all_k) - len(x))
    attended = F.scaled_dot_product_attention(
        q.transpose(0, 1)[None], all_k.transpose(0, 1)[None], all_v.transpose(0, 1)[None], attn_mask=mask,
        enable_gqa=True,
    )[0].transpose(0, 1).reshape(len(x), -1)  # fmt: skip
    out = torch.empty_like(x)
    for expert, index in experts:
        if len(index):
            middle = x[index] + expert.o_proj(attended[index])
            out[index] = middle + expert.mlp(expert.post_attention_layernorm(middle))
    return out


def rotate(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    half = x.shape[-1] // 2
    angles = positions.float()[:, None] * theta ** (-torch.arange(half).float() / half)
    cos, sin = (torch.cat([each, each], -1)[:, None] for each in (angles.cos(), angles.sin()))
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def feed_text(model: Bagel, ids: list[int], context: PlainContext) -> Tensor:
    positions = torch.arange(context.rope, context.rope + len(ids))
    x = forward(model, model.embed(ids), positions, context, torch.tensor([], dtype=torch.long), causal=True, keep=True)
    context.length += len(ids)
    context.rope += len(ids)
    return x


def feed_image(model: Bagel, tokens: Tensor, marks: Delimiters, context: PlainContext, *, latent: bool) -> None:
    ends = model.embed(marks)
    x = torch.cat([ends[:1], tokens, ends[1:]])
    gen = torch.arange(1, len(x) - 1) if latent else torch.tensor([], dtype=torch.long)
    forward(model, x, torch.full((len(x),), context.rope), context, gen, causal=False, keep=True)
    context.length += len(x)
    context.rope += 1


def show(model: Bagel, image: Tensor, seen: Tensor, marks: Delimiters, contexts: list[PlainContext]) -> None:
    """An image into each context: encoded, seen and fed once for each of them."""
    for context in contexts:
        noise = torch.zeros(1, model.config.autoencoder.latent_channels, image.shape[1] // 8, image.shape[2] // 8)
        latent = model.compress(image, noise)
        grid = (latent.shape[1] // 2, latent.shape[2] // 2)
        tokens = model.vae2llm(to_patches(latent, 2)) + model.time(0.0) + model.latent_positions_of(grid)
        feed_image(model, tokens, marks, context, latent=True)
        feed_image(model, model.see(seen), marks, context, latent=False)


def step(
    model: Bagel, x: Tensor, t: float, grid: tuple[int, int], marks: Delimiters, contexts: list[PlainContext]
) -> Tensor:
    """The guided velocity from three calls."""
    velocities = []
    for context in contexts:
        ends = model.embed(marks)
        tokens = model.vae2llm(x) + model.time(t) + model.latent_positions_of(grid)
        packed = torch.cat([ends[:1], tokens, ends[1:]])
        gen = torch.arange(1, len(packed) - 1)
        positions = torch.full((len(packed),), context.rope)
        hidden = forward(model, packed, positions, context, gen, causal=False, keep=False)
        normed = hidden.clone()
        normed[gen] = model.language.norm_gen(hidden[gen])
        velocities.append(model.llm2vae(normed)[1:-1])
    return guided(velocities[0], velocities[1], velocities[2], Sampling())
