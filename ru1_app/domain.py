"""The nouns of RU1: frozen values and fixed words, standard library only.

The same words are used in code, tables, page and exports (glossary in docs/architecture.md). Pixels
are not here: an image is named by the SHA-256 of its PNG bytes, arrays travel in `pipeline.RunResult`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Condition(StrEnum):
    """Which images the answerer saw."""

    CORRUPTED = "corrupted"
    RECOVERED = "recovered"
    BOTH = "both"


class PairKind(StrEnum):
    """Which two images a score compares, the judged image first; or which one it looks at alone."""

    CORRUPTED_REFERENCE = "corrupted_reference"
    RECOVERED_REFERENCE = "recovered_reference"
    RECOVERED_CORRUPTED = "recovered_corrupted"  # agreement with the input, not quality
    RECORRUPTED_CORRUPTED = "recorrupted_corrupted"  # the known corruption applied to the recovery: consistency
    CORRUPTED_ALONE = "corrupted_alone"
    RECOVERED_ALONE = "recovered_alone"


class UncertaintyKind(StrEnum):
    """What an uncertainty map holds, in grey levels per pixel."""

    PREDICTED = "predicted"  # the error that the model itself expects
    DEVIATION = "deviation"  # the standard deviation over several draws


class Verdict(StrEnum):
    """What a person says of a recovery (annotations/taxonomy.json has the definitions)."""

    FAITHFUL = "faithful"
    BENIGN_DETAIL = "benign_detail"
    MISLEADING = "misleading"
    UNUSABLE = "unusable"
    CANNOT_TELL = "cannot_tell"


class AnswerImpact(StrEnum):
    """What the recovery did to the answer."""

    NONE = "none"
    HELPED = "helped"
    HARMED = "harmed"
    WRONG_BOTH = "wrong_both"
    RIGHT_BUT_UNSUPPORTED = "right_but_unsupported"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class RatingSource(StrEnum):
    """Who judged: a visitor's flag raises priority, only a rater's rating is a label; an adjudicator's settles it."""

    VISITOR = "visitor"
    RATER = "rater"
    ADJUDICATOR = "adjudicator"


class Stage(StrEnum):
    """What the person had seen when judging (annotations/guidelines.md)."""

    OPEN = "open"  # a visitor's flag: scores, model name and reference were in view
    BLIND = "blind"
    ANSWER = "answer"
    REVEAL = "reveal"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the image; `options` are A, B, C, D in order, empty = open question."""

    text: str
    options: tuple[str, ...] = ()
    expected: str | None = None  # the right answer where it is known: a letter with options, else text


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model made something: a row without these three could never be removed or reproduced."""

    id: str
    revision: str  # SHA-256 prefix of the weights for local folders, commit for hub models
    engine: str  # e.g. "diffusers 0.42.1 / torch 2.15.0 / cpu float32"


@dataclass(frozen=True, slots=True)
class Score:
    """One value of one scorer for one pair, or none with the reason."""

    scorer: str
    version: str
    value: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Degradation:
    """A kind of damage that a model says it sees, in its words: "motion blur", "severe"."""

    type: str
    degree: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of the damage before it answers (the tags of Robust-R1); empty where it says nothing."""

    degradations: tuple[Degradation, ...] = ()
    influence: str = ""  # what the damage does to the content
    reasoning: str = ""
    conclusion: str = ""


CANNOT_TELL = "Cannot tell"
"""The text of an answerer that finds the evidence gone; it then chooses no option."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answerer's reply. `choice` is a letter of the options, or None when the text names none."""

    text: str
    choice: str | None
    confidence: float | None  # 0-1, from the token probabilities, at the temperature fitted for the model
    in_scope: bool = True  # False: the model was not trained for such a question
    note: str | None = None  # a sentence for the person, e.g. why it is out of scope
    seconds: float = 0.0
    probabilities: tuple[float, ...] = ()  # of the options in order, sum 1; empty where the model gives none
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A box on the recovered image as fractions of width and height, origin top left, 0<=x0<x1<=1."""

    x0: float
    y0: float
    x1: float
    y1: float
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What the uncertainty map of a recovery says in short (`ru1_app.uncertainty` has the thresholds)."""

    kind: UncertaintyKind
    share: float  # of the image that is unsure, 0-1
    regions: tuple[Region, ...] = ()  # around the least sure parts, worst first


@dataclass(frozen=True, slots=True)
class SampleAnswers:
    """What the answerer said when shown each draw instead of the recovery: a letter of the options, or the text."""

    condition: Condition
    said: tuple[str, ...]

    @property
    def most(self) -> tuple[str, int]:
        """The answer given most often and how often; the earlier one where two are even."""
        return max(((each, self.said.count(each)) for each in self.said), key=lambda pair: pair[1])


@dataclass(frozen=True, slots=True)
class Sample:
    """What the recoverer was given, and where it came from."""

    id: str
    corrupted_sha: str
    reference_sha: str | None
    split_group: str  # SHA-256 of the source image: all samples of one source stay in one split
    corruption: str | None = None  # canonical spec "gaussian_noise@mid+jpeg@0.5#7"; None = used as it is
    severity: float | None = None  # of a single corruption; None for a chain
    seed: int | None = None
    source: str = "upload"  # "upload", "scene:<seed>", "photo:<name>", "file:<name>"
    license: str | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """One image a recoverer made for a sample, with all that is needed to make it again."""

    id: str
    sample_id: str
    image_sha: str
    uncertainty_sha: str | None
    model: ModelRef
    seed: int
    settings: Mapping[str, Any]
    seconds: float
    app_version: str
    created_at: datetime
    uncertainty: Uncertainty | None = None
    trace: str | None = None  # the text that the model wrote while recovering


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One stored answer: its condition, the reply and the model that gave it."""

    condition: Condition
    answered: Answered
    model: ModelRef


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """One stored score and the pair it compares; `model` names the weights behind it, if any."""

    pair: PairKind
    score: Score
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's judgement of one recovery. Appended, never edited: `supersedes` names the older."""

    id: str
    recovery_id: str
    source: RatingSource
    stage: Stage
    verdict: Verdict
    categories: Mapping[str, int]  # category code -> severity 0-3
    regions: tuple[Region, ...]
    severity: int  # 0-3, overall
    answer_impact: AnswerImpact
    comment: str
    rater_id: str  # pseudonymous
    taxonomy_version: str
    guideline_version: str
    created_at: datetime
    confidence: int | None = None  # 1-3
    supersedes: str | None = None
    consent: bool = False  # the person agreed to storing and exporting; without it nothing is exported
    item_id: str | None = None  # of the queue; None for a visitor's flag
    round: int = 0  # 1: the same rater's second judgement of the same item, made without seeing the first
    shown_at: datetime | None = None  # when the stage was first shown
    duration_ms: int | None = None  # while the page was visible
    supported_by_input: str | None = None  # yes, no or undecidable (stage answer)
    global_rating: int | None = None  # 1-5, higher = more hallucination beside the clean image (stage reveal)
    guard: str | None = None  # of a visitor: what the rate limit said, pass or unavailable


@dataclass(frozen=True, slots=True)
class Case:
    """A flagged recovery with everything needed to reproduce and judge it. Its id is the recovery's."""

    sample: Sample
    recovery: Recovery
    answers: tuple[AnswerRecord, ...] = ()
    scores: tuple[ScoreRecord, ...] = ()
    ratings: tuple[Rating, ...] = field(default=())
    sample_answers: tuple[SampleAnswers, ...] = ()

    @property
    def id(self) -> str:
        """The permalink id."""
        return self.recovery.id
