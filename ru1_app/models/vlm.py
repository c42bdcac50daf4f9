"""Answers through any image-text-to-text model of transformers: the embedded one or one of the model hub."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ru1_app.domain import Answered, ModelRef, Question
from ru1_app.errors import ModelFailed, Unavailable
from ru1_app.models.base import Answerer, AnswerRequest
from ru1_app.models.prompts import LETTERS, prompt
from ru1_app.models.revision import hub_commit, is_folder, weights_digest
from ru1_app.models.scope import Scope

_BATCH = 16
_MAX_WORDS = 24  # tokens of an open answer
_NEEDED = ("config.json", "tokenizer_config.json")


def load(path_or_id: str | Path, *, threads: int = 0, revision: str | None = None, device: str = "cpu") -> Answerer:
    """Load a checkpoint folder, which never touches the network, or a model of the hub by its id.

    Args:
        path_or_id: a folder, or `owner/name`.
        threads: torch threads, 0 leaves them as they are.
        revision: commit of a hub model; a folder has none.
        device: where the weights go.

    Raises:
        Unavailable: files or packages are missing; the message names them.
    """
    folder = Path(path_or_id)
    local = is_folder(path_or_id)
    if local:
        _require(folder)
    try:
        import torch
        import transformers
        from transformers import AutoModelForImageTextToText, AutoProcessor

        source: dict[str, Any] = {"local_files_only": True} if local else {"revision": revision}
        processor = AutoProcessor.from_pretrained(str(path_or_id), **source)
        model = AutoModelForImageTextToText.from_pretrained(str(path_or_id), **source).to(device).eval()
    except ImportError as error:
        raise Unavailable(f"The answerer needs the package {error.name!r}; install requirements.txt.") from error
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"The answerer in {str(path_or_id)!r} could not be loaded: {error}") from error
    if threads > 0:
        torch.set_num_threads(threads)
    kind = str(next(model.parameters()).dtype).removeprefix("torch.")
    version = torch.__version__.split("+")[0]
    engine = f"transformers {transformers.__version__} / torch {version} / {device} {kind}"
    commit = weights_digest(folder) if local else hub_commit(str(path_or_id), revision)
    name = folder.name if local else str(path_or_id)
    return VlmAnswerer(model, processor, ModelRef(name, commit, engine), Scope.read(folder) if local else None)


def normalised(masses: Sequence[float]) -> list[float]:
    """Probabilities among the options alone; uniform when the model gives all of them none."""
    total = sum(masses)
    return [mass / total for mass in masses] if total > 0 else [1 / len(masses)] * len(masses)


def _require(folder: Path) -> None:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise Unavailable(f"The answerer's folder {str(folder)!r} lacks {', '.join(missing)}.")


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the model said, before it is judged."""

    text: str
    choice: str | None
    confidence: float | None


