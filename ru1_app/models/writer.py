"""Greedy text from a model of transformers, whole or token by token."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from ru1_app.models.background import Line, in_background


class Written(NamedTuple):
    """A finished text; confidence is the product of its tokens' probabilities."""

    text: str
    confidence: float | None


class Writer:
    """Writes up to `limit` tokens after prepared inputs."""

    def __init__(self, model: Any, tokenizer: Any, limit: int) -> None:
        self._model, self._tokenizer, self._limit = model, tokenizer, limit

    def written(self, inputs: Any) -> list[Written]:
        """The text of every row."""
        return self._generated(inputs, None)

    def watched(self, inputs: Any) -> Iterator[str | Written]:
        """The text of a single row as far as it is written, then the whole; closing it stops within one token."""
        return in_background(partial(self._speak, inputs))

    def _speak(self, inputs: Any, line: Line[str | Written]) -> None:
        (written,) = self._generated(inputs, _Listener(self._tokenizer, line))
        line.send(written)

    def _generated(self, inputs: Any, listener: _Listener | None) -> list[Written]:
        import torch

        chosen: list[torch.Tensor] = []

        def watch(_: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            """Greedy: the token that is taken is the likeliest. All scores would be words x steps x vocabulary."""
            chosen.append(scores.float().log_softmax(-1).amax(-1))
            return scores

        with torch.inference_mode():
            sequences = self._model.generate(
                **inputs, max_new_tokens=self._limit, do_sample=False, streamer=listener, logits_processor=[watch]
            )
            said = sequences[:, inputs["input_ids"].shape[1] :]
            logs = torch.stack(chosen, 1)
        silent = {self._tokenizer.pad_token_id, self._tokenizer.eos_token_id}
        texts = []
        for tokens, log in zip(said.tolist(), logs.tolist(), strict=True):
            kept = [value for token, value in zip(tokens, log, strict=True) if token not in silent]
            text = self._tokenizer.decode(tokens, skip_special_tokens=True).strip()
            texts.append(Written(text, float(torch.tensor(kept).sum().exp()) if kept else None))
        return texts


class _Listener:
    """What `generate` calls a streamer: it hears the prompt first, then each token."""

    def __init__(self, tokenizer: Any, line: Line[str | Written]) -> None:
        self._tokenizer, self._line = tokenizer, line
        self._tokens: list[int] | None = None

    def put(self, tokens: Any) -> None:
        """Pass the text on; raises `Stopped`, which ends the generation, when nobody reads any more."""
        if self._tokens is None:
            self._tokens = []
            self._line.check()
            return
        self._tokens += tokens.flatten().tolist()
        self._line.send(self._tokenizer.decode(self._tokens, skip_special_tokens=True).strip())

    def end(self) -> None:
        """Nothing to do: the whole text follows."""
