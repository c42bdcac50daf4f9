"""Robust-U1 and BAGEL behind the protocols: recover, answer, and both in one interleaved pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ru1_app import __version__
from ru1_app.domain import Answered, ModelRef, Question
from ru1_app.errors import ModelFailed
from ru1_app.images import Image8
from ru1_app.models.bagel import edit as edits
from ru1_app.models.bagel.draws import Seeded
from ru1_app.models.bagel.load import fetch, open_bagel
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.place import Placement
from ru1_app.models.bagel.reasoner import Made, Said, Script, Writes, reason
from ru1_app.models.bagel.sampler import Step
from ru1_app.models.bagel.session import Session
from ru1_app.models.bagel.settings import UPSTREAM, Sampling
from ru1_app.models.bagel.tokens import Tokens, open_tokens
from ru1_app.models.bagel.use import OPTIONS, Use, use_of
from ru1_app.models.base import (
    AnswerRequest,
    Progress,
    Reasoned,
    ReasonRequest,
    Recovered,
    RecoverRequest,
    Words,
)
from ru1_app.models.clock import Clock
from ru1_app.models.engine import dtype_of, engine, out_of_memory
from ru1_app.models.letters import parse_choice
from ru1_app.models.options import checked
from ru1_app.models.prompts import LETTERS, prompt
from ru1_app.models.revision import weights_digest

NO_MAP = "This model predicts no error. Draw two samples or more to see where they differ."


class BagelAdapter:
    """A `Recoverer`, a `StreamingAnswerer` and a `Reasoner` on one set of weights."""

    def __init__(self, model: Bagel, tokens: Tokens, ref: ModelRef, use: Use) -> None:
        self._model, self._tokens, self._ref, self._use = model, tokens, ref, use

    @property
    def ref(self) -> ModelRef:
        """Which weights work."""
        return self._ref

    @property
    def streams(self) -> bool:
        """It writes its answers word by word."""
        return True

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        """Yield a small preview after each step, then the recoveries. See `Recoverer.recover`."""
        clock, images = Clock(), []
        sampling = replace(self._use.edit, points=request.steps + 1)
        image = Image.fromarray(request.corrupted)
        think = self._use.writing if self._use.think else None
        for draw in range(request.samples):
            session = self._session(request.seed + draw)
            made = None
            for event in clock.timed(
                self._guarded(edits.edit(session, image, edits.RESTORE, sampling, self._use.sight, think))
            ):
                if isinstance(event, Step):
                    done = draw * request.steps + event.number
                    with _memory():
                        small = session.preview(event.clean, session.grid(session.fit(image)))
                    yield Progress(done, request.steps * request.samples, small)
                elif isinstance(event, edits.Drawn):
                    made = event
            if made is None:
                raise ModelFailed("The model took no step. Ask for one step or more.")
            with _memory(), clock:
                images.append(_fit(session.pixels(made.x, made.grid), image.size))
        yield Recovered(tuple(images), self._told(sampling, request.samples), clock.seconds, uncertainty_note=NO_MAP)

    def answer(self, requests: Sequence[AnswerRequest]) -> list[Answered]:
        """Answer each request, one after the other. See `Answerer.answer`."""
        return [answered for request in requests for answered in self.stream(request) if isinstance(answered, Answered)]

    def stream(self, request: AnswerRequest) -> Iterator[Words | Answered]:
        """Yield the text as it is written, then the answer. See `StreamingAnswerer.stream`."""
        clock, text = Clock(), ""
        asked = prompt(request.question, images=len(request.images), instruct=True)
        images = [Image.fromarray(np.array(image)) for image in request.images]
        writing = replace(self._use.writing, temperature=0.0)
        said = edits.understand(self._session(0), images, asked, writing, think=self._use.think)
        for text in clock.timed(self._guarded(said)):
            yield Words(text)
        yield _answered(request.question, text.strip(), clock.seconds)

    def reason(self, request: ReasonRequest) -> Iterator[Progress | Words | Reasoned]:
        """Recover and answer in one pass. See `Reasoner.reason`."""
        session, clock = self._session(request.seed), Clock()
        image = Image.fromarray(request.corrupted)
        sampling = replace(self._use.reason, points=request.steps + 1)
        use = self._use
        script = Script([image, demo_prompt(request.question)], None, None, use.max_iterations, sampling, use.writing)
        said: list[str] = []
        made: Image8 | None = None
        for event in clock.timed(self._guarded(reason(session, script))):
            if isinstance(event, Writes):
                yield Words("\n\n".join([*said, event.text.strip()]))
            elif isinstance(event, Said):
                said.append(event.text)
            elif isinstance(event, Made):
                made = _fit(event.image, image.size)
            else:
                with _memory():
                    small = session.preview(event.clean, session.grid(session.fit(image)))
                yield Progress(event.number, event.total, small)
        recovered = None
        if made is not None:
            recovered = Recovered((made,), self._told(sampling, 1), clock.seconds, uncertainty_note=NO_MAP)
        answer = _answered(request.question, _last_answer(said), clock.seconds)
        yield Reasoned(recovered, "\n\n".join(said), answer)

    def _session(self, seed: int) -> Session:
        return Session(self._model, self._tokens, self._use.settings, Seeded(seed))

    def _told(self, sampling: Sampling, samples: int) -> Mapping[str, Any]:
        """The settings that are stored with a recovery."""
        return {
            "steps": sampling.points - 1, "samples": samples, "shift": sampling.shift,
            "text_scale": sampling.text_scale, "image_scale": sampling.image_scale,
            "interval": list(sampling.interval), "renorm": sampling.renorm.value, "renorm_min": sampling.renorm_min,
            "noise_level": sampling.noise_level, "sight": self._use.sight.value,
            "upstream_compatible": self._use.settings.choices == UPSTREAM,
        }  # fmt: skip

    def _guarded(self, events: Iterator[Any]) -> Iterator[Any]:
        with _memory():
            yield from events


def load(source: str | Path, *, name: str | None = None, revision: str | None = None, **options: Any) -> BagelAdapter:
    """Load a checkpoint folder or a hub id (`Jiaqi-hkust/Robust-U1`, `ByteDance-Seed/BAGEL-7B-MoT`, ...).

    Options: `devices`, `dtype`, `quantize`, `offload` (see `load.Placement`); `sight` "latent" or "both"; `think`;
    `upstream_compatible`; the fields of `Sampling` and `Writing`; `max_iterations`.

    Raises:
        Unavailable: a file or a tensor is missing, extra or wrong; the message names it.
        InvalidInput: an option is unknown or of a wrong kind.
        ModelFailed: there is not enough memory.
    """
    values = checked(options, OPTIONS)
    placement = _placement(values)
    folder, commit = fetch(source, revision)
    model = open_bagel(folder, placement)
    tokens = open_tokens(folder, model.config.language.vocab_size)
    runs = engine(f"ru1 {__version__}", placement.main, placement.quantize or placement.kind)
    ref = ModelRef(name or (str(source) if commit else folder.name), commit or weights_digest(folder), runs)
    return BagelAdapter(model, tokens, ref, use_of(values))


def _placement(values: Mapping[str, Any]) -> Placement:
    devices = values.get("devices", "cuda:0" if torch.cuda.is_available() else "cpu")
    kind = dtype_of(values["dtype"], "") if "dtype" in values else None
    return Placement(devices, kind, values.get("quantize"), values.get("offload", False))


def demo_prompt(question: Question) -> str:
    """The request of upstream's demo.py, options included where there are any."""
    options = "".join(f"{letter}. {text}\n" for letter, text in zip(LETTERS, question.options, strict=False))
    listed = f"Options:\n{options}" if options else ""
    select = edits.SELECT if options else "Based on what you observe in the restored image, please answer the question."
    return f"Question: {question.text}\n{listed}{edits.RESTORE}\n{select}\n"


@contextmanager
def _memory() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise ModelFailed(
            "The model ran out of memory. Use a smaller image or fewer samples; or load it quantised (8bit, 4bit), "
            "offloaded, or over several GPUs."
        ) from error


def _fit(pixels: Image8, size: tuple[int, int]) -> Image8:
    """The image at the size of the input."""
    image = Image.fromarray(pixels)
    return np.array(image if image.size == size else image.resize(size, Image.Resampling.LANCZOS))


def _answered(question: Question, text: str, seconds: float) -> Answered:
    choice = parse_choice(text, question.options) if question.options else None
    return Answered(text, choice, None, seconds=seconds)


def _last_answer(said: Sequence[str]) -> str:
    """The last text that is none but white space."""
    return next((text for text in reversed(said) if text.strip()), "")
