"""A tiny random checkpoint in the published layout, made with the real classes."""

from __future__ import annotations

from pathlib import Path

import torch

from ru1_app.models.bagel.config import AutoencoderConfig, BagelConfig, LanguageConfig, VisionConfig
from ru1_app.models.bagel.load import save_bagel, write_configs
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.tokens import BOS, END_OF_TEXT, EOS, IMAGE_END, IMAGE_START

TINY = BagelConfig(
    language=LanguageConfig(32, 2, 4, 2, 48, 300, 8, 1e-6, 1e4, "silu", tied=False, qk_norm=True),
    vision=VisionConfig(24, 2, 2, 32, 14, 4900, 1e-6, "gelu_pytorch_tanh"),
    autoencoder=AutoencoderConfig((32, 32, 32, 32), 1, 16),
    latent_patch=2,
    latent_side=64,
    vision_side=70,
)


def random_bagel(config: BagelConfig = TINY, seed: int = 0) -> Bagel:
    """A model with small random weights; no global random state is touched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Bagel(config).eval().requires_grad_(False)


def write_tokenizer(folder: Path) -> Path:
    """A byte-level BPE tokenizer without merges: 256 bytes and the special tokens."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    bpe.normalizer, bpe.decoder = normalizers.NFC(), decoders.ByteLevel()
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.add_special_tokens([END_OF_TEXT, BOS, EOS, IMAGE_START, IMAGE_END])
    Qwen2TokenizerFast(tokenizer_object=bpe, eos_token=EOS, pad_token=END_OF_TEXT).save_pretrained(str(folder))
    return folder


def make_tiny_bagel(folder: Path, config: BagelConfig = TINY, *, main_file: str = "model.safetensors") -> Path:
    """The folder of a checkpoint that `open_bagel` loads."""
    save_bagel(random_bagel(config), folder, main_file=main_file)
    write_configs(config, folder)
    return write_tokenizer(folder)
