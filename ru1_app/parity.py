"""The parity gate: does a served model do what the same model does here?

Fixed inputs (drawn scenes, damaged) and seeds go to both. A recovery passes when its SSIM to the local one is high
enough and no other input's local recovery is nearer to it; the answers from the damaged picture and from it and another
one pass when they are the same. A server that never looks at its input, or not at the second picture, fails even where
all that it gives is plausible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Answered, Condition, Question
from ru1_app.errors import ModelFailed
from ru1_app.images import Image8
from ru1_app.models.base import Answerer, AnswerRequest, Recovered, Recoverer, RecoverRequest

LEAST_SSIM = 0.98
SPECS = (
    "gaussian_noise@mid#1",
    "motion_blur@mid#2",
    "low_light@mid#3",
    "jpeg@high#4",
    "fog@low#5",
    "shot_noise@high#6",
)
SEEDS = (0, 7)


class Probe(NamedTuple):
    """One fixed input: a damaged picture, and a question about it."""

    name: str
    image: Image8
    question: Question
    other: Image8  # the second picture when the question is asked about two: another scene


@dataclass(frozen=True, slots=True)
class Compared:
    """How one input came out. `reasons` are sentences; none means that it passed."""

    name: str
    seed: int
    ssim: float | None
    local_answer: str | None
    served_answer: str | None
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether both did the same."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison of two models; `faults` are of the server as a whole."""

    rows: tuple[Compared, ...]
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every input passed and no fault was found."""
        return not self.faults and all(row.passed for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "passed": self.passed,
            "faults": list(self.faults),
            "inputs": [{**asdict(row), "reasons": list(row.reasons), "passed": row.passed} for row in self.rows],
        }

    def lines(self) -> list[str]:
        """For a terminal: one line for each input, then the verdict."""
        told = [
            f"{'same' if row.passed else 'DIFFERS':8} {row.name}, seed {row.seed}"
            f"{'' if row.ssim is None else f', SSIM {row.ssim:.4f}'}{''.join(f'; {reason}' for reason in row.reasons)}"
            for row in self.rows
        ]
        bad = sum(not row.passed for row in self.rows)
        verdict = "The served model does what the local one does."
        if not self.passed:
            verdict = f"The served model does not do what the local one does: {bad} of {len(self.rows)} inputs differ."
        return [*told, *self.faults, verdict]


def fixed_inputs(side: int = 192) -> list[Probe]:
    """Scenes of `side` pixels with a question each, damaged one way each; the same in every release."""
    from ru1_app.scenes import HELD_OUT_SEED, questions_for, render, sample_scene

    probes = []
    for number, text in enumerate(SPECS):
        scene = sample_scene(HELD_OUT_SEED + number)
        spec = CorruptionSpec.parse(text)
        questions = [question for _, question in questions_for(scene, np.random.default_rng(number))]
        image = corrupt(render(scene, side), spec)
        other = render(sample_scene(HELD_OUT_SEED + 100 + number), side)
        probes.append(Probe(f"scene {number} {spec}", image, questions[number % len(questions)], other))
    return probes


def compare(
    local: tuple[Recoverer | None, Answerer | None],
    served: tuple[Recoverer | None, Answerer | None],
    probes: Sequence[Probe],
    *,
    seeds: Sequence[int] = SEEDS,
    steps: int = 1,
) -> Iterator[Compared | Parity]:
    """Yield each input's comparison as it is done, then the `Parity`, last.

    Roles that are None on either side are not compared.

    Raises:
        ModelFailed: nothing could be compared, or a model gave nothing.
    """
    with_images = local[0] is not None and served[0] is not None
    with_answers = local[1] is not None and served[1] is not None
    if not probes or not (with_images or with_answers):
        raise ModelFailed("There is nothing to compare: the two models have no role in common.")
    answers = [_answers(local[1], served[1], probe) if with_answers else None for probe in probes]
    rows: list[Compared] = []
    pictures: list[tuple[Image8, Image8]] = []
    for seed in seeds if with_images else seeds[:1]:
        pairs = [_pictures(local[0], served[0], probe, seed, steps) if with_images else None for probe in probes]
        pictures += [pair for pair in pairs if isinstance(pair, tuple)]
        for index, probe in enumerate(probes):
            row = _compared(probe, seed, index, pairs, answers[index])
            rows.append(row)
            yield row
    yield Parity(tuple(rows), tuple(_faults(pictures, answers)))


Answers = tuple[str, str] | ModelFailed | None  # what the local and the served model said, or why there is nothing
Pictures = tuple[Image8, Image8] | ModelFailed | None


def _compared(probe: Probe, seed: int, index: int, pairs: Sequence[Pictures], answers: Answers) -> Compared:
    reasons, ssim = [], None
    pair = pairs[index]
    if isinstance(pair, ModelFailed):
        reasons.append(str(pair))
    elif pair is not None:
        if pair[0].shape != pair[1].shape:
            reasons.append(f"the served recovery is {_size(pair[1])}, the local one {_size(pair[0])}")
        else:
            ssim = _ssim(pair[1], pair[0])
            if ssim < LEAST_SSIM:
                reasons.append(f"SSIM {ssim:.4f} is below {LEAST_SSIM}")
            nearer = _nearer(index, pairs, ssim)
            if nearer is not None:
                reasons.append(f"its recovery is nearer to that of input {nearer + 1}")
    if isinstance(answers, ModelFailed):
        reasons.append(str(answers))
    local, served = answers if isinstance(answers, tuple) else (None, None)
    if local != served:
        reasons.append(f"the answer is {served!r} instead of {local!r}")
    return Compared(probe.name, seed, ssim, local, served, tuple(reasons))


def _nearer(index: int, pairs: Sequence[Pictures], own: float) -> int | None:
    """Another input whose local recovery is nearer to this served one than its own is."""
    served = pairs[index]
    if not isinstance(served, tuple):
        return None
    for other, pair in enumerate(pairs):
        if not isinstance(pair, tuple) or other == index or pair[0].shape != served[1].shape:
            continue
        if _ssim(served[1], pair[0]) > own:
            return other
    return None


def _faults(pictures: Sequence[tuple[Image8, Image8]], answers: Sequence[Answers]) -> Iterator[str]:
    """What is wrong with the server as a whole: it does not look at its input."""
    if len(pictures) > 1:
        local, served = ({each.tobytes() for each in side} for side in zip(*pictures, strict=True))
        if len(served) == 1 and len(local) > 1:
            yield "The server gives the same picture for every input: it does not look at what it is sent."
    said = [pair for pair in answers if isinstance(pair, tuple)]
    if len(said) > 1:
        local_said, served_said = (set(side) for side in zip(*said, strict=True))
        if len(served_said) == 1 and len(local_said) > 1:
            yield "The server gives the same answer for every input: it does not look at what it is sent."


def _pictures(local: Recoverer | None, served: Recoverer | None, probe: Probe, seed: int, steps: int) -> Pictures:
    if local is None or served is None:
        return None
    here = _recovery(local, probe, seed, steps)
    try:
        return here, _recovery(served, probe, seed, steps)
    except ModelFailed as error:
        return error


def _recovery(recoverer: Recoverer, probe: Probe, seed: int, steps: int) -> Image8:
    for event in recoverer.recover(RecoverRequest(probe.image, seed, steps)):
        if isinstance(event, Recovered):
            return event.images[0]
    raise ModelFailed(f"The model {recoverer.ref.id!r} ended without an image.")


def _answers(local: Answerer | None, served: Answerer | None, probe: Probe) -> Answers:
    assert local is not None
    assert served is not None
    here = _answer(local, probe)
    try:
        return here, _answer(served, probe)
    except ModelFailed as error:
        return error


def _answer(answerer: Answerer, probe: Probe) -> str:
    """What is said from one picture and from two."""
    shown = {Condition.CORRUPTED: [probe.image], Condition.BOTH: [probe.image, probe.other]}
    replies = answerer.answer([AnswerRequest(images, c, probe.question) for c, images in shown.items()])
    return ", from two pictures ".join(_said(reply) for reply in replies)


def _said(answered: Answered) -> str:
    return answered.choice or " ".join(answered.text.casefold().split())


def _ssim(image: Image8, other: Image8) -> float:
    from ru1_app.scoring.ssim import ssim

    return ssim(np.ascontiguousarray(image), np.ascontiguousarray(other))


def _size(image: Image8) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
