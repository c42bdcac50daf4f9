"""Text to ids and back: plain Qwen2 byte-level BPE, no chat template (upstream data/data_utils.py)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ru1_app.errors import Unavailable
from ru1_app.models.bagel.model import Delimiters

BOS, EOS, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
IMAGE_START, IMAGE_END = "<|vision_start|>", "<|vision_end|>"


class Tokens:
    """The vocabulary of a checkpoint. `bos`, `eos`, `end` and `image` (the delimiters) are ids."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        known = tokenizer.get_vocab()
        self.added = [name for name in (BOS, EOS, IMAGE_START, IMAGE_END, END_OF_TEXT) if name not in known]
        if self.added:
            tokenizer.add_special_tokens({"additional_special_tokens": self.added})
        self.bos, self.eos, self.end = (self._id(name) for name in (BOS, EOS, END_OF_TEXT))
        self.image = Delimiters(self._id(IMAGE_START), self._id(IMAGE_END))

    def __len__(self) -> int:
        return len(self._tokenizer)

    def encode(self, text: str, *, plain: bool = True) -> list[int]:
        """The ids of a text, nothing added. `plain`: what looks like a control token is text."""
        return self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=plain)

    def segment(self, text: str, *, plain: bool = True) -> list[int]:
        """The ids of a turn: bos, the text, eos."""
        return [self.bos, *self.encode(text, plain=plain), self.eos]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, control tokens included."""
        return self._tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)

    def _id(self, name: str) -> int:
        return int(self._tokenizer.convert_tokens_to_ids(name))


def open_tokens(folder: Path, vocabulary: int) -> Tokens:
    """The tokenizer of a checkpoint folder.

    Raises:
        Unavailable: its files are broken, or it has more ids than the model has embeddings.
    """
    from transformers import Qwen2TokenizerFast

    try:
        tokens = Tokens(Qwen2TokenizerFast.from_pretrained(str(folder), local_files_only=True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"The tokenizer files of {folder.name!r} cannot be read ({error}). Get them again."
        ) from error
    if len(tokens) > vocabulary:
        raise Unavailable(
            f"The tokenizer of {folder.name!r} has {len(tokens)} ids, but the model has {vocabulary}. "
            "They do not belong together."
        )
    return tokens
