"""The nouns of the rating desk: people, items of the queue, turns, drafts, pair votes, the audit log. Frozen values.

Standard library only, as in `domain`. An *item* is what the queue holds: one recovery to be judged, or two of one input
to be compared. A *turn* is one rater's pass over one item. Ids of people are pseudonyms: random, without the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ru1_app.domain import Stage


class Role(StrEnum):
    """What a person may do; each role may do what those before it may."""

    VISITOR = "visitor"  # flag
    RATER = "rater"  # take items from the queue
    ADJUDICATOR = "adjudicator"  # settle what raters disagree on
    LEAD = "lead"  # see who did what; fill and change the queue
    ADMIN = "admin"  # roles and people

    def may(self, needed: Role) -> bool:
        """Whether this role reaches `needed`."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in. `name` is for the page alone and never exported; None once the person was forgotten."""

    id: str
    provider: str  # "local" or "hf"
    name: str | None
    role: Role
    created_at: datetime
    gate_passed_at: datetime | None = None  # when the training gate was passed
    forgotten_at: datetime | None = None


class ItemKind(StrEnum):
    """What is asked of an item."""

    SINGLE = "single"  # one recovery: is it true to its input
    PAIR = "pair"  # two recoveries of one input: which is more faithful


class Purpose(StrEnum):
    """Why an item is in the queue."""

    WORK = "work"
    GOLD = "gold"  # its right judgement is known; raters are not told
    TRAINING = "training"  # the same, with feedback: the gate


class Origin(StrEnum):
    """Where an item came from."""

    FLAG = "flag"  # a visitor flagged it
    BATCH = "batch"
    FOLDER = "folder"
    GOLD = "gold"


class ItemState(StrEnum):
    """How far an item is."""

    OPEN = "open"
    DONE = "done"  # enough raters, and they agree
    DISPUTED = "disputed"  # the most raters, and they do not: an adjudicator's
    ADJUDICATED = "adjudicated"
    RETIRED = "retired"


class TurnState(StrEnum):
    """How far one rater is with one item."""

    HELD = "held"  # leased: shown, not judged
    RATED = "rated"  # the first judgement is stored, later stages are open
    DONE = "done"
    SKIPPED = "skipped"


class PairChoice(StrEnum):
    """Which of two recoveries is more faithful, by the side on which it was shown."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both_bad"


class Supported(StrEnum):
    """Whether the corrupted image supports the answer."""

    YES = "yes"
    NO = "no"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the queue. `rank` orders the queue, lowest first; `count` is how many raters have judged it."""

    id: str
    kind: ItemKind
    purpose: Purpose
    origin: Origin
    recovery_id: str
    created_at: datetime
    other_id: str | None = None  # the second recovery of a pair
    overlap: int = 3  # raters wanted
    rank: float = 0.0
    count: int = 0
    state: ItemState = ItemState.OPEN
    key: Mapping[str, Any] | None = None  # of gold: the right judgement
    position: int | None = None  # of training items

    @property
    def subject(self) -> str:
        """What the item is about; there is one item for each subject and purpose."""
        return "/".join(filter(None, (self.purpose.value, self.kind.value, self.recovery_id, self.other_id)))


@dataclass(frozen=True, slots=True)
class Turn:
    """One rater's pass over an item. `opened` says when each stage was first shown to the rater."""

    item_id: str
    rater_id: str
    state: TurnState
    stage: str  # a `Stage`, "pair", or "" when nothing is left to do
    tab: str
    expires_at: datetime
    round: int = 0  # 1: the same rater judges the same item again, to see whether they agree with themselves
    opened: Mapping[str, str] = field(default_factory=dict)
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rater had filled in and not submitted, as the page sent it."""

    item_id: str
    rater_id: str
    stage: str
    body: Mapping[str, Any]
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class PairVote:
    """One person's choice between two recoveries, and on which side each was shown. Appended, never edited."""

    id: str
    item_id: str
    rater_id: str
    left_id: str
    right_id: str
    choice: PairChoice
    comment: str
    created_at: datetime
    duration_ms: int | None = None
    round: int = 0
    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. `hash` is SHA-256 over the line and the hash before it."""

    number: int
    at: datetime
    actor: str  # a person's id, or "system"
    action: str
    subject: str
    detail: str  # canonical JSON
    previous: str
    hash: str


SIMULATED = "simulated-"  # how the ids of simulated raters begin
PAIR_STAGE = "pair"
STAGES = (Stage.BLIND.value, Stage.ANSWER.value, Stage.REVEAL.value)
"""Of a single item, in order."""
