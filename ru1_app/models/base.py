"""What a model adapter must do. Nothing heavy is imported here.

Adapters never validate input, never resize for a scorer and never store: they get RGB uint8 arrays
[H, W, 3] that intake has accepted, and return arrays of the same size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ru1_app.domain import Answered, Condition, ModelRef, Question
from ru1_app.images import Image8


@dataclass(frozen=True, slots=True)
class RecoverRequest:
    """One image to recover. `seed` is that of the first of `samples` draws; the k-th uses seed + k."""

    corrupted: Image8
    seed: int = 0
    steps: int = 1
    samples: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """A step that is done (1..total), with the image as it stands, or None."""

    step: int
    total: int
    preview: Image8 | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result: `images` are the draws, the first is the recovery shown.

    `uncertainty` is [H, W] float32, the expected absolute error in 0-255 levels per pixel, or None when
    the model has no map that earned its place (`uncertainty_note` then says why).
    """

    images: tuple[Image8, ...]
    settings: Mapping[str, Any]
    seconds: float
    uncertainty: Any | None = None
    uncertainty_note: str | None = None


class Recoverer(Protocol):
    """Makes a recovery from a corrupted image."""

    @property
    def ref(self) -> ModelRef: ...

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        """Yield any number of `Progress`, then exactly one `Recovered`, last. Closing it cancels.

        Raises:
            ModelFailed: no image came out, or memory ran out; the message says what to do.
        """
        ...


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A question, the condition, and the images in order (one, or corrupted then recovered)."""

    images: Sequence[Image8]
    condition: Condition
    question: Question


@dataclass(frozen=True, slots=True)
class Words:
    """The whole text as far as it is written."""

    text: str


class Answerer(Protocol):
    """Answers questions about one or two images."""

    @property
    def ref(self) -> ModelRef: ...

    def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered]:
        """Answer each request, same length and order; unparseable text is `choice=None`."""
        ...


@runtime_checkable
class StreamingAnswerer(Answerer, Protocol):
    """An answerer whose text can be watched while it is written."""

    @property
    def streams(self) -> bool:
        """Whether there is anything to watch; a model that only weighs the options says False."""
        ...

    def stream(self, request: AnswerRequest) -> Iterator[Words | Answered]:
        """Yield any number of `Words`, then exactly one `Answered`, last. Closing it stops the computation.

        Raises:
            ModelFailed: no text came out, or memory ran out; the message says what to do.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReasonRequest:
    """One image to recover and one question to answer in a single interleaved pass."""

    corrupted: Image8
    question: Question
    seed: int = 0
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Reasoned:
    """The end of an interleaved pass: `trace` is all text in order, `recovered` None when the model made no image."""

    recovered: Recovered | None
    trace: str
    answered: Answered


@runtime_checkable
class Reasoner(Protocol):
    """Recovers and answers in one pass: corrupted image, recovered image, reasoning trace, answer."""

    @property
    def ref(self) -> ModelRef: ...

    def reason(self, request: ReasonRequest) -> Iterator[Progress | Words | Reasoned]:
        """Yield any number of `Progress` and `Words`, then exactly one `Reasoned`, last. Closing it cancels.

        Raises:
            ModelFailed: nothing came out, or memory ran out; the message says what to do.
        """
        ...
