"""Which of two recoveries of one input people prefer: from votes on pairs, and from verdicts on each.

Every rule that loses a pair says so by name, so that a release can tell how many it lost to each.

From votes: the side with more votes is chosen. Ties are dropped, because trainers read a tie as a win of the first
(Diffusion-DPO drops them itself only where the dataset's name holds "pickapic"). From verdicts: a recovery that is
held true beats one that misleads or is unusable; among the others a difference in severity decides. What was voted on
is not judged by verdicts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from ru1_app.domain import Verdict
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Origin, Preference, Row
from ru1_app.export.cases.tally import Tally
from ru1_app.items import PairChoice, PairVote
from ru1_app.rating.consensus import HELD_TRUE
from ru1_app.store.release_sql import Vote

FALSE = frozenset((Verdict.MISLEADING, Verdict.UNUSABLE))
MOST_OF_VERDICTS = 6  # pairs of one input, those of the widest margin first
PART = "preferences"


class Sides(NamedTuple):
    """How many votes each recovery of a pair got."""

    first: int
    second: int
    tie: int
    both_bad: int


def preferences(rows: Sequence[Row], votes: Sequence[Vote], least_voters: int, tally: Tally) -> list[Preference]:
    """The preferences between the recoveries of one input, by votes first."""
    known = {row.case.id: row for row in rows}
    by_item: dict[tuple[str, str, str], list[PairVote]] = {}
    for each in votes:
        item = each.item
        if not each.vote.round and item.other_id and {item.recovery_id, item.other_id} <= known.keys():
            by_item.setdefault((item.id, item.recovery_id, item.other_id), []).append(each.vote)
    found, voted = [], set()
    for (item_id, first, second), some in sorted(by_item.items()):
        voted.add(frozenset((first, second)))
        one = _of_votes(item_id, known[first], known[second], some, least_voters, tally)
        found += [one] if one else []
    return found + _of_verdicts([row for row in rows if row.label], voted, tally)


def count(first: str, votes: Sequence[PairVote]) -> Sides:
    """The votes by recovery: on which side each was shown differs from rater to rater."""
    sides = {PairChoice.LEFT: 0, PairChoice.RIGHT: 0, PairChoice.TIE: 0, PairChoice.BOTH_BAD: 0}
    wins = [0, 0]
    for vote in votes:
        if vote.choice in (PairChoice.LEFT, PairChoice.RIGHT):
            winner = vote.left_id if vote.choice is PairChoice.LEFT else vote.right_id
            wins[winner != first] += 1
        else:
            sides[vote.choice] += 1
    return Sides(wins[0], wins[1], sides[PairChoice.TIE], sides[PairChoice.BOTH_BAD])


def _of_votes(
    item_id: str, first: Row, second: Row, votes: Sequence[PairVote], least: int, tally: Tally
) -> Preference | None:
    sides = count(first.case.id, votes)
    if len({vote.rater_id for vote in votes}) < least:
        tally.lose(PART, f"fewer than {least} voters")
    elif first.case.recovery.image_sha == second.case.recovery.image_sha:
        tally.lose(PART, "both are the same picture")
    elif 2 * sides.both_bad > len(votes):
        tally.lose(PART, "both are bad")
    elif sides.first == sides.second or 2 * sides.tie > len(votes):
        tally.lose(PART, "a tie")
    else:
        chosen, rejected = (first, second) if sides.first > sides.second else (second, first)
        margin = abs(sides.first - sides.second) / len(votes)
        voters = len({vote.rater_id for vote in votes})
        return Preference(item_id, chosen, rejected, Origin.VOTES, voters, margin, tuple(votes))
    return None


def _of_verdicts(rows: Sequence[Row], voted: set[frozenset[str]], tally: Tally) -> list[Preference]:
    found = []
    for one, two in combinations(rows, 2):
        if frozenset((one.case.id, two.case.id)) in voted:
            continue
        better = _better(one, two, tally)
        if better is not None:
            found.append(better)
    found.sort(key=lambda each: (-each.margin, each.id))
    for _ in found[MOST_OF_VERDICTS:]:
        tally.lose(PART, f"more than {MOST_OF_VERDICTS} pairs of one input")
    return found[:MOST_OF_VERDICTS]


def _better(one: Row, two: Row, tally: Tally) -> Preference | None:
    labels = one.label, two.label
    if labels[0] is None or labels[1] is None:
        return None
    first, second = _place(labels[0]), _place(labels[1])
    if first is None or second is None:
        tally.lose(PART, "a verdict cannot be compared")
    elif one.case.recovery.image_sha == two.case.recovery.image_sha:
        tally.lose(PART, "both are the same picture")
    elif first == second:
        tally.lose(PART, "judged alike")
    else:
        chosen, rejected = (one, two) if first < second else (two, one)
        margin = max(abs(labels[0].mean_severity - labels[1].mean_severity) / 3, 0.0)
        voters = min(max(label.raters, 1) for label in (labels[0], labels[1]))
        id_ = f"{chosen.case.id}-{rejected.case.id}"
        return Preference(id_, chosen, rejected, Origin.VERDICTS, voters, margin)
    return None


def _place(label: Label) -> tuple[int, int] | None:
    """Lower is better; None where the verdict says nothing of better or worse."""
    if label.verdict in HELD_TRUE:
        return (0, 0)  # a harmless invented detail is no reason to prefer the other one
    return (1, label.severity) if label.verdict in FALSE else None
