"""The gallery: filters find what they say, for those who may know it, page by page, on both databases."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ru1_app.domain import AnswerImpact, Case, PairKind, Rating, RatingSource, Score, ScoreRecord, Stage, Verdict
from ru1_app.errors import InvalidInput, NotFound
from ru1_app.items import Item, ItemKind, ItemState, Origin, Purpose, Role
from ru1_app.rating.consensus import recompute
from ru1_app.rating.gallery import Gallery
from ru1_app.store.filters import Filters
from ru1_app.store.gallery_sql import GallerySql
from ru1_app.store.labels_sql import Labels
from ru1_app.store.people_sql import People
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.seen_sql import Viewer, seen
from ru1_app.store.sql import Store
from tests.factories import make_case

pytest_plugins = ("tests.databases",)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEAD = Viewer("lead", Role.LEAD)
SPECS = (("fog@0.9#1", 0.9), ("jpeg@0.5#2", 0.5), ("fog@mid+jpeg@low#3", None), ("gaussian_noise@0.2#4", 0.2))


def put(store: Store, number: int, **changes: Any) -> Case:
    """A case of its own day, with scores that are known."""
    case, images = make_case(number)
    spec, strength = SPECS[number % 4]
    values = {PairKind.CORRUPTED_REFERENCE: 0.5, PairKind.RECOVERED_REFERENCE: 0.5 + 0.1 * number}
    case = replace(
        case,
        sample=replace(case.sample, corruption=spec, severity=strength),
        recovery=replace(case.recovery, created_at=NOW + timedelta(days=number), **changes),
        scores=tuple(ScoreRecord(pair, Score("ssim", "1", value)) for pair, value in values.items()),
    )
    store.add_case(case, images)
    return case


def rate(store: Store, case: Case, who: str, verdict: str = "misleading", **more: Any) -> Rating:
    rating = Rating(
        id=uuid.uuid4().hex, recovery_id=case.id, source=RatingSource.RATER, stage=Stage.BLIND,
        verdict=Verdict(verdict), categories={}, regions=(), severity=2, answer_impact=AnswerImpact.UNKNOWN,
        comment="", rater_id=who, taxonomy_version="1", guideline_version="1", created_at=NOW, consent=True,
    )  # fmt: skip
    rating = replace(rating, **more)
    store.add_rating(rating)
    return rating


def queue(store: Store, case: Case, **changes: Any) -> Item:
    item = Item(f"item-{case.id[:8]}", ItemKind.SINGLE, Purpose.WORK, Origin.BATCH, case.id, NOW)
    item = replace(item, **changes)
    Queue(store.database).add([item], "tests", NOW)
    return item


def ids(store: Store, viewer: Viewer = LEAD, **filters: Any) -> set[str]:
    found = {card.id for card in GallerySql(store.database).page(Filters(**filters), viewer, limit=100)}
    assert GallerySql(store.database).count(Filters(**filters), viewer) == len(found)
    return found


@pytest.fixture
def cases(any_store: Store) -> list[Case]:
    return [put(any_store, number) for number in range(4)]


def test_each_filter_finds_its_cases(any_store: Store, cases: list[Case]) -> None:
    a, b, c, d = (case.id for case in cases)
    rate(any_store, cases[0], "v", source=RatingSource.VISITOR, stage=Stage.OPEN, severity=3)
    rate(any_store, cases[1], "r", categories={"text_altered": 2}, answer_impact=AnswerImpact.HARMED)
    rate(any_store, cases[1], "s", "faithful", severity=0)
    queue(any_store, cases[2], state=ItemState.DISPUTED)
    assert ids(any_store) == {a, b, c, d}
    assert ids(any_store, corruption=("fog",)) == {a, c}
    assert ids(any_store, corruption=("fog", "gaussian_noise")) == {a, c, d}
    assert ids(any_store, corruption=("noise",)) == set()
    assert ids(any_store, strength_low=0.5, strength_high=0.9) == {a, b}
    assert ids(any_store, model=(cases[0].recovery.model.id,)) == {a, b, c, d}
    assert ids(any_store, model=("another",)) == set()
    assert ids(any_store, score="ssim.gain", score_low=0.15) == {c, d}
    assert ids(any_store, score="ssim.recovered_reference", score_high=0.65) == {a, b}
    assert ids(any_store, score="clip.gain") == set()
    assert ids(any_store, verdict=("misleading",)) == {a, b}
    assert ids(any_store, verdict=("misleading",), severity_low=3) == {a}
    assert ids(any_store, verdict=("faithful",), category=("text_altered",)) == set()  # of one judgement
    assert ids(any_store, category=("text_altered", "object_added")) == {b}
    assert ids(any_store, impact=("harmed",)) == {b}
    assert ids(any_store, source=("visitor",)) == {a}
    assert ids(any_store, state=("disputed",)) == ids(any_store, disputed=True) == {c}
    assert ids(any_store, disputed=True, state=("done",)) == set()
    assert ids(any_store, text="COLOUR is") == {a, b, c, d}
    assert ids(any_store, text="100%_") == set()
    assert ids(any_store, since=date(2026, 11, 21), until=date(2026, 11, 22)) == {b, c}


def test_an_answer_that_flipped_is_found(any_store: Store) -> None:
    told = {"A": "B", "B": "A"}
    found = []
    for number, (before, after) in enumerate((("B", "A"), ("B", "B"), ("A", "B"), ("B", None))):
        case, images = make_case(number)
        said = {"corrupted": before, "both": after}
        answers = tuple(
            replace(each, answered=replace(each.answered, choice=said.get(each.condition.value, told["A"])))
            for each in case.answers
        )
        any_store.add_case(replace(case, answers=answers), images)
        found.append(case.id)
    assert ids(any_store, flip=True) == {found[0]}


def test_pages_follow_each_other_in_every_order(any_store: Store) -> None:
    made = [put(any_store, number) for number in range(7)]
    gallery = GallerySql(any_store.database)
    for order in ("newest", "oldest", "severe", "unsure"):
        found: list[str] = []
        while page := gallery.page(Filters(), LEAD, order, found[-1] if found else "", 3):
            found += [card.id for card in page]
        assert sorted(found) == sorted(case.id for case in made)
        assert len(set(found)) == 7
    assert [card.id for card in gallery.page(Filters(), LEAD, "oldest", limit=2)] == [made[0].id, made[1].id]
    with pytest.raises(InvalidInput, match="no order"):
        gallery.page(Filters(), LEAD, "best")
    with pytest.raises(NotFound, match="go on from"):
        gallery.page(Filters(), LEAD, "newest", "none")


def test_what_was_corrected_is_found_no_more(any_store: Store, cases: list[Case]) -> None:
    first = rate(any_store, cases[0], "r")
    rate(any_store, cases[0], "r", "faithful", severity=0, supersedes=first.id)
    assert ids(any_store, verdict=("misleading",)) == set()
    assert ids(any_store, verdict=("faithful",)) == {cases[0].id}


def test_gold_is_left_out(any_store: Store, cases: list[Case]) -> None:
    queue(any_store, cases[0], purpose=Purpose.GOLD)
    queue(any_store, cases[1], purpose=Purpose.TRAINING, position=0)
    assert ids(any_store) == {cases[2].id, cases[3].id}
    facets = GallerySql(any_store.database).facets(Filters(), LEAD)
    assert sum(facets.counts["model"].values()) == 2


def test_nobody_finds_what_they_may_not_read(any_store: Store, cases: list[Case]) -> None:
    item = queue(any_store, cases[0])
    for name in ("r", "s"):
        any_queue = Queue(any_store.database)
        any_queue.take(Taker(name, "tab", NOW, 600), Purpose.WORK)
    rate(any_store, cases[0], "r", item_id=item.id)
    rate(any_store, cases[0], "v", "unusable", source=RatingSource.VISITOR, stage=Stage.OPEN)
    done = Taker("r", "tab", NOW, 600)
    Queue(any_store.database).skip(item.id, Taker("s", "tab", NOW, 600), "late")
    with any_store.database._session.begin() as session:
        from ru1_app.store.queue_sql import turn_row

        turn_row(session, item.id, done.rater_id).state = "done"
    recompute(Labels(any_store.database), NOW)
    rater, other = Viewer("r", Role.RATER), Viewer("s", Role.RATER)
    visitor, judge = Viewer(), Viewer("j", Role.ADJUDICATOR)
    a = {cases[0].id}
    for viewer, misleading, unusable in (
        (rater, a, a), (other, set(), set()), (visitor, set(), a), (judge, set(), set()), (LEAD, a, a),
    ):  # fmt: skip
        assert ids(any_store, viewer, verdict=("misleading",)) == misleading
        assert ids(any_store, viewer, verdict=("unusable",)) == unusable
    gallery = GallerySql(any_store.database)
    assert gallery.facets(Filters(), other).counts["verdict"] == {}
    assert gallery.facets(Filters(), rater).counts["verdict"] == {"misleading": 1, "unusable": 1}
    assert ids(any_store, visitor, verdict=("misleading",), verdict_of="consensus") == set()
    assert ids(any_store, LEAD, verdict=("misleading",), verdict_of="consensus") == a
    for tells in ({"model": (cases[0].recovery.model.id,)}, {"score": "ssim.gain"}):  # of what is still to be judged
        assert [cases[0].id in ids(any_store, viewer, **tells) for viewer in (rater, other, LEAD)] == [
            True,
            False,
            True,
        ]
    (card,) = gallery.cards([cases[0].id], other)
    assert (card.waiting, card.model, card.said) == (True, "", ())
    case = any_store.case(cases[0].id)
    items = gallery.items_of(case.id)
    assert [len(seen(any_store.database, case, items, v).ratings) for v in (rater, other, visitor, LEAD)] == [
        2,
        0,
        1,
        2,
    ]
    assert [seen(any_store.database, case, items, v).reference for v in (rater, other, visitor)] == [True, False, True]
    Queue(any_store.database).change(item.id, "tests", NOW, {"state": "done"})
    assert ids(any_store, visitor, verdict=("misleading",), verdict_of="consensus") == a
    assert ids(any_store, judge, verdict=("misleading",)) == a
    assert ids(any_store, other, verdict=("misleading",)) == set()  # not rated: the others' stay hidden


def test_facets_count_with_the_other_filters(any_store: Store, cases: list[Case]) -> None:
    rate(any_store, cases[0], "r", categories={"text_altered": 2})
    rate(any_store, cases[1], "r", "faithful", severity=0)
    queue(any_store, cases[3])
    facets = GallerySql(any_store.database).facets(Filters(verdict=("misleading",)), LEAD)
    assert facets.counts["verdict"] == {"misleading": 1, "faithful": 1}
    assert facets.counts["corruption"] == {"fog": 1}
    assert facets.counts["category"] == {"text_altered": 1}
    assert facets.counts["source"] == {"rater": 1}
    everything = GallerySql(any_store.database).facets(Filters(), LEAD)
    assert everything.counts["corruption"] == {"fog": 2, "jpeg": 2, "gaussian_noise": 1}
    assert everything.counts["state"] == {"open": 1}
    assert everything.scores == ("ssim.corrupted_reference", "ssim.recovered_reference")


def test_an_item_leads_to_its_case(any_store: Store, cases: list[Case]) -> None:
    item = queue(any_store, cases[0])
    gallery = GallerySql(any_store.database)
    assert gallery.case_of(item.id) == gallery.case_of(cases[0].id) == cases[0].id
    for wrong in ("none", "a\0b"):
        with pytest.raises(NotFound, match="no case"):
            gallery.case_of(wrong)


def test_filters_go_into_the_address_and_back() -> None:
    filters = Filters(
        corruption=("fog", "jpeg"), strength_low=0.0, score="ssim.gain", score_low=-0.5, verdict=("misleading",),
        verdict_of="consensus", severity_high=0, flip=True, text="a & b", since=date(2026, 1, 2), model=("x/y",),
    )  # fmt: skip
    assert Filters.from_query(filters.to_query()) == filters
    assert Filters.from_dict(filters.to_dict()) == filters
    assert Filters().to_query() == []
    assert Filters.from_query([("case", "x"), ("strength_low", "")]) == Filters()


@pytest.mark.parametrize(
    "raw",
    [
        {"verdict": ["wrong"]}, {"verdict": "misleading"}, {"corruption": ["a'b"]}, {"strength_low": 2},
        {"strength_low": 0.8, "strength_high": 0.2}, {"severity_low": 1.5}, {"severity_low": True}, {"flip": "yes"},
        {"score": "ssim"}, {"score_low": 1}, {"score": "ssim.gain", "score_low": float("nan")}, {"since": "soon"},
        {"since": "2026-02-01", "until": "2026-01-01"}, {"text": "x" * 201}, {"text": "\0"}, {"unknown": 1},
        {"text": 3}, {"model": ["m"] * 2 + [str(n) for n in range(60)]}, {"verdict_of": "mine"},
    ],
)  # fmt: skip
def test_wrong_filters_are_refused_with_a_sentence(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"\.$|2026-11-25"):
        Filters.from_dict(raw)


def test_a_page_of_many_cases_comes_at_once(any_store: Store) -> None:
    from tests.crowd import crowd

    crowd(any_store, 3000)
    gallery = GallerySql(any_store.database)
    filters = Filters(corruption=("fog",), verdict=("misleading",), score="ssim.gain", score_low=0.0)
    began = time.perf_counter()
    assert gallery.page(filters, Viewer("rater-1", Role.RATER))
    assert time.perf_counter() - began < 2  # 20 ms on an idle machine


def test_the_id_of_an_item_at_hand_tells_nothing(any_store: Store) -> None:
    case, images = make_case()
    any_store.add_case(case, images)
    item = Item("at-hand", ItemKind.SINGLE, Purpose.WORK, Origin.BATCH, case.id, NOW)
    Queue(any_store.database).add([item], "tests", NOW)
    gallery = Gallery(any_store, People(any_store.database))
    with pytest.raises(NotFound):
        gallery.look(None, item.id)
    Queue(any_store.database).change(item.id, "tests", NOW, {"state": "done"})
    assert gallery.look(None, item.id).case.id == case.id
