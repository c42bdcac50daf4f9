"""Answers through any image-text-to-text model of transformers: the embedded one or one of the model hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ru1_app.domain import Answered, ModelRef, Question
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models import robust_r1
from ru1_app.models.base import AnswerRequest, Words
from ru1_app.models.clock import Clock
from ru1_app.models.engine import dtype_of, engine, first_line, out_of_memory
from ru1_app.models.letters import parse_choice
from ru1_app.models.prompts import LETTERS, prompt
from ru1_app.models.revision import hub_commit, is_folder, weights_digest
from ru1_app.models.scope import Scope
from ru1_app.models.writer import Writer, Written

_BATCH = 16
_NEEDED = ("config.json", "tokenizer_config.json")


class Style(StrEnum):
    """How a question is put, and how the option is found in what comes back."""

    LETTERS = "letters"  # the likeliest letter as the next token; an open question is answered in words
    FREE = "free"  # the model writes; the letter is read from its text
    ROBUST_R1 = "robust_r1"  # the model writes Robust-R1's tags


LIMITS = {Style.LETTERS: 128, Style.FREE: 512, Style.ROBUST_R1: 1024}  # tokens of a text
SCOPED_LIMIT = 24  # of a checkpoint that was trained for some questions alone


def load(
    source: str | Path,
    *,
    name: str | None = None,
    threads: int = 0,
    revision: str | None = None,
    device: str = "cpu",
    dtype: Any | None = None,
    device_map: str | None = None,
    quantize: str | None = None,
    prompt_style: str = Style.LETTERS,
    max_new_tokens: int | None = None,
) -> VlmAnswerer:
    """Load a checkpoint folder, which never touches the network, or a model of the hub by its id.

    Args:
        source: a folder, or `owner/name`.
        name: what to call the model in stored rows; its id or the folder's name where None.
        threads: torch threads, 0 leaves them as they are.
        revision: commit, branch or tag of a hub model; a folder has none.
        device: where the weights go.
        dtype: a torch dtype or its name; as stored on a CPU and bfloat16 on a GPU where None.
        device_map: how accelerate spreads the weights over devices ("auto"), instead of `device`.
        quantize: "8bit" or "4bit", through bitsandbytes.
        prompt_style: see `Style`.
        max_new_tokens: the longest text; `LIMITS` where None.

    Raises:
        Unavailable: files or packages are missing; the message names them.
        InvalidInput: an option is none that there is.
    """
    style = _style(prompt_style)
    if quantize not in (None, "8bit", "4bit"):
        raise InvalidInput(f"quantize={quantize!r} is unknown; there are '8bit' and '4bit'.")
    folder, local = Path(source), is_folder(source)
    if local:
        _require(folder)
    try:
        import torch
        import transformers
        from transformers import AutoModelForImageTextToText, AutoProcessor

        where: dict[str, Any] = {"local_files_only": True} if local else {"revision": revision}
        processor = AutoProcessor.from_pretrained(str(source), **where)
        how = _how(device, dtype, device_map, quantize)
        model = AutoModelForImageTextToText.from_pretrained(str(source), **where, **how).eval()
    except ImportError as error:
        raise Unavailable(f"The answerer needs the package {error.name!r}; install requirements.txt.") from error
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"The answerer in {str(source)!r} could not be loaded: {error}") from error
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise ModelFailed(
            f"There is not enough memory for {str(source)!r}. Quantise it (8bit, 4bit) or spread it (device_map: auto)."
        ) from error
    model = model if "device_map" in how else model.to(device)
    if threads > 0:
        torch.set_num_threads(threads)
    runs = engine(f"transformers {transformers.__version__}", device, quantize or next(model.parameters()).dtype)
    commit = weights_digest(folder) if local else hub_commit(str(source), revision)
    ref = ModelRef(name or (folder.name if local else str(source)), commit, runs)
    scope = Scope.read(folder) if local else None
    limit = max_new_tokens or (SCOPED_LIMIT if scope else LIMITS[style])
    return VlmAnswerer(model, processor, ref, scope, Manner(style, limit))


def _style(name: str) -> Style:
    try:
        return Style(name)
    except ValueError:
        raise InvalidInput(f"prompt_style={name!r} is unknown. There are: {', '.join(Style)}.") from None


def _how(device: str, dtype: Any | None, device_map: str | None, quantize: str | None) -> dict[str, Any]:
    """How the weights are loaded. On a CPU they stay as they are stored unless a type is asked for."""
    how: dict[str, Any] = {}
    if dtype is not None or device.startswith("cuda"):
        how["dtype"] = dtype_of(dtype, device)
    if quantize is not None:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise Unavailable("Quantised weights need the package 'bitsandbytes': pip install bitsandbytes.")
        from transformers import BitsAndBytesConfig

        how["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=quantize == "8bit", load_in_4bit=quantize == "4bit"
        )
    if device_map is not None or quantize is not None:
        how["device_map"] = device_map or {"": device}
    return how


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


class Manner(NamedTuple):
    """How questions are put, and the longest text in tokens."""

    style: Style = Style.LETTERS
    limit: int = SCOPED_LIMIT


class VlmAnswerer:
    """A `StreamingAnswerer`. Confidence is the model's own probability, not calibrated: of the chosen option among
    the options given (by their letters, or by their words where the checkpoint says so), or the product
    over the tokens of a text.
    """

    def __init__(self, model: Any, processor: Any, ref: ModelRef, scope: Scope | None, manner: Manner) -> None:
        self._model, self._processor, self._ref, self._scope = model, processor, ref, scope
        self._manner = manner
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._tokenizer.padding_side = "left"  # so that the next token stands at the end of every row
        self._writer = Writer(model, self._tokenizer, manner.limit)

    @property
    def streams(self) -> bool:
        """Whether its texts are long enough to be watched."""
        return self._scope is None

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

    def stream(self, request: AnswerRequest) -> Iterator[Words | Answered]:
        """Yield the text as it is written, then the answer; options that are weighed give no text before it.

        Raises:
            ModelFailed: the model gave no output or memory ran out.
        """
        if self._weighs(request.question):
            yield from self._together([request])
            return
        clock = Clock()
        with self._guarded():
            for event in clock.timed(self._writer.watched(self._inputs([request]))):
                if isinstance(event, str):
                    yield Words(event)
                else:
                    yield self._answered(request.question, self._judged(request.question, event), clock.seconds)

    def _together(self, requests: list[AnswerRequest]) -> list[Answered]:
        """Answer requests of one group in one pass; each is told its share of the time."""
        clock = Clock()
        with self._guarded(), clock:
            inputs = self._inputs(requests)
            if self._weighs(requests[0].question):
                replies = self._choices(inputs, requests)
            else:
                texts = self._writer.written(inputs)
                replies = [self._judged(request.question, text) for request, text in zip(requests, texts, strict=True)]
        seconds = clock.seconds / len(requests)
        return [
            self._answered(request.question, reply, seconds) for request, reply in zip(requests, replies, strict=True)
        ]

    def _weighs(self, question: Question) -> bool:
        return bool(question.options) and self._manner.style is Style.LETTERS

    def _judged(self, question: Question, written: Written) -> Answered:
        """What a text says: the reading of the damage where there is one, the answer, the option."""
        if self._manner.style is Style.ROBUST_R1:
            reading, said = robust_r1.parse(written.text)
        else:
            reading, said = None, written.text
        choice = parse_choice(said, question.options) if question.options else None
        return Answered(said, choice, written.confidence, reading=reading)

    def _answered(self, question: Question, reply: Answered, seconds: float) -> Answered:
        inside = self._scope is None or self._scope.covers(question, self._knows, reply.text)
        note = None if inside or self._scope is None else self._scope.note
        return replace(reply, in_scope=inside, note=note, seconds=seconds)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            memory = " Load it quantised (8bit, 4bit) or spread it (device_map: auto)." if out_of_memory(error) else ""
            raise ModelFailed(
                f"The answerer {self._ref.id!r} failed: {first_line(error)}. Try a smaller image.{memory}"
            ) from error

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
            text = prompt(question, images=count, instruct=self._scope is None and self._manner.style is Style.LETTERS)
            if self._manner.style is Style.ROBUST_R1:
                text = f"{text}\n\n{robust_r1.REQUEST}"
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

    def _choices(self, inputs: Any, requests: list[AnswerRequest]) -> list[Answered]:
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
            text = f"{LETTERS[best]}. {options[best]}"
            replies.append(Answered(text, LETTERS[best], shares[best], probabilities=tuple(shares)))
        return replies
