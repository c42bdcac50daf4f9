"""A tiny random checkpoint in the published layout, made with the real classes."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ru1_app.models.bagel.config import AutoencoderConfig, BagelConfig, LanguageConfig, VisionConfig
from ru1_app.models.bagel.load import save_bagel, write_configs
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.tokens import BOS, END_OF_TEXT, EOS, IMAGE_END, IMAGE_START, open_tokens

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


def make_talking_bagel(folder: Path, letter: str = "B") -> Path:
    """A checkpoint that says one letter, then draws an image, then says it again, and so on.

    The embeddings of the few tokens that matter are far apart and large, so that the layers between hardly move
    them; the head turns each into the token that follows.
    """
    make_tiny_bagel(folder)
    tokens = open_tokens(folder, TINY.language.vocab_size)
    (said,) = tokens.encode(letter)
    follows = {tokens.bos: said, said: tokens.eos, tokens.eos: tokens.image.start}
    path = folder / "model.safetensors"
    tensors = load_file(path)
    embeddings = tensors["language_model.model.embed_tokens.weight"]
    head = torch.zeros_like(tensors["language_model.lm_head.weight"])
    for place, (token, following) in enumerate(follows.items()):
        embeddings[token] = 0
        embeddings[token, place] = 50
        head[following, place] = 1
    tensors["language_model.lm_head.weight"] = head
    save_file(tensors, path)
    return folder


SMALL = {"latent_resize": [64, 32, 16], "vision_resize": [56, 28, 14], "devices": "cpu"}  # options that make it quick
LISTED = """
models:
  tiny-u1:
    label: Tiny Robust-U1
    adapter: bagel
    source: {folder}
    roles: [recover, answer, reason]
    steps: 3
    needs: nothing
    summary: random weights
    options: {{latent_resize: [64, 32, 16], vision_resize: [56, 28, 14], devices: cpu, temperature: 0.0}}
"""


def list_models(path: Path, folder: Path) -> Path:
    """A team's list with the checkpoint in it."""
    path.write_text(LISTED.format(folder=folder), "utf-8")
    return path
