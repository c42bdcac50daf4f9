"""The dimensions of a checkpoint, read from its files. Nothing is assumed that a file gives."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ru1_app.errors import Unavailable

LLM_FILE, VIT_FILE = "llm_config.json", "vit_config.json"
Shapes = Mapping[str, Sequence[int]]  # tensor name -> shape


@dataclass(frozen=True, slots=True)
class LanguageConfig:
    """A Qwen2 decoder; every layer exists twice (`und`, `gen`)."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    vocab_size: int
    head_dim: int
    rms_norm_eps: float
    rope_theta: float
    hidden_act: str
    tied: bool
    qk_norm: bool


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """A SigLIP encoder without its last layer, which upstream drops and the files do not hold."""

    hidden_size: int
    num_hidden_layers: int  # as built
    num_attention_heads: int
    intermediate_size: int
    patch_size: int
    positions: int  # rows of its position table
    layer_norm_eps: float
    hidden_act: str


@dataclass(frozen=True, slots=True)
class AutoencoderConfig:
    """The FLUX autoencoder: widths from its tensors; scale and shift are in no file (upstream autoencoder.py)."""

    channels: tuple[int, ...]  # of each resolution, finest first
    layers_per_block: int
    latent_channels: int
    scale: float = 0.3611
    shift: float = 0.1159

    @property
    def downsample(self) -> int:
        """Pixels per latent."""
        return int(2 ** (len(self.channels) - 1))


@dataclass(frozen=True, slots=True)
class BagelConfig:
    """All dimensions. `latent_patch` latents on a side make one token; the sides are those of the position tables."""

    language: LanguageConfig
    vision: VisionConfig
    autoencoder: AutoencoderConfig
    latent_patch: int
    latent_side: int
    vision_side: int

    @property
    def latent_width(self) -> int:
        """Channels of a latent token."""
        return self.latent_patch**2 * self.autoencoder.latent_channels

    @property
    def pixels_per_token(self) -> int:
        """Side in pixels of the square that one latent token stands for."""
        return self.latent_patch * self.autoencoder.downsample


def read_config(folder: Path, shapes: Shapes, ae_shapes: Shapes) -> BagelConfig:
    """The configuration of a checkpoint from its JSON files and the shapes of its tensors.

    Raises:
        Unavailable: a value or a tensor is missing or impossible; the message names it.
    """
    autoencoder = _autoencoder(ae_shapes)
    width = _shape(shapes, "vae2llm.weight")[1]
    patch = math.isqrt(width // autoencoder.latent_channels)
    if patch < 1 or patch**2 * autoencoder.latent_channels != width:
        raise Unavailable(
            f"The tensor 'vae2llm.weight' takes {width} channels, which no square of latents with "
            f"{autoencoder.latent_channels} channels gives. The two weight files do not belong together."
        )
    return BagelConfig(
        language=_language(folder, shapes),
        vision=_vision(folder, shapes),
        autoencoder=autoencoder,
        latent_patch=patch,
        latent_side=_side(shapes, "latent_pos_embed.pos_embed", lambda: _told(folder, "max_latent_size", 64)),
        vision_side=_side(shapes, "vit_pos_embed.pos_embed", lambda: _told(folder, "vit_max_num_patch_per_side", 70)),
    )


def _language(folder: Path, shapes: Shapes) -> LanguageConfig:
    raw = _Json(folder / LLM_FILE)
    heads, hidden = raw.whole("num_attention_heads"), raw.whole("hidden_size")
    rope = raw.values.get("rope_parameters") or {}
    return LanguageConfig(
        hidden_size=hidden,
        num_hidden_layers=raw.whole("num_hidden_layers"),
        num_attention_heads=heads,
        num_key_value_heads=raw.whole("num_key_value_heads", heads),
        intermediate_size=raw.whole("intermediate_size"),
        vocab_size=raw.whole("vocab_size"),
        head_dim=raw.whole("head_dim", hidden // heads),
        rms_norm_eps=raw.number("rms_norm_eps", 1e-6),
        rope_theta=raw.number("rope_theta", float(rope.get("rope_theta", 1e4))),
        hidden_act=str(raw.values.get("hidden_act", "silu")),
        tied=bool(raw.values.get("tie_word_embeddings", False)) and "language_model.lm_head.weight" not in shapes,
        qk_norm=any(name.endswith("self_attn.q_norm.weight") for name in shapes),
    )


def _vision(folder: Path, shapes: Shapes) -> VisionConfig:
    raw = _Json(folder / VIT_FILE)
    return VisionConfig(
        hidden_size=raw.whole("hidden_size"),
        num_hidden_layers=raw.whole("num_hidden_layers") - 1,
        num_attention_heads=raw.whole("num_attention_heads"),
        intermediate_size=raw.whole("intermediate_size"),
        patch_size=raw.whole("patch_size"),
        positions=(raw.whole("image_size") // raw.whole("patch_size")) ** 2,
        layer_norm_eps=raw.number("layer_norm_eps", 1e-6),
        hidden_act=str(raw.values.get("hidden_act", "gelu_pytorch_tanh")),
    )


def _autoencoder(shapes: Shapes) -> AutoencoderConfig:
    channels: list[int] = []
    while (name := f"encoder.down.{len(channels)}.block.0.conv1.weight") in shapes:
        channels.append(shapes[name][0])
    blocks = 0
    while f"encoder.down.0.block.{blocks}.conv1.weight" in shapes:
        blocks += 1
    if not channels:
        raise Unavailable("The file 'ae.safetensors' lacks the tensor 'encoder.down.0.block.0.conv1.weight'.")
    return AutoencoderConfig(tuple(channels), blocks, _shape(shapes, "decoder.conv_in.weight")[1])


def _shape(shapes: Shapes, name: str) -> Sequence[int]:
    if name not in shapes:
        raise Unavailable(f"The weights lack the tensor {name!r}. Get the model's files again.")
    return shapes[name]


def _side(shapes: Shapes, name: str, default: Callable[[], int]) -> int:
    """Side of a square position table; training code leaves the tables out when it resumes."""
    return math.isqrt(shapes[name][0]) if name in shapes else default()


def _told(folder: Path, key: str, default: int) -> int:
    """A size from the `config.json` that training writes beside the others, where there is one."""
    path = folder / "config.json"
    return _Json(path).whole(key, default) if path.is_file() else default


class _Json:
    """One configuration file and what may be asked of it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self.values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise Unavailable(f"The file {path.name!r} cannot be read as JSON. Get it again.") from error
        if not isinstance(self.values, dict):
            raise Unavailable(f"The file {path.name!r} holds no JSON object. Get it again.")

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number above zero."""
        value = self.values.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Unavailable(f"{key!r} in the file {self.name!r} is {value!r}; it must be a whole number above zero.")
        return value

    def number(self, key: str, default: float) -> float:
        """A number above zero."""
        value = self.values.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise Unavailable(f"{key!r} in the file {self.name!r} is {value!r}; it must be a number above zero.")
        return float(value)
