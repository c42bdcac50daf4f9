"""Answers of an image-text-to-text model of transformers: options weighed, or texts written and read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from ru1_app.domain import CANNOT_TELL, Answered, ModelRef, Question, Reading
from ru1_app.errors import ModelFailed, Ru1Error
from ru1_app.models import robust_r1, trace
from ru1_app.models.base import AnswerRequest, Words
from ru1_app.models.clock import Clock
from ru1_app.models.engine import first_line, out_of_memory
from ru1_app.models.letters import parse_choice
from ru1_app.models.prompts import LETTERS, prompt
from ru1_app.models.scope import Scope
from ru1_app.models.writer import Writer, Written

_BATCH = 16
SCOPED_LIMIT = 80  # tokens of a text of a checkpoint that was trained for some questions alone


class Style(StrEnum):
    """How a question is put, and how the option is found in what comes back."""

    LETTERS = "letters"  # the likeliest letter as the next token; an open question is answered in words
    FREE = "free"  # the model writes; the letter is read from its text
    ROBUST_R1 = "robust_r1"  # the model writes Robust-R1's tags


def normalised(masses: Sequence[float]) -> list[float]:
    """Probabilities among the options alone; uniform when the model gives all of them none."""
    total = sum(masses)
    return [mass / total for mass in masses] if total > 0 else [1 / len(masses)] * len(masses)


class Manner(NamedTuple):
    """How questions are put, and the longest text in tokens."""

    style: Style = Style.LETTERS
    limit: int = SCOPED_LIMIT


class VlmAnswerer:
    """A `StreamingAnswerer`. Confidence is the model's own probability, calibrated only where its scope says so.

    It is that of the chosen option among the options given (by their letters, or by their words where the checkpoint
    says so), or the product over the tokens of a text.
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
        """Answer each request; those alike in their images, in having options and in their trace go together.

        Raises:
            ModelFailed: the model gave no output or memory ran out.
        """
        groups: dict[tuple[int, bool, int], list[int]] = {}
        for index, request in enumerate(requests):
            alike = len(request.images), bool(request.question.options), self._compared(request.question)
            groups.setdefault(alike, []).append(index)
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
            readings: list[Reading | None] = [None] * len(requests)
            if self._scope is not None and self._scope.trace:
                readings, inputs = self._traced(inputs, requests)
            if self._weighs(requests[0].question):
                replies = self._choices(inputs, requests)
            else:
                texts = self._writer.written(inputs)
                replies = [self._judged(request.question, text) for request, text in zip(requests, texts, strict=True)]
        seconds = clock.seconds / len(requests)
        return [
            self._answered(request.question, replace(reply, reading=reading or reply.reading), seconds)
            for request, reply, reading in zip(requests, replies, readings, strict=True)
        ]

    def _compared(self, question: Question) -> int:
        return self._scope.compared(question) if self._scope is not None else 0

    def _weighs(self, question: Question) -> bool:
        return bool(question.options) and self._manner.style is Style.LETTERS

    def _judged(self, question: Question, written: Written) -> Answered:
        """What a text says: the reading of the damage where there is one, the answer, the option."""
        if self._manner.style is Style.ROBUST_R1:
            reading, said = robust_r1.parse(written.text)
        else:
            reading, said = None, written.text
        if self._scope is not None:
            said = sentence(said)
        choice = parse_choice(said, question.options) if question.options else None
        # The probability of a whole text with its reasons is next to nothing and says nothing of the option.
        confidence = None if question.options or reading is not None else written.confidence
        return Answered(said, choice, confidence, reading=reading)

    def _answered(self, question: Question, reply: Answered, seconds: float) -> Answered:
        inside = self._scope is None or self._scope.covers(question, self._knows, reply.text)
        note = None if inside or self._scope is None else self._scope.note
        return replace(reply, in_scope=inside, note=note, seconds=seconds)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Ru1Error:
            raise
        except Exception as error:  # processors and chat templates raise anything
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

    def _traced(self, inputs: Any, requests: list[AnswerRequest]) -> tuple[list[Reading | None], Any]:
        """Let the model say how what is asked about is to be seen in each image; the inputs then end with that."""
        import torch

        ids, device = self._tokenizer.convert_tokens_to_ids, self._model.device
        so = torch.full((len(requests),), ids(trace.SO), device=device)
        said: list[list[str]] = [[] for _ in requests]
        compared = self._compared(requests[0].question)
        with torch.inference_mode():
            for choice in [*([trace.LEVELS] * len(requests[0].images)), *([trace.PLACES] * compared)]:
                tokens = torch.tensor(ids(list(choice)), device=device)
                picked = self._model(**inputs).logits[:, -1, tokens].argmax(1)
                for words, index in zip(said, picked.tolist(), strict=True):
                    words.append(choice[index])
                inputs = _with(inputs, tokens[picked])
        readings = [trace.reading(words, each.condition) for words, each in zip(said, requests, strict=True)]
        return list(readings), _with(inputs, so)

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
        return [self._choice(row, request.question.options) for row, request in zip(rows, requests, strict=True)]

    def _choice(self, row: Any, options: Sequence[str]) -> Answered:
        """The likeliest option by the next token's probabilities [vocabulary], or that none can be told."""
        masses = [float(row[self._tokens_of(*numbered)].sum()) for numbered in enumerate(options)]
        temperature, unsure = 1.0, 0.0
        if self._scope is not None:
            temperature = self._scope.temperature
        if self._scope is not None and self._scope.trace:
            unsure = float(row[self._tokenizer(CANNOT_TELL.lower(), add_special_tokens=False).input_ids[0]])
        *shares, lost = normalised([mass ** (1 / temperature) for mass in (*masses, unsure)])
        within = tuple(normalised(shares))
        if lost > max(shares):
            return Answered(CANNOT_TELL, None, lost, probabilities=within)
        best = max(range(len(options)), key=shares.__getitem__)
        return Answered(f"{LETTERS[best]}. {options[best]}", LETTERS[best], shares[best], probabilities=within)


def sentence(words: str) -> str:
    """Words of a word-level vocabulary as a person writes them: "stop , a car ." -> "Stop, a car."."""
    joined = re.sub(r" (?=[.,!?])", "", words.strip())
    return joined[:1].upper() + joined[1:] if " " in joined else joined


def _with(inputs: Any, tokens: Any) -> Any:
    """The inputs with one more token [rows] at their end."""
    import torch

    column = tokens[:, None]
    more = {"input_ids": column, "attention_mask": torch.ones_like(column)}
    return {**inputs, **{name: torch.cat([inputs[name], values], 1) for name, values in more.items()}}
