"""A tiny random Qwen2.5-VL checkpoint made with the real classes, processor and all."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
SPECIAL += ["<|video_pad|>"]


def make_tiny_qwen25vl(folder: Path, says: str | None = None) -> Path:
    """A folder that `AutoModelForImageTextToText` and `AutoProcessor` load; with `says` it writes just that text."""
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = _tokenizer()
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    vision = {
        "depth": 2, "hidden_size": 64, "num_heads": 4, "intermediate_size": 128, "out_hidden_size": 64,
        "fullatt_block_indexes": [1],
    }  # fmt: skip
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "rope_parameters": {
            "rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4,
        },
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "tie_word_embeddings": False,
    }  # fmt: skip
    config = Qwen2_5_VLConfig(
        vision_config=vision, text_config=text, image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"], tie_word_embeddings=False,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen2_5_VLForConditionalGeneration(config).eval()
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    if says is not None:
        _teach(model, tokenizer, says)
    model.save_pretrained(folder)
    images = Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=84 * 84)
    videos = Qwen2VLVideoProcessor(min_pixels=28 * 28, max_pixels=84 * 84)
    Qwen2_5_VLProcessor(images, tokenizer, videos, chat_template=TEMPLATE).save_pretrained(folder)
    return folder


def _tokenizer():  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    bpe.decoder, bpe.pre_tokenizer = decoders.ByteLevel(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.add_special_tokens(SPECIAL)
    return Qwen2TokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")


def _teach(model, tokenizer, text: str) -> None:  # type: ignore[no-untyped-def]
    """Make the model write `text`, whose characters must all differ: each token's embedding points at the next.

    A turn ends in a line break, so that stands before the first character.
    """
    import torch

    ids = tokenizer(text, add_special_tokens=False).input_ids
    chain = [tokenizer("\n", add_special_tokens=False).input_ids[0], *ids, tokenizer.eos_token_id]
    assert len(set(chain)) == len(chain) <= model.config.text_config.hidden_size
    embeddings = model.get_input_embeddings().weight
    with torch.no_grad():
        model.lm_head.weight.zero_()
        for place, (token, following) in enumerate(zip(chain, chain[1:], strict=False)):
            embeddings[token] = 0
            embeddings[token, place] = 200
            model.lm_head.weight[following, place] = 1
