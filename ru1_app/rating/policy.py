"""The rules of the queue. Pure.

How many raters an item wants (ANNOTATION protocol: three, up to two more where they disagree, then an adjudicator), in
what order items come, and when a rater is served gold or an item again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ru1_app.domain import Rating
from ru1_app.items import Item, ItemKind, ItemState, PairChoice, PairVote, Purpose

GATE_SIZE, GATE_NEEDED = 10, 8  # gold items with feedback before work, and how many of them must be right
GOLD_SHARE = 0.07  # of the turns, silently
AGAIN_SHARE = 0.04  # of the turns, an item that the rater has judged before
AGAIN_GAP = 15  # judgements between both rounds, at least
UNDO_DEPTH = 10
SPLIT, BEGUN = 1.0, 0.5  # how much nearer to the front an item comes when raters disagree; when one has judged it


@dataclass(frozen=True, slots=True)
class Overlap:
    """Raters for each item: at first, and at most where they disagree."""

    first: int = 3
    most: int = 5


@dataclass(frozen=True, slots=True)
class Settled:
    """What an item wants after a judgement. `sooner` is taken from its rank."""

    overlap: int
    state: ItemState
    sooner: float = 0.0


def disagree(ratings: Sequence[Rating]) -> bool:
    """Whether severities lie two steps or more apart, or no verdict has more than half of the raters."""
    if len(ratings) < 2:
        return False
    severities = [rating.severity for rating in ratings]
    most = Counter(rating.verdict for rating in ratings).most_common(1)[0][1]
    return max(severities) - min(severities) >= 2 or most * 2 <= len(ratings)


def votes_disagree(votes: Sequence[PairVote], first: str) -> bool:
    """Whether no choice has more than half of the voters; sides are undone first."""
    if len(votes) < 2:
        return False
    return Counter(chosen(vote, first) for vote in votes).most_common(1)[0][1] * 2 <= len(votes)


def chosen(vote: PairVote, first: str) -> str:
    """What was chosen, whatever side it was shown on: "first", "second", "tie" or "both_bad"."""
    if vote.choice in (PairChoice.TIE, PairChoice.BOTH_BAD):
        return vote.choice.value
    picked = vote.left_id if vote.choice is PairChoice.LEFT else vote.right_id
    return "first" if picked == first else "second"


def settle(item: Item, ratings: Sequence[Rating], votes: Sequence[PairVote], overlap: Overlap) -> Settled:
    """How many raters the item wants now, its state, and how much nearer to the front it comes.

    Gold and training items stay open for everybody. A work item is done when enough raters agree; while they disagree
    it wants one more, up to the most; then an adjudicator settles it.
    """
    if item.purpose is not Purpose.WORK:
        return Settled(item.overlap, ItemState.OPEN)
    pair = item.kind is ItemKind.PAIR
    count = len(votes) if pair else len(ratings)
    split = votes_disagree(votes, item.recovery_id) if pair else disagree(ratings)
    if count < item.overlap:
        return Settled(item.overlap, ItemState.OPEN, BEGUN if count == 1 else 0.0)
    if not split:
        return Settled(item.overlap, ItemState.DONE)
    if count < overlap.most:
        return Settled(count + 1, ItemState.OPEN, SPLIT)
    return Settled(item.overlap, ItemState.DISPUTED)


@dataclass(frozen=True, slots=True)
class Signals:
    """What makes an item urgent. `unsure` is the unsure share of its recovery (0-1), `misled` whether an answer flipped
    from right to wrong, `ratings` how many raters judged it."""

    flags: int = 0
    unsure: float = 0.0
    misled: bool = False
    ratings: int = 0
    split: bool = False
    risk: float = 0.0  # of a hallucination, by a model of people's ratings, 0-1


def rank(item_id: str, signals: Signals, seed: int = 0) -> float:
    """The place in the queue, lowest first: visitors' flags, then what the model is unsure or wrong about, then items
    that some raters have judged already, then a draw that depends on the seed and the id alone."""
    urgency = (
        3.0 * min(signals.flags, 3) / 3
        + 1.5 * signals.misled
        + SPLIT * signals.split
        + 1.0 * min(max(signals.unsure, 0.0), 1.0)
        + 1.0 * min(max(signals.risk, 0.0), 1.0)
        + BEGUN * (signals.ratings > 0)
    )
    return -urgency + 0.25 * draw(seed, item_id)


def draw(*what: object) -> float:
    """A number in [0, 1) that depends on nothing but what is given."""
    digest = hashlib.sha256("/".join(map(str, what)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def kind_of_turn(rater_id: str, done: int, seed: int = 0) -> str:
    """What the rater's turn number `done` should be: "gold", "again" or "work"; the same when asked again."""
    number = draw(seed, "turn", rater_id, done)
    if number < GOLD_SHARE:
        return "gold"
    return "again" if number < GOLD_SHARE + AGAIN_SHARE else "work"


def first_on_the_left(rater_id: str, item_id: str, seed: int = 0) -> bool:
    """On which side a pair's first recovery is shown to this rater."""
    return draw(seed, "side", rater_id, item_id) < 0.5
