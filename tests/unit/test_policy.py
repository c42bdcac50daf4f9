"""The rules of the queue: overlap, disagreement, order, and what the next turn is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.domain import AnswerImpact, Rating, RatingSource, Stage, Verdict
from ru1_app.items import Item, ItemKind, ItemState, Origin, PairChoice, PairVote, Purpose
from ru1_app.rating.policy import (
    AGAIN_SHARE,
    GOLD_SHARE,
    Overlap,
    Signals,
    chosen,
    disagree,
    first_on_the_left,
    kind_of_turn,
    rank,
    settle,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEM = Item("i", ItemKind.SINGLE, Purpose.WORK, Origin.BATCH, "r", NOW)


def rated(verdict: str, severity: int) -> Rating:
    return Rating(
        f"{verdict}{severity}", "r", RatingSource.RATER, Stage.BLIND, Verdict(verdict), {}, (), severity,
        AnswerImpact.UNKNOWN, "", "anna", "1", "1", NOW,
    )  # fmt: skip


def vote(left: str, choice: str) -> PairVote:
    return PairVote(choice, "i", "anna", left, "rs".replace(left, ""), PairChoice(choice), "", NOW)


FAITHFUL, HARMLESS = rated("faithful", 0), rated("benign_detail", 1)
BAD, WORST = rated("misleading", 2), rated("misleading", 3)


@pytest.mark.parametrize(
    ("ratings", "split"),
    [
        ([], False),
        ([FAITHFUL], False),
        ([FAITHFUL, FAITHFUL, HARMLESS], False),
        ([FAITHFUL, BAD], True),
        ([FAITHFUL, FAITHFUL, FAITHFUL, WORST], True),  # three steps of severity apart
        ([BAD, WORST, WORST], False),
        ([FAITHFUL, HARMLESS], True),  # no verdict has more than half
    ],
)
def test_raters_disagree_by_severity_or_by_verdict(ratings: list[Rating], split: bool) -> None:
    assert disagree(ratings) is split


@given(st.lists(st.sampled_from([FAITHFUL, HARMLESS, BAD, WORST]), max_size=7))
def test_an_item_never_wants_more_than_the_most_and_always_ends(ratings: list[Rating]) -> None:
    overlap, item = Overlap(3, 5), ITEM
    for count in range(1, len(ratings) + 1):
        if item.state is not ItemState.OPEN:
            break
        wants = settle(item, ratings[:count], [], overlap)
        assert 3 <= wants.overlap <= 5
        item = Item(**{**{n: getattr(item, n) for n in Item.__slots__}, "overlap": wants.overlap, "state": wants.state})
        assert (wants.state is ItemState.OPEN) is (count < wants.overlap)
    if len(ratings) >= 5:
        assert item.state in (ItemState.DONE, ItemState.DISPUTED)


def test_gold_stays_open_for_everybody() -> None:
    gold = Item("g", ItemKind.SINGLE, Purpose.GOLD, Origin.GOLD, "r", NOW, overlap=10**6)
    assert settle(gold, [FAITHFUL, WORST] * 5, [], Overlap()).state is ItemState.OPEN


def test_sides_are_undone_before_votes_are_counted() -> None:
    assert [chosen(vote("r", "left"), "r"), chosen(vote("s", "left"), "r")] == ["first", "second"]
    assert [chosen(vote("r", "right"), "r"), chosen(vote("s", "both_bad"), "r")] == ["second", "both_bad"]
    pair = Item("p", ItemKind.PAIR, Purpose.WORK, Origin.BATCH, "r", NOW, other_id="s")
    agreeing = [vote("r", "left"), vote("s", "right"), vote("r", "left")]
    assert settle(pair, [], agreeing, Overlap()).state is ItemState.DONE
    assert settle(pair, [], [vote("r", "left"), vote("s", "left"), vote("r", "tie")], Overlap()).overlap == 4


def test_flags_come_before_doubt_and_doubt_before_the_draw() -> None:
    order = [
        Signals(flags=3), Signals(flags=1, misled=True), Signals(misled=True), Signals(unsure=0.9), Signals(ratings=1),
        Signals(),
    ]  # fmt: skip
    ranks = [rank("same", signals) for signals in order]
    assert ranks == sorted(ranks)
    risky, unsure = rank("same", Signals(risk=0.8)), rank("same", Signals(unsure=0.5))
    assert ranks[2] < risky < unsure < ranks[-1]
    assert len({rank(f"item-{k}", Signals()) for k in range(100)}) == 100
    assert rank("a", Signals(), seed=1) == rank("a", Signals(), seed=1) != rank("a", Signals(), seed=2)


def test_gold_and_repeats_have_their_shares_and_do_not_depend_on_asking_twice() -> None:
    kinds = Counter(kind_of_turn(f"rater-{n % 20}", n) for n in range(20_000))
    assert kinds["gold"] / 20_000 == pytest.approx(GOLD_SHARE, abs=0.01)
    assert kinds["again"] / 20_000 == pytest.approx(AGAIN_SHARE, abs=0.01)
    assert kind_of_turn("anna", 7) == kind_of_turn("anna", 7)


def test_sides_are_drawn_evenly() -> None:
    left = sum(first_on_the_left(f"rater-{n}", "item") for n in range(2000))
    assert left / 2000 == pytest.approx(0.5, abs=0.05)