class VlmAnswerer:
    """An `Answerer`. Confidence is the model's own probability, not calibrated: of the chosen option among
    the options given (by their letters, or by their words where the checkpoint says so), or the product
    over the tokens of an open answer.
    """

    def __init__(self, model: Any, processor: Any, ref: ModelRef, scope: Scope | None) -> None:
        self._model, self._processor, self._ref, self._scope = model, processor, ref, scope
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._tokenizer.padding_side = "left"  # so that the next token stands at the end of every row

    @property
    def ref(self) -> ModelRef:
        """Which weights answer."""
        return self._ref

    def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered]:
        """Answer each request; those alike in their number of images and in having options go together.

        Raises:
            ModelFailed: the model gave no output or memory ran out.
        """
        groups: dict[tuple[int, bool], list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault((len(request.images), bool(request.question.options)), []).append(index)
        answers: dict[int, Answered] = {}
        for members in groups.values():
            for start in range(0, len(members), _BATCH):
                part = members[start : start + _BATCH]
                answers |= zip(part, self._together([requests[index] for index in part]), strict=True)
        return [answers[index] for index in range(len(requests))]

    def _together(self, requests: list[AnswerRequest]) -> list[Answered]:
        """Answer requests of one group in one pass; each is told its share of the time."""
        begun = time.perf_counter()
        try:
            inputs = self._inputs(requests)
            replies = self._choices(inputs, requests) if requests[0].question.options else self._words(inputs)
        except (RuntimeError, MemoryError) as error:
            raise ModelFailed(f"The answerer {self._ref.id!r} failed: {error}. Try a smaller image.") from error
        seconds = (time.perf_counter() - begun) / len(requests)
        return [
            self._answered(request.question, reply, seconds) for request, reply in zip(requests, replies, strict=True)
        ]

    def _answered(self, question: Question, reply: _Reply, seconds: float) -> Answered:
        inside = self._scope is None or self._scope.covers(question, self._knows, reply.text)
        note = None if inside or self._scope is None else self._scope.note
        return Answered(reply.text, reply.choice, reply.confidence, in_scope=inside, note=note, seconds=seconds)

    def _knows(self, word: str) -> bool:
        unknown = self._tokenizer.unk_token_id
        return unknown is None or unknown not in self._tokenizer(word, add_special_tokens=False).input_ids

    def _inputs(self, requests: list[AnswerRequest]) -> Any:
        texts = []
        for request in requests:
            count = len(request.images)
            question = request.question
            if self._scope is not None and self._scope.by_words:
                question = Question(question.text)  # its options are weighed, not read
            text = prompt(question, images=count, instruct=self._scope is None)
            content = [*({"type": "image"} for _ in range(count)), {"type": "text", "text": text}]
            talk = [{"role": "user", "content": content}]
            texts.append(self._processor.apply_chat_template(talk, add_generation_prompt=True, tokenize=False))
        # Copies, because torch warns of arrays that it may not write to.
        images = [[np.array(image) for image in request.images] for request in requests]
        inputs = self._processor(images=images, text=texts, padding=True, return_tensors="pt")
        return inputs.to(self._model.device)

    def _letter_tokens(self, letter: str) -> list[int]:
        """The tokens that mean the letter, with and without a space before it."""
        spellings = (self._tokenizer(text, add_special_tokens=False).input_ids for text in (letter, f" {letter}"))
        return sorted({ids[-1] for ids in spellings if ids})

    def _tokens_of(self, index: int, option: str) -> list[int]:
        """The next tokens that mean an option: its letter, or the first token of its words."""
        if self._scope is None or not self._scope.by_words:
            return self._letter_tokens(LETTERS[index])
        return self._tokenizer(self._scope.word(option), add_special_tokens=False).input_ids[:1]

    def _choices(self, inputs: Any, requests: list[AnswerRequest]) -> list[_Reply]:
        """The option of each request that is likeliest as the next token."""
        import torch

        with torch.inference_mode():
            rows = self._model(**inputs).logits[:, -1].float().softmax(-1)
        replies = []
        for row, request in zip(rows, requests, strict=True):
            options = request.question.options
            masses = [float(row[self._tokens_of(*numbered)].sum()) for numbered in enumerate(options)]
            shares = normalised(masses)
            best = max(range(len(options)), key=shares.__getitem__)
            replies.append(_Reply(f"{LETTERS[best]}. {options[best]}", LETTERS[best], shares[best]))
        return replies

    def _words(self, inputs: Any) -> list[_Reply]:
        """The greedy answer of each request; confidence is the product of its tokens' probabilities."""
        import torch

        with torch.inference_mode():
            output = self._model.generate(
                **inputs,
                max_new_tokens=_MAX_WORDS,
                do_sample=False,
                output_scores=True,
                return_dict_in_generate=True,
            )
            said = output.sequences[:, inputs["input_ids"].shape[1] :]
            steps = torch.stack(output.scores, 1).float().log_softmax(-1)
            logs = steps.gather(2, said[:, :, None])[..., 0]
        silent = {self._tokenizer.pad_token_id, self._tokenizer.eos_token_id}
        replies = []
        for tokens, log in zip(said.tolist(), logs.tolist(), strict=True):
            kept = [value for token, value in zip(tokens, log, strict=True) if token not in silent]
            text = self._tokenizer.decode(tokens, skip_special_tokens=True).strip()
            confidence = float(torch.tensor(kept).sum().exp()) if kept else None
            replies.append(_Reply(text, None, confidence))
        return replies
