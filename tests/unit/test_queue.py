"""The queue: nobody sees an item twice, none is held by more than it wants, nothing that was submitted is lost."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Stage, Verdict
from ru1_app.errors import Conflict, InvalidInput, NotFound
from ru1_app.items import Draft, Item, ItemKind, ItemState, Origin, Purpose, TurnState
from ru1_app.rating.policy import Overlap, settle
from ru1_app.store import labels_sql, queue_sql
from ru1_app.store.audit_sql import broken
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.sql import Store
from tests.factories import make_case

pytest_plugins = ["tests.databases"]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
POLICY = partial(settle, overlap=Overlap())


@pytest.fixture
def store(any_store: Store) -> Store:
    """An empty store on each kind of database."""
    return any_store


def make_item(case: Case, number: int = 0, **changes: object) -> Item:
    item = Item(f"item-{number:03d}", ItemKind.SINGLE, Purpose.WORK, Origin.BATCH, case.id, NOW, rank=float(number))
    return replace(item, **changes)  # type: ignore[arg-type]


def fill(store: Store, count: int, **changes: object) -> list[Item]:
    items = []
    for number in range(count):
        case, images = make_case(number)
        store.add_case(case, images)
        items.append(make_item(case, number, **changes))
    assert Queue(store.database).add(items, "tests", NOW) == count
    return items


def taker(name: str, seconds: int = 0, tab: str = "tab") -> Taker:
    return Taker(name, tab, NOW + timedelta(seconds=seconds), 600)


def judgement(item: Item, name: str, verdict: Verdict = Verdict.FAITHFUL, severity: int = 0, **more: object) -> Rating:
    rating = Rating(
        id=uuid.uuid4().hex, recovery_id=item.recovery_id, source=RatingSource.RATER, stage=Stage.BLIND,
        verdict=verdict, categories={}, regions=(), severity=severity, answer_impact=AnswerImpact.UNKNOWN, comment="",
        rater_id=name, taxonomy_version="1", guideline_version="1", created_at=NOW, confidence=2, consent=True,
        item_id=item.id,
    )  # fmt: skip
    return replace(rating, **more)  # type: ignore[arg-type]


def rate(store: Store, name: str, seconds: int = 0, **more: Any) -> str | None:
    """Take the next item and judge it; its id, or None where nothing is left."""
    found = Queue(store.database).take(taker(name, seconds), Purpose.WORK)
    if found is None:
        return None
    rating = judgement(found[0], name, created_at=NOW + timedelta(seconds=seconds), **more)
    Judgements(store.database).add(rating, taker(name, seconds), "", POLICY)
    return found[0].id


def test_items_come_in_the_order_of_their_rank_and_none_twice(store: Store) -> None:
    fill(store, 3)
    assert [rate(store, "anna") for _ in range(4)] == ["item-000", "item-001", "item-002", None]


def test_an_item_is_held_by_as_many_as_it_wants(store: Store) -> None:
    fill(store, 2)
    queue = Queue(store.database)
    taken = [queue.take(taker(name), Purpose.WORK) for name in "abcdefg"]
    assert [found[0].id if found else None for found in taken] == ["item-000"] * 3 + ["item-001"] * 3 + [None]
    later = queue.take(taker("g", 601), Purpose.WORK)  # the leases have ended by themselves
    assert later is not None
    assert later[0].id == "item-000"


def test_a_reload_gives_the_same_item_and_renews_the_lease(store: Store) -> None:
    fill(store, 2)
    queue = Queue(store.database)
    first = queue.take(taker("anna"), Purpose.WORK)
    again = queue.current(taker("anna", 500))
    assert first is not None
    assert again is not None
    assert again[0] == first[0]
    assert again[1].expires_at == NOW + timedelta(seconds=1100)
    assert queue.current(taker("anna", 1101)) is None


def test_two_tabs_are_given_two_items_until_one_goes_silent(store: Store) -> None:
    fill(store, 3)
    queue = Queue(store.database)
    one = queue.take(taker("anna"), Purpose.WORK)
    other = taker("anna", 10, tab="second")
    assert queue.current(other) is None
    two = queue.take(other, Purpose.WORK)
    assert one is not None
    assert two is not None
    assert one[0].id != two[0].id
    queue.beat(two[0].id, taker("anna", 200, tab="second"))
    adopted = queue.current(taker("anna", 205, tab="third"))  # the first tab was not heard of for 205 of 600 seconds
    assert adopted is not None
    assert adopted[0].id == one[0].id
    with pytest.raises(Conflict, match="another tab"):
        queue.beat(one[0].id, taker("anna", 206))


def test_a_lease_that_ran_out_is_renewed_while_nobody_has_the_place(store: Store) -> None:
    (item,) = fill(store, 1)
    queue = Queue(store.database)
    queue.take(taker("anna"), Purpose.WORK)
    queue.beat(item.id, taker("anna", 700))
    for name in "bcd":
        queue.take(taker(name, 2000), Purpose.WORK)
    with pytest.raises(Conflict, match="no longer yours"):
        queue.beat(item.id, taker("anna", 2001))


def test_a_judgement_that_comes_late_is_kept(store: Store) -> None:
    (item,) = fill(store, 1)
    queue = Queue(store.database)
    queue.take(taker("late"), Purpose.WORK)
    assert {rate(store, name, 700) for name in "abc"} == {item.id}
    assert Judgements(store.database).add(judgement(item, "late"), taker("late", 5000), "", POLICY)
    assert queue.item(item.id).count == 4


def test_a_skip_gives_the_item_back_to_others_only(store: Store) -> None:
    fill(store, 1)
    queue = Queue(store.database)
    queue.take(taker("anna"), Purpose.WORK)
    queue.skip("item-000", taker("anna"), "I made this image")
    assert queue.take(taker("anna"), Purpose.WORK) is None
    assert [rate(store, name) for name in "bcd"] == ["item-000"] * 3
    with pytest.raises(Conflict, match="judged already"):
        queue.skip("item-000", taker("b"), "too late")


def test_raters_who_disagree_are_joined_by_others_then_by_an_adjudicator(store: Store) -> None:
    fill(store, 1)
    queue = Queue(store.database)
    states = []
    for name, verdict, severity in zip("abcde", ["faithful", "misleading"] * 3, [0, 3] * 3, strict=False):
        rate(store, name, verdict=Verdict(verdict), severity=severity)
        item = queue.item("item-000")
        states.append((item.overlap, item.state))
    open_, disputed = ItemState.OPEN, ItemState.DISPUTED
    assert states == [(3, open_), (3, open_), (4, open_), (5, open_), (5, disputed)]


def test_raters_who_agree_are_enough(store: Store) -> None:
    fill(store, 1)
    for name in "abc":
        rate(store, name)
    assert Queue(store.database).item("item-000").state is ItemState.DONE


def test_the_overlap_can_be_changed_later(store: Store) -> None:
    fill(store, 1)
    queue = Queue(store.database)
    for name in "abc":
        rate(store, name)
    queue.change("item-000", "lead", NOW, {"overlap": 4, "state": ItemState.OPEN.value})
    assert rate(store, "d") == "item-000"
    assert queue.item("item-000").state is ItemState.DONE


def test_the_same_judgement_again_changes_nothing(store: Store) -> None:
    (item,) = fill(store, 1)
    Queue(store.database).take(taker("anna"), Purpose.WORK)
    judgements, rating = Judgements(store.database), judgement(item, "anna")
    assert judgements.add(rating, taker("anna"), "", POLICY)
    assert not judgements.add(rating, taker("anna"), "", POLICY)
    assert Queue(store.database).item(item.id).count == 1
    with pytest.raises(Conflict, match="judged this already"):
        judgements.add(replace(rating, id="another"), taker("anna"), "", POLICY)


def test_what_was_never_served_cannot_be_judged(store: Store) -> None:
    (item,) = fill(store, 1)
    with pytest.raises(NotFound, match="not given to you"):
        Judgements(store.database).add(judgement(item, "anna"), taker("anna"), "", POLICY)
    with pytest.raises(NotFound, match="not given to you"):
        Queue(store.database).save_draft(Draft(item.id, "anna", "blind", {"a": 1}, NOW))


def test_later_stages_wait_for_their_turn(store: Store) -> None:
    (item,) = fill(store, 1)
    queue, judgements = Queue(store.database), Judgements(store.database)
    queue.take(taker("anna"), Purpose.WORK)
    reveal = judgement(item, "anna", stage=Stage.REVEAL)
    with pytest.raises(Conflict):
        judgements.add(reveal, taker("anna"), "", POLICY)
    judgements.add(judgement(item, "anna"), taker("anna"), "reveal", POLICY)
    current = queue.current(taker("anna", 5000))
    assert current is not None
    assert (current[1].state, current[1].stage) == (TurnState.RATED, "reveal")
    judgements.add(reveal, taker("anna"), "", POLICY)
    assert queue.item(item.id).count == 1
    assert queue.current(taker("anna")) is None


def test_a_correction_supersedes_and_counts_once(store: Store) -> None:
    (item,) = fill(store, 1)
    queue, judgements = Queue(store.database), Judgements(store.database)
    queue.take(taker("anna"), Purpose.WORK)
    first = judgement(item, "anna")
    judgements.add(first, taker("anna"), "", POLICY)
    queue.reopen(item.id, 0, taker("anna"), "blind")
    second = judgement(item, "anna", Verdict.MISLEADING, 2, supersedes=first.id)
    judgements.add(second, taker("anna"), "", POLICY)
    assert judgements.own(item.id, "anna", 0, "blind") == second
    assert [each.judgement.id for each in judgements.submits("anna", 10)] == [second.id]
    assert queue.item(item.id).count == 1
    assert {each.id for each in store.case(item.recovery_id).ratings} == {first.id, second.id}


def test_drafts_come_back_and_go_with_the_judgement(store: Store) -> None:
    (item,) = fill(store, 1)
    queue = Queue(store.database)
    queue.take(taker("anna"), Purpose.WORK)
    for text in ("one", "two"):
        queue.save_draft(Draft(item.id, "anna", "blind", {"comment": text}, NOW))
    draft = queue.draft(item.id, "anna")
    assert draft is not None
    assert draft.body == {"comment": "two"}
    Judgements(store.database).add(judgement(item, "anna"), taker("anna"), "", POLICY)
    assert queue.draft(item.id, "anna") is None


def test_an_item_comes_again_after_a_gap_and_only_once(store: Store) -> None:
    fill(store, 4)
    queue = Queue(store.database)
    for second in range(3):
        rate(store, "anna", second)
    assert queue.take_again(taker("anna"), 3) is None
    found = queue.take_again(taker("anna"), 2)
    assert found is not None
    assert (found[0].id, found[1].round) == ("item-000", 1)
    again = judgement(found[0], "anna", round=1)
    Judgements(store.database).add(again, taker("anna"), "", POLICY)
    assert queue.item("item-000").count == 1
    assert queue.take_again(taker("anna"), 2) is None


@pytest.mark.timeout(900)
def test_sixteen_clients_submit_two_thousand_and_lose_and_double_nothing(
    store: Store, open_store: Callable[[], Store]
) -> None:
    items = fill(store, 125, overlap=16)
    stores = [store, *(open_store() for _ in range(3))]  # as several processes would
    start = threading.Barrier(16)
    done: list[tuple[str, str]] = []

    def work(number: int) -> None:
        start.wait()
        name = f"rater-{number:02d}"
        while (item := rate(stores[number % 4], name)) is not None:
            done.append((item, name))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(done) == len(set(done)) == 2000
    assert set(Counter(item for item, _ in done).values()) == {16}
    queue = Queue(store.database)
    assert all(queue.item(item.id).count == 16 for item in items)
    stored = [r for item in items for r in store.case(item.recovery_id).ratings]
    assert sorted((r.item_id, r.rater_id) for r in stored) == sorted(done)
    assert broken(store.database) == (2001, None)


def test_several_processes_add_the_same_items_once(store: Store, open_store: Callable[[], Store]) -> None:
    cases = [make_case(number) for number in range(10)]
    for case, images in cases:
        store.add_case(case, images)
    stores, start = [store, *(open_store() for _ in range(3))], threading.Barrier(4)

    def add(number: int) -> int:
        start.wait()
        items = [make_item(case, place, id=uuid.uuid4().hex) for place, (case, _) in enumerate(cases)]
        return Queue(stores[number].database).add(items, "tests", NOW)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) == 10
    assert broken(store.database) == (1, None)


def test_one_request_sent_many_times_at_once_is_stored_once_and_refused_never(
    store: Store, open_store: Callable[[], Store]
) -> None:
    (item,) = fill(store, 1)
    Queue(store.database).take(taker("anna"), Purpose.WORK)
    stores, start, rating = [store, *(open_store() for _ in range(3))], threading.Barrier(4), judgement(item, "anna")

    def send(number: int) -> bool:
        start.wait()
        return Judgements(stores[number].database).add(rating, taker("anna"), "", POLICY)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == [False, False, False, True]
    assert Queue(store.database).item(item.id).count == 1


def test_an_item_judged_in_another_tab_meanwhile_is_not_leased_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = fill(store, 1)
    queue = Queue(store.database)
    queue.take(taker("anna"), Purpose.WORK)
    Judgements(store.database).add(judgement(item, "anna"), taker("anna"), "", POLICY)
    stale = partial(queue_sql.item_row, item_id=item.id, lock=True)  # as a query that began before the submit finds it
    monkeypatch.setattr(queue_sql, "_candidates", lambda session, *rest: iter([stale(session)]))
    assert queue.take(taker("anna", tab="second"), Purpose.WORK) is None
    assert queue.turn(item.id, taker("anna")).state is TurnState.DONE


def test_a_second_round_takes_no_place_from_another_rater(store: Store) -> None:
    fill(store, 1)
    queue = Queue(store.database)
    for name in "ab":
        rate(store, name)
    assert queue.take_again(taker("a", 5), 0) is not None
    assert rate(store, "c", 6) == "item-000"


def test_fewer_raters_than_an_item_has_finish_it(store: Store) -> None:
    (item,) = fill(store, 1)
    judgements = Judgements(store.database)
    for name in "ab":
        rate(store, name)
    changed = judgements.want(item.id, 2, "lead", NOW, POLICY)
    assert (changed.overlap, changed.state) == (2, ItemState.DONE)
    assert judgements.want(item.id, 4, "lead", NOW, POLICY).state is ItemState.OPEN
    judgements.adjudicate(judgement(item, "judge", source=RatingSource.ADJUDICATOR), taker("judge"))
    assert judgements.want(item.id, 9, "lead", NOW, POLICY).state is ItemState.ADJUDICATED
    case, images = make_case(7)
    store.add_case(case, images)
    Queue(store.database).add([make_item(case, 7, purpose=Purpose.GOLD)], "tests", NOW)
    with pytest.raises(InvalidInput, match="every rater"):
        judgements.want("item-007", 5, "lead", NOW, POLICY)


def test_a_correction_while_labels_are_read_is_not_seen_beside_what_it_corrects(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels_sql, "PAGE", 1)
    items = fill(store, 3)
    for _ in items:
        rate(store, "anna")
    reading = labels_sql.Labels(store.database).ratings()
    first = next(reading).rating
    again = replace(first, id="z" * 32, supersedes=first.id)
    Queue(store.database).reopen(first.item_id or "", 0, taker("anna"), "blind")
    Judgements(store.database).add(again, taker("anna"), "", POLICY)
    read = [first.item_id, *(label.rating.item_id for label in reading)]
    assert sorted(map(str, read)) == [item.id for item in items]
