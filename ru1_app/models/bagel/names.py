"""Tensor names: those of the published files and those of our modules, both ways.

The main file's names are upstream's; those of the autoencoder are LDM's, while our module is diffusers' AutoencoderKL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

AUTOENCODER = "autoencoder.kl."
_PLAIN = [  # ours, theirs
    ("language.embed_tokens.", "language_model.model.embed_tokens."),
    ("language.lm_head.", "language_model.lm_head."),
    ("language.norm_gen.", "language_model.model.norm_moe_gen."),
    ("language.norm.", "language_model.model.norm."),
    ("vision.patch_embedding.", "vit_model.vision_model.embeddings.patch_embedding."),
    ("vision.position_embedding.", "vit_model.vision_model.embeddings.position_embedding."),
    ("vision.layers.", "vit_model.vision_model.encoder.layers."),
    ("vision.post_layernorm.", "vit_model.vision_model.post_layernorm."),
    ("time_embedder.linear_1.", "time_embedder.mlp.0."),
    ("time_embedder.linear_2.", "time_embedder.mlp.2."),
    ("latent_positions", "latent_pos_embed.pos_embed"),
    ("vision_positions", "vit_pos_embed.pos_embed"),
]


def published(name: str, levels: int) -> str:
    """The published name of one of our tensors; `levels` are the resolutions of the autoencoder."""
    if name.startswith(AUTOENCODER):
        return _ldm(name.removeprefix(AUTOENCODER), levels)
    layer = re.fullmatch(r"language\.layers\.(\d+)\.(und|gen)\.(\w+)\.(.*)", name)
    if layer:
        number, expert, module, rest = layer.groups()
        inside = "self_attn." if module[1:] in ("_proj", "_norm") else ""
        suffix = "_moe_gen" if expert == "gen" else ""
        return f"language_model.model.layers.{number}.{inside}{module}{suffix}.{rest}"
    for ours, theirs in _PLAIN:
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


def names(ours: Iterable[str], levels: int) -> dict[str, str]:
    """Published name -> our name."""
    return {published(name, levels): name for name in ours}


def _ldm(name: str, levels: int) -> str:
    """LDM's name of a tensor of diffusers' AutoencoderKL. Their decoder counts its levels from the finest."""
    side, _, rest = name.partition(".")
    part = rest.split(".")
    if part[0] == "conv_norm_out":
        return f"{side}.norm_out.{part[1]}"
    if part[0] == "mid_block":
        if part[1] == "attentions":
            return f"{side}.mid.attn_1.{_attention(part[3:])}"
        return f"{side}.mid.block_{int(part[2]) + 1}.{_block(part[3:])}"
    if part[0] in ("down_blocks", "up_blocks"):
        down = part[0] == "down_blocks"
        level = int(part[1]) if down else levels - 1 - int(part[1])
        where = f"{side}.{'down' if down else 'up'}.{level}"
        if part[2] == "resnets":
            return f"{where}.block.{part[3]}.{_block(part[4:])}"
        return f"{where}.{'downsample' if down else 'upsample'}.{'.'.join(part[4:])}"
    return name


def _block(part: list[str]) -> str:
    return ".".join(part).replace("conv_shortcut", "nin_shortcut")


def _attention(part: list[str]) -> str:
    table = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out"}
    return f"{table[part[0]]}.{part[-1]}"
