"""The rating desk: the order of the stages, who may do what, training, undo, pairs. Through the service and the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ru1_app.agreement.intervals import wilson
from ru1_app.config import Settings
from ru1_app.domain import Case, Rating, Stage
from ru1_app.errors import Conflict, Forbidden, InvalidInput, NotFound
from ru1_app.flagging import FlagForm, flag
from ru1_app.gold import gold_key_from, make_set
from ru1_app.items import ItemState, Origin, PairChoice, Person, Purpose, Role, TurnState
from ru1_app.rating.desk import Desk, Options, TurnView
from ru1_app.rating.filling import Filler
from ru1_app.rating.gate import ATTEMPTS, Gatekeeper
from ru1_app.rating.golden import add_gold, is_gold
from ru1_app.rating.policy import GATE_SIZE, Overlap, kind_of_turn
from ru1_app.rating.reports import Reports
from ru1_app.store.audit_sql import entries
from ru1_app.store.people_sql import People
from ru1_app.store.sql import Store
from ru1_app.ui import rating_api
from tests.factories import make_case, make_result

TAB = "tab-1"


@dataclass
class Room:
    """A desk with a clock that moves a second with each look."""

    store: Store
    now: datetime = datetime(2026, 11, 25, 9, tzinfo=UTC)
    people: People = field(init=False)
    gates: Gatekeeper = field(init=False)
    desk: Desk = field(init=False)
    filler: Filler = field(init=False)

    def __post_init__(self) -> None:
        self.people = People(self.store.database)
        self.gates = Gatekeeper(self.store, self.people)
        self.desk = Desk(self.store, self.gates, Options(), self._tick)
        self.filler = Filler(self.store, Overlap())

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def person(self, name: str = "anna", role: Role = Role.RATER, *, passed: bool = True) -> Person:
        person = self.people.add(name, role, "tests", self.now, secret="none")
        return self.people.set_gate_passed(person.id, self.now) if passed else person

    def fill(self, count: int = 1, **options: Any) -> list[Case]:
        cases = []
        for seed in range(count):
            case, images = make_case(seed, **options)
            self.store.add_case(case, images)
            cases.append(case)
        self.filler.add(cases, Origin.BATCH, "tests")
        return cases


@pytest.fixture
def room(settings: Settings) -> Iterator[Room]:
    store = Store(settings.url, settings.blob_dir)
    yield Room(store)
    store.close()


def form(verdict: str = "faithful", severity: int = 0, **more: Any) -> dict[str, Any]:
    blank = {"verdict": verdict, "severity": severity, "categories": {}, "regions": [], "confidence": 2, "comment": ""}
    return blank | {"duration_ms": 1200, "request_id": uuid.uuid4().hex} | more


ANSWER = {"answer_impact": "none", "supported_by_input": "yes", "comment": "", "duration_ms": 500}


def served_id(view: TurnView) -> str:
    assert view.served is not None
    return view.served.item.id


@pytest.mark.parametrize("call", ["next_item", "heartbeat", "skip", "finish", "undo"])
def test_a_visitor_is_refused_everywhere(room: Room, call: str) -> None:
    visitor = room.person(role=Role.VISITOR)
    rest = {"next_item": (), "undo": (), "skip": ("item", "why"), "heartbeat": ("item",), "finish": ("item",)}[call]
    with pytest.raises(Forbidden, match="rater"):
        getattr(room.desk, call)(visitor, TAB, *rest)


def test_the_stages_follow_one_another_and_none_comes_early(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    for early in ("answer", "reveal"):
        with pytest.raises((Conflict, InvalidInput)):
            room.desk.submit(anna, TAB, item, early, form() | ANSWER | {"global_rating": 1})
    done = room.desk.submit(anna, TAB, item, "blind", form())
    assert (done.stage, done.turn) == ("answer", None)
    done = room.desk.submit(anna, TAB, item, "answer", ANSWER | {"request_id": "0" * 8})
    assert done.stage == "reveal"
    assert done.served is not None
    assert done.served.blind is not None
    done = room.desk.submit(anna, TAB, item, "reveal", form("misleading", 3, global_rating=4))
    assert done.turn is not None
    assert done.turn.served is None
    stored = {rating.stage: rating for rating in room.store.case(case.id).ratings}
    assert [str(stage) for stage in stored] == ["blind", "answer", "reveal"]
    assert stored[Stage.REVEAL].global_rating == 4
    assert stored[Stage.ANSWER].supported_by_input == "yes"
    assert stored[Stage.BLIND].shown_at is not None
    assert stored[Stage.BLIND].duration_ms == 1200


def test_the_blind_stage_shows_nothing_but_the_two_images(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    told = json.dumps(rating_api._turn(room.desk.next_item(anna, TAB)))
    assert case.sample.corrupted_sha in told
    assert case.recovery.image_sha in told
    hidden = [case.sample.reference_sha, case.recovery.model.id, case.sample.corruption, "ssim", case.id]
    assert case.sample.question
    assert not [word for word in (*hidden, case.sample.question.text) if word and word in told]


def test_others_judgements_and_flags_are_never_served(room: Room) -> None:
    (case,) = room.fill()
    flag(room.store, case, {}, FlagForm("misleading", 2, True, "visitor", comment="look at the sign"))
    bert, anna = room.person("bert"), room.person()
    item = served_id(room.desk.next_item(bert, TAB))
    room.desk.submit(bert, TAB, item, "blind", form(comment="mine alone"))
    told = json.dumps(rating_api._turn(room.desk.next_item(anna, TAB)))
    assert "mine alone" not in told
    assert "look at the sign" not in told


def test_the_reference_is_refused_before_the_blind_judgement(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    with pytest.raises(Conflict):
        room.desk.submit(anna, TAB, item, "reveal", form(global_rating=1))
    with pytest.raises((Conflict, NotFound)):
        room.desk.undo(anna, TAB)
    assert room.store.case(case.id).ratings == ()


def test_a_judgement_that_breaks_a_rule_stores_nothing_and_says_so(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    region = {"x0": 0.1, "y0": 0.1, "x1": 0.05, "y1": 0.2, "category": None}
    for wrong, said in (
        ({"verdict": ""}, "Choose the verdict"),
        ({"verdict": "nice"}, "not a known verdict"),
        ({"severity": 3}, "goes with severity 0"),
        ({"severity": True}, "whole number"),
        ({"confidence": None}, "confidence"),
        ({"categories": {"text_altered": 2}}, "takes no categories"),
        ({"regions": [region]}, "outside"),
        ({"regions": [{"x0": "a"}]}, "did not arrive whole"),
        ({"comment": "x" * 501}, "501 characters"),
        ({"request_id": "no!"}, "request id"),
        ({"duration_ms": -1}, "time taken"),
    ):
        with pytest.raises(InvalidInput, match=said):
            room.desk.submit(anna, TAB, item, "blind", form(**wrong))
    assert room.store.case(case.id).ratings == ()


def test_points_and_boxes_are_kept(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    box = {"x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.4, "category": "text_altered"}
    point = {"x0": 0.5, "y0": 0.5, "x1": 0.5, "y1": 0.5, "category": None}
    said = form("misleading", 2, categories={"text_altered": 3}, regions=[box, point])
    room.desk.submit(anna, TAB, item, "blind", said)
    (rating,) = room.store.case(case.id).ratings
    assert [(r.x0, r.y1, r.category) for r in rating.regions] == [(0.1, 0.4, "text_altered"), (0.5, 0.5, None)]
    assert rating.categories == {"text_altered": 3}


def test_the_same_request_again_is_answered_alike_and_stored_once(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    said = form()
    one, two = (room.desk.submit(anna, TAB, item, "blind", said) for _ in range(2))
    assert (one.judgement_id, one.stage) == (two.judgement_id, two.stage)
    assert len(room.store.case(case.id).ratings) == 1


def test_undo_opens_the_last_submits_one_after_the_other(room: Room) -> None:
    anna = room.person()
    room.fill(3, reference=False)
    items = []
    for _ in range(3):
        view = room.desk.next_item(anna, TAB)
        items.append(served_id(view))
        assert view.served is not None
        room.desk.submit(anna, TAB, items[-1], "blind", form())
        room.desk.finish(anna, TAB, items[-1])
    first = room.desk.undo(anna, TAB)
    assert served_id(first) == items[2]
    assert first.served is not None
    assert isinstance(first.served.previous, Rating)
    assert served_id(room.desk.undo(anna, TAB)) == items[1]
    done = room.desk.submit(anna, TAB, items[1], "blind", form("misleading", 2))
    stored = room.store.case(room.desk._queue.item(items[1]).recovery_id).ratings
    assert [rating.supersedes is None for rating in stored] == [True, False]
    assert done.judgement_id == stored[1].id
    assert room.desk._queue.item(items[1]).count == 1


def test_a_blind_judgement_whose_reference_was_seen_is_reopened_at_the_reveal(room: Room) -> None:
    anna, _ = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    room.desk.submit(anna, TAB, item, "blind", form())
    room.desk.submit(anna, TAB, item, "answer", ANSWER | {"request_id": "1" * 8})
    room.desk.finish(anna, TAB, item)  # the reveal was shown and passed over
    served = room.desk.undo(anna, TAB).served
    assert served is not None
    assert served.stage == "reveal" or (served.stage == "answer" and served.turn.state is TurnState.RATED)


def test_skipping_needs_a_reason_and_goes_on(room: Room) -> None:
    anna = room.person()
    room.fill(2)
    item = served_id(room.desk.next_item(anna, TAB))
    with pytest.raises(InvalidInput, match="Say why"):
        room.desk.skip(anna, TAB, item, " ")
    assert served_id(room.desk.skip(anna, TAB, item, "The images do not load")) != item


def test_drafts_come_back_at_the_stage_they_were_for(room: Room) -> None:
    anna, _ = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    room.desk.save_draft(anna, TAB, item, "blind", {"comment": "half a th"})
    draft = room.desk.next_item(anna, TAB).draft
    assert draft is not None
    assert draft.body == {"comment": "half a th"}
    room.desk.submit(anna, TAB, item, "blind", form())
    assert room.desk.next_item(anna, TAB).draft is None


def test_pairs_are_shown_on_sides_that_are_stored(room: Room) -> None:
    results = [make_result(7, samples=1) for _ in range(2)]
    first, second = (result.case for result in results)
    image = make_result(8).images
    sha = next(iter(image))
    second = replace(second, recovery=replace(second.recovery, image_sha=sha, id="other"), sample=first.sample)
    second = replace(second, recovery=replace(second.recovery, sample_id=first.sample.id))
    room.store.add_case(first, dict(results[0].images))
    room.store.add_case(second, {**results[1].images, sha: image[sha]})
    assert room.filler.pairs([first, second], Origin.BATCH, "tests") == 1
    sides = set()
    for name in ("anna", "bert", "cleo", "dora", "emil", "fred", "gina", "hugo"):
        person = room.person(name)
        view = room.desk.next_item(person, TAB)
        if view.served is None:
            break
        sides.add(view.served.sides)
        assert rating_api._turn(view)["item"]["kind"] == "pair"
        room.desk.vote(person, TAB, served_id(view), {"choice": "left", "request_id": uuid.uuid4().hex})
    (item,) = room.desk._queue.items_of(first.id)
    _, votes = room.desk._judgements.of_item(item.id)
    assert {(vote.left_id, vote.right_id) for vote in votes} == sides
    assert {vote.choice for vote in votes} == {PairChoice.LEFT}
    assert item.count == len(votes) >= 3


def answer_rightly(item_key: Any) -> dict[str, Any]:
    key = gold_key_from(item_key)
    regions = [{"x0": r.x0, "y0": r.y0, "x1": r.x1, "y1": r.y1, "category": r.category} for r in key.regions]
    return form(key.verdict, key.severity, categories=dict(key.categories), regions=regions)


def test_training_gives_feedback_and_opens_the_gate(room: Room) -> None:
    anna = room.person(passed=False)
    room.fill()
    for number in range(GATE_SIZE):
        view = room.desk.next_item(anna, TAB)
        assert view.served is not None
        assert view.served.item.purpose is Purpose.TRAINING
        assert view.progress.gate.done == number
        right = answer_rightly(view.served.item.key) if number != 3 else form("cannot_tell")
        done = room.desk.submit(anna, TAB, served_id(view), "blind", right)
        assert done.grade is not None
        assert done.grade.passed is (number != 3)
        assert done.grade.feedback
        anna = room.people.by_id(anna.id)
    view = room.desk.next_item(anna, TAB)
    assert view.progress.gate.passed
    assert view.served is not None
    assert view.served.item.purpose is Purpose.WORK


def test_who_fails_every_attempt_is_given_no_work(room: Room) -> None:
    anna = room.person(passed=False)
    room.fill()
    for _ in range(ATTEMPTS * GATE_SIZE):
        item = served_id(room.desk.next_item(anna, TAB))
        room.desk.submit(anna, TAB, item, "blind", form("cannot_tell"))
    view = room.desk.next_item(anna, TAB)
    assert view.served is None
    assert view.progress.gate.failed


def test_training_cannot_be_skipped(room: Room) -> None:
    anna = room.person(passed=False)
    item = served_id(room.desk.next_item(anna, TAB))
    with pytest.raises(InvalidInput, match="cannot be skipped"):
        room.desk.skip(anna, TAB, item, "too hard")


def test_gold_comes_unannounced_and_is_counted(room: Room) -> None:
    anna = room.person()
    seed = next(s for s in range(100) if any(kind_of_turn(anna.id, n, s) == "gold" for n in range(50)))
    room.desk = Desk(room.store, room.gates, Options(seed=seed), room._tick)  # ids of people are random
    add_gold(room.store, make_set(6, 1), Purpose.GOLD)
    room.fill(60)
    kinds, seen = [], 0
    while seen < 60 and (view := room.desk.next_item(anna, TAB)).served is not None:
        item = view.served.item
        kinds.append(item.purpose)
        told = rating_api._turn(view)["item"]
        assert told["purpose"] == "work"
        said = answer_rightly(item.key) if item.key else form()
        room.desk.submit(anna, TAB, item.id, "blind", said)
        room.desk.finish(anna, TAB, item.id)
        seen += 1
    gold = kinds.count(Purpose.GOLD)
    assert 1 <= gold <= 6
    report = Reports(room.store).whole()
    (row,) = report.raters
    assert (row.gold, row.right) == (gold, gold)
    assert row.low < 1.0 == row.high


def test_gold_is_no_case_of_a_model(room: Room) -> None:
    anna = room.person(passed=False)
    served = room.desk.next_item(anna, TAB).served
    assert served is not None
    assert is_gold(served.case)
    assert room.filler.add([served.case], Origin.BATCH, "tests") == 0


def test_an_adjudicator_settles_beside_the_raters(room: Room) -> None:
    (case,) = room.fill()
    item = ""
    for name, verdict, severity in zip("abcde", ["faithful", "misleading"] * 3, [0, 3] * 3, strict=False):
        person = room.person(name)
        item = served_id(room.desk.next_item(person, TAB))
        room.desk.submit(person, TAB, item, "blind", form(verdict, severity))
    assert room.desk._queue.item(item).state is ItemState.DISPUTED
    judge = room.person("judge", Role.ADJUDICATOR)
    settled = room.desk.adjudicate(judge, item, form("misleading", 2, global_rating=4))
    assert settled.state is ItemState.ADJUDICATED
    assert len(room.store.case(case.id).ratings) == 6
    (row,) = Reports(room.store).whole().agreed
    assert (row.verdict, row.adjudicated) == ("misleading", True)
    with pytest.raises(Forbidden):
        room.desk.adjudicate(room.person("z"), item, form(global_rating=1))


def test_figures_of_the_team_are_for_leads(room: Room) -> None:
    reports = Reports(room.store)
    assert reports.stats(room.person())["team"] is None
    assert reports.stats(room.person("lead", Role.LEAD))["team"] is not None
    with pytest.raises(Forbidden):
        reports.report(room.person("bert"))


def test_a_space_signs_in_whom_hugging_face_vouches_for(room: Room, settings: Settings) -> None:
    import gradio as gr

    from ru1_app.wiring import App

    app = App(replace(settings, raters=("octo",)))
    sign_in = rating_api.said(rating_api.sign_in_hf_call(app))
    assert sign_in(None)["error"]["kind"] == "signed_out"
    for name, role in (("octo", "rater"), ("stranger", "visitor")):
        about = {"name": name, "preferred_username": name, "profile": "", "picture": ""}
        told = sign_in(gr.OAuthProfile(about))
        assert told["person"]["role"] == role
        assert app.accounts.person_of(told["token"]).name == name
    app.store.close()


LONG = "x" * 100_000
HOSTILE: tuple[Any, ...] = (None, [], {}, 5, True, float("nan"), LONG, "\ud800", "\0", {"a": {"b": []}}, 10**400, "")


def answer_of(call: Callable[[], object]) -> str:
    """The sentence of a refusal; "" where there is none. Anything else fails."""
    try:
        call()
    except (InvalidInput, NotFound, Conflict) as error:
        return str(error)
    return ""


def test_whatever_a_client_sends_is_answered_in_a_sentence(room: Room) -> None:
    anna, boss, desk = room.person(), room.person("boss", Role.ADMIN), room.desk
    room.fill(2)
    item = served_id(desk.next_item(anna, TAB))
    fields = [*form(), "global_rating"]
    for value in HOSTILE:
        region = {"x0": value, "y0": 0, "x1": 1, "y1": 1, "category": value}
        sent = [form("misleading", 2) | {name: value} for name in fields] + [form("misleading", 2, regions=[region])]
        calls: list[Any] = [
            lambda v=value: desk.next_item(anna, v),
            lambda v=value: desk.next_item(anna, TAB, v),
            lambda v=value: desk.heartbeat(anna, TAB, v),
            lambda v=value: desk.finish(anna, TAB, v),
            lambda v=value: desk.skip(anna, TAB, v, "why"),
            lambda v=value: desk.submit(anna, TAB, v, "blind", form()),
            lambda v=value: desk.submit(anna, TAB, item, v, form()),
            lambda v=value: desk.submit(anna, TAB, item, "open", form()),
            lambda v=value: desk.submit(anna, TAB, item, "blind", v),
            lambda v=value: desk.vote(anna, TAB, item, v),
            lambda v=value: desk.save_draft(anna, TAB, v, "blind", {"a": 1}),
            lambda v=value: desk.save_draft(anna, TAB, item, v, {"a": 1}),
            lambda v=value: desk.save_draft(anna, TAB, item, "blind", v),
            lambda v=value: desk.adjudicate(boss, v, form(global_rating=1)),
            lambda v=value: desk.adjudicate(boss, item, v),
            *(lambda s=each: desk.submit(anna, TAB, item, "reveal", s) for each in sent),
        ]
        for call in calls:
            assert len(answer_of(call)) < 400


def test_a_draft_of_more_than_20_kb_is_refused_and_the_old_one_stays(room: Room) -> None:
    anna, _ = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    room.desk.save_draft(anna, TAB, item, "blind", {"comment": "kept"})
    for wrong, said in (({"comment": "x" * 20_000}, "up to 20000"), ({"a": float("nan")}, "cannot be stored")):
        with pytest.raises(InvalidInput, match=said):
            room.desk.save_draft(anna, TAB, item, "blind", wrong)
    draft = room.desk.next_item(anna, TAB).draft
    assert draft is not None
    assert draft.body == {"comment": "kept"}


def test_a_draft_that_comes_late_or_from_a_tab_that_lost_the_item_is_refused(room: Room) -> None:
    anna, _ = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    room.now += timedelta(seconds=300)
    assert served_id(room.desk.next_item(anna, "second")) == item
    with pytest.raises(Conflict, match="another tab"):
        room.desk.save_draft(anna, TAB, item, "blind", {"comment": "of the first tab"})
    room.desk.submit(anna, "second", item, "blind", form())
    with pytest.raises(Conflict, match="left already"):
        room.desk.save_draft(anna, "second", item, "blind", {"comment": "late"})
    assert room.desk._queue.draft(item, anna.id) is None


def test_later_stages_too_are_gone_on_with_where_a_tab_went_silent(room: Room) -> None:
    anna, _ = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    room.desk.submit(anna, TAB, item, "blind", form())
    room.desk.save_draft(anna, TAB, item, "answer", {"comment": "half"})
    room.now += timedelta(seconds=300)
    view = room.desk.next_item(anna, "second")
    assert served_id(view) == item
    assert view.served is not None
    assert (view.served.stage, view.draft is not None) == ("answer", True)


def test_undo_beyond_the_first_submit_leaves_what_was_reopened(room: Room) -> None:
    anna = room.person()
    room.fill(reference=False)
    item = served_id(room.desk.next_item(anna, TAB))
    room.desk.submit(anna, TAB, item, "blind", form())
    room.desk.finish(anna, TAB, item)
    room.desk.undo(anna, TAB)
    room.desk.save_draft(anna, TAB, item, "blind", {"comment": "a correction"})
    with pytest.raises(Conflict, match="nothing to undo"):
        room.desk.undo(anna, TAB)
    assert room.desk.next_item(anna, TAB).draft is not None
    assert room.desk.submit(anna, TAB, item, "blind", form("misleading", 2)).judgement_id


def test_what_was_given_once_more_is_not_undone_any_more(room: Room) -> None:
    anna, (case,) = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    room.desk.submit(anna, TAB, item, "blind", form())
    room.desk.finish(anna, TAB, item)
    assert room.desk._queue.take_again(room.desk._taker(anna, "second"), 0) is not None
    with pytest.raises(Conflict, match="nothing to undo"):
        room.desk.undo(anna, TAB)  # a correction would be stored as the second round's
    assert [(r.stage, r.round) for r in room.store.case(case.id).ratings] == [(Stage.BLIND, 0)]


def test_what_was_skipped_is_said_to_be_skipped(room: Room) -> None:
    anna, _ = room.person(), room.fill()
    item = served_id(room.desk.next_item(anna, TAB))
    for _ in range(2):
        room.desk.skip(anna, TAB, item, "why")
    with pytest.raises(Conflict, match="skipped"):
        room.desk.submit(anna, TAB, item, "blind", form())
    assert [entry.action for entry in entries(room.store.database)].count("skipped") == 1


def test_an_adjudicator_settles_nothing_that_is_open_or_gold(room: Room) -> None:
    judge, lead = room.person("judge", Role.ADJUDICATOR), room.person("lead", Role.LEAD)
    training = served_id(room.desk.next_item(room.person("new", passed=False), TAB))
    room.fill()
    work = served_id(room.desk.next_item(room.person(), TAB))
    for item in (training, work):
        with pytest.raises(Conflict, match="not done"):
            room.desk.adjudicate(judge, item, form(global_rating=1))
    with pytest.raises(InvalidInput, match="training"):
        room.desk.adjudicate(lead, training, form(global_rating=1))
    said = form(global_rating=1)
    for _ in range(2):  # the same request again is the same judgement
        assert room.desk.adjudicate(lead, work, said).state is ItemState.ADJUDICATED
    assert len(room.store.case(room.desk._queue.item(work).recovery_id).ratings) == 1


def test_gold_is_announced_like_any_other_item(room: Room) -> None:
    people = (room.person(f"anna{number}") for number in range(100))
    anna = next(one for one in people if "gold" in [kind_of_turn(one.id, turn) for turn in range(1, 30)])
    add_gold(room.store, make_set(6, 1), Purpose.GOLD)
    room.fill(40)
    view, gold = room.desk.next_item(anna, TAB), 0
    for turn in range(35):
        assert view.served is not None
        item, ahead = view.served.item, [id_ for id_, _ in view.upcoming]
        room.desk.submit(anna, TAB, item.id, "blind", form())
        view = room.desk.finish(anna, TAB, item.id)
        assert view.served is not None
        gold += view.served.item.purpose is Purpose.GOLD
        if not view.served.turn.round:
            assert view.served.item.id in ahead, turn
    assert gold


def test_the_share_of_an_adjudicated_item_is_of_those_who_say_the_verdict(room: Room) -> None:
    room.fill()
    item = ""
    for name, said in zip("abc", (form("misleading", 2), form("misleading", 2), form()), strict=True):
        person = room.person(name)
        item = served_id(room.desk.next_item(person, TAB))
        room.desk.submit(person, TAB, item, "blind", said)
    room.desk.adjudicate(room.person("lead", Role.LEAD), item, form(global_rating=1))
    (row,) = Reports(room.store).whole().agreed
    assert row.verdict == "faithful"
    assert row.share == pytest.approx(1 / 3)


def test_the_interval_of_all_right_reaches_one_and_of_none_right_zero() -> None:
    assert all(wilson(total, total)[1] == 1.0 and wilson(0, total)[0] == 0.0 for total in range(1, 200))


def test_who_read_the_case_in_the_gallery_is_not_blind_any_more(room: Room) -> None:
    anna = room.person()
    with_reference, without = room.fill(1), [make_case(9, reference=False)]
    for case, images in without:
        room.store.add_case(case, images)
    room.filler.add([case for case, _ in without], Origin.BATCH, "tests")
    stages = {}
    for case in (with_reference[0], without[0][0]):
        (item,) = room.desk._queue.items_of(case.id)
        view = room.desk.next_item(anna, TAB, item.id)
        assert served_id(view) == item.id
        room.desk.submit(anna, TAB, item.id, "blind", form())
        room.desk.finish(anna, TAB, item.id)
        room.desk.looked(anna, item.id)
        try:
            served = room.desk.undo(anna, TAB).served
            assert served is not None
            stages[case.id] = served.stage
            room.desk.finish(anna, TAB, item.id)
        except Conflict as error:
            stages[case.id] = str(error)
    assert stages[with_reference[0].id] == "reveal"
    assert "others say" in stages[without[0][0].id]
    room.desk.looked(room.person("bert"), "nothing")  # never served: nothing to note


def test_a_pair_shows_the_reference_when_its_recoveries_are_judged(room: Room) -> None:
    anna = room.person()
    one, two = make_result(7), make_result(8)
    second = replace(two.case.recovery, id="other", sample_id=one.case.sample.id)
    cases = [one.case, replace(two.case, sample=one.case.sample, recovery=second)]
    room.store.add_case(cases[0], dict(one.images))
    room.store.add_case(cases[1], {**one.images, **two.images})
    room.filler.pairs(cases, Origin.BATCH, "tests")
    view = room.desk.next_item(anna, TAB)
    assert "reference" in rating_api._turn(view)["item"]["images"]  # nothing waits to be judged blind
    room.filler.add(cases, Origin.BATCH, "tests")
    room.desk._queue.rerank({served_id(view): 99.0})  # last of the three
    ahead = rating_api._turn(room.desk.next_item(room.person("bert"), TAB))["upcoming"]
    assert {"corrupted", "one", "other"} in [set(each["images"]) for each in ahead]  # pairs are loaded ahead too
    again = room.desk.next_item(anna, TAB)
    assert served_id(again) == served_id(view)
    assert "reference" not in rating_api._turn(again)["item"]["images"]
