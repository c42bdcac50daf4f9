"""Reports and consensus on labels made by hand, whose figures are known; the lead's service and what it refuses."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ru1_app.agreement.ac1 import ac1
from ru1_app.agreement.alpha import Metric, alpha
from ru1_app.agreement.intervals import wilson
from ru1_app.agreement.table import table_of
from ru1_app.config import Settings
from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Region, Stage, Verdict
from ru1_app.errors import Forbidden, InvalidInput, NotFound
from ru1_app.items import Item, ItemKind, ItemState, Origin, Person, Purpose, Role
from ru1_app.rating.consensus import VERDICTS, recompute
from ru1_app.rating.gallery import Gallery
from ru1_app.rating.lead import Leading
from ru1_app.rating.reports import Report, Reports
from ru1_app.store.labels_sql import Labels
from ru1_app.store.people_sql import People
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.sql import Store
from ru1_app.ui import case_view, lead_view
from tests.factories import make_case

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = {"kind": "x", "verdict": "misleading", "severity": 2, "explanation": "It changed.",
       "categories": {"text_altered": 2}, "regions": []}  # fmt: skip
SAID = {  # by item, then rater: verdict and severity
    0: {"anna": ("faithful", 0), "ben": ("faithful", 0), "cleo": ("faithful", 0)},
    1: {"anna": ("misleading", 3), "ben": ("misleading", 2), "cleo": ("faithful", 0)},
    2: {"anna": ("unusable", 2), "ben": ("misleading", 2), "cleo": ("faithful", 0)},
}


class Work:
    """Three items that three raters judged, and gold that two of them met."""

    def __init__(self, store: Store) -> None:
        self.store, self.people = store, People(store.database)
        self.cases = [self.put(number) for number in range(4)]
        items = [self.item(number) for number in range(3)]
        items[2] = replace(items[2], state=ItemState.DISPUTED)
        gold = replace(self.item(3), purpose=Purpose.GOLD, key=KEY, id="gold")
        self.items = [*items, gold]
        Queue(store.database).add(self.items, "tests", NOW)
        for number, said in SAID.items():
            for who, (verdict, severity) in said.items():
                self.rate(number, who, verdict, severity)
        self.rate(3, "anna", "misleading", 2, categories={"text_altered": 2}, created_at=NOW + timedelta(days=1))
        self.rate(3, "ben", "faithful", 0, created_at=NOW + timedelta(days=1))

    def put(self, number: int) -> Case:
        case, images = make_case(number)
        self.store.add_case(case, images)
        return case

    def item(self, number: int) -> Item:
        case = self.cases[number]
        return Item(f"item-{number}", ItemKind.SINGLE, Purpose.WORK, Origin.BATCH, case.id, NOW, count=3)

    def rate(self, number: int, who: str, verdict: str, severity: int, **more: Any) -> Rating:
        item = self.items[number]
        rating = Rating(
            id=uuid.uuid4().hex, recovery_id=item.recovery_id, source=RatingSource.RATER, stage=Stage.BLIND,
            verdict=Verdict(verdict), categories={}, regions=(), severity=severity, consent=True, comment="",
            answer_impact=AnswerImpact.UNKNOWN, rater_id=who, taxonomy_version="1", guideline_version="1",
            created_at=NOW, item_id=item.id, duration_ms=10_000,
        )  # fmt: skip
        rating = replace(rating, **more)
        self.store.add_rating(rating)
        return rating

    def report(self) -> Report:
        return Reports(self.store).whole()


@pytest.fixture
def work(settings: Settings) -> Iterator[Work]:
    store = Store(settings.url, settings.blob_dir)
    yield Work(store)
    store.close()


def test_agreement_is_that_of_the_coefficients(work: Work) -> None:
    fields = {row.field: row for row in work.report().fields}
    verdicts = [(f"item-{n}", who, said[0]) for n, row in SAID.items() for who, said in row.items()]
    table = table_of(verdicts, VERDICTS)
    assert fields["verdict"].percent.value == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert fields["verdict"].alpha == alpha(table, Metric.NOMINAL)
    assert fields["verdict"].ac1 == ac1(table)
    severities = [(f"item-{n}", who, float(said[1])) for n, row in SAID.items() for who, said in row.items()]
    assert fields["severity"].alpha == alpha(table_of(severities, [0.0, 1.0, 2.0, 3.0]), Metric.ORDINAL)
    assert fields["category/text_altered"].percent.value == 1.0  # gold is not counted
    assert fields["pair"].percent.value is None


def test_the_rater_table(work: Work) -> None:
    rows = {row.rater_id: row for row in work.report().raters}
    assert (rows["anna"].judged, rows["ben"].judged, rows["cleo"].judged) == (4, 4, 3)
    assert (rows["anna"].right, rows["anna"].gold, rows["ben"].right, rows["cleo"].gold) == (1, 1, 0, 0)
    assert (rows["anna"].low, rows["anna"].high) == wilson(1, 1)
    assert rows["anna"].with_majority == 1.0  # of the two items that have a majority
    assert rows["cleo"].with_majority == 0.5
    assert rows["anna"].median_seconds == 10
    assert rows["anna"].with_self is None
    work.rate(0, "anna", "misleading", 2, round=1)
    work.rate(1, "anna", "misleading", 2, round=1)
    assert {row.rater_id: row for row in work.report().raters}["anna"].with_self == 0.5


def test_progress_is_counted_by_state_and_day(work: Work) -> None:
    report = work.report()
    assert report.states == {"open": 2, "disputed": 1}
    assert report.per_day == {"2026-11-20": 9, "2026-11-21": 2}
    assert report.disputed == (work.cases[2].id,)


def test_the_consensus_is_the_majority_and_the_adjudicator_settles(work: Work) -> None:
    rows = {row.item_id: row for row in recompute(Labels(work.store.database), NOW)}
    assert [rows[f"item-{n}"].verdict for n in range(3)] == ["faithful", "misleading", None]
    assert [rows[f"item-{n}"].severity for n in range(3)] == [0, 2, 2]
    assert [rows[f"item-{n}"].share for n in range(2)] == [1.0, pytest.approx(2 / 3)]
    assert "gold" not in rows
    work.rate(2, "judge", "misleading", 3, source=RatingSource.ADJUDICATOR, stage=Stage.REVEAL)
    rows = {row.item_id: row for row in recompute(Labels(work.store.database), NOW)}
    assert (rows["item-2"].verdict, rows["item-2"].severity, rows["item-2"].adjudicated) == ("misleading", 3, True)
    assert [row.item_id for row in Labels(work.store.database).agreed()] == ["item-0", "item-1", "item-2"]


def test_what_was_held_true_and_misleads_is_elusive(work: Work) -> None:
    assert work.report().elusive == ()
    work.rate(0, "ben", "misleading", 2, stage=Stage.REVEAL, global_rating=4)
    assert [row.item_id for row in work.report().elusive] == ["item-0"]


def test_regions_are_compared_where_two_found_fault(work: Work) -> None:
    assert work.report().regions is None
    item = work.items[1]
    box = Region(0.1, 0.1, 0.5, 0.5)
    for who in ("dan", "eva"):
        work.rate(1, who, "misleading", 2, regions=(box,), item_id=item.id)
    assert work.report().regions is not None


def person(work: Work, name: str, role: Role) -> Person:
    return work.people.add(name, role, "tests", NOW, secret="none")


def test_only_a_lead_sees_and_does(work: Work) -> None:
    leading = Leading(work.store, work.people, Reports(work.store), lambda: NOW)
    rater = person(work, "rater", Role.RATER)
    for act in (
        lambda: leading.overview(rater), lambda: leading.recompute(rater), lambda: leading.overlap(rater, "item-0", 5),
    ):  # fmt: skip
        with pytest.raises(Forbidden, match="'lead'"):
            act()


def test_a_lead_changes_the_overlap_and_the_item_is_open_again(work: Work) -> None:
    leading, lead = Leading(work.store, work.people, Reports(work.store), lambda: NOW), person(work, "lead", Role.LEAD)
    changed = leading.overlap(lead, work.cases[2].id, 5)
    assert (changed.id, changed.overlap, changed.state) == ("item-2", 5, ItemState.OPEN)
    assert leading.overlap(lead, "item-0", 1).state is ItemState.DONE
    for wrong in (0, 21, 2.5, True, "3"):
        with pytest.raises(InvalidInput, match="1 to 20"):
            leading.overlap(lead, "item-0", wrong)
    with pytest.raises(NotFound):
        leading.overlap(lead, "none", 3)
    with pytest.raises(InvalidInput, match="not in the queue"):
        leading.overlap(lead, "gold", 3)


def test_the_page_says_the_figures_in_words(work: Work) -> None:
    queue = Queue(work.store.database)
    queue.change("item-0", "tests", NOW, {"overlap": 4})
    queue.take(Taker("dan", "t", NOW, 600), Purpose.WORK)
    queue.skip("item-0", Taker("dan", "t", NOW, 600), "I <made> this")
    leading, lead = Leading(work.store, work.people, Reports(work.store), lambda: NOW), person(work, "lead", Role.LEAD)
    leading.recompute(lead)
    html = lead_view.page(leading.overview(lead), lambda sha: "data:,")
    for words in (
        "lines, chain verifies", "2026-11-20: 9 judgements", "100% (1 of 1)", "from 21% to 100%",
        "2026-11-20 12:00 UTC, 3 items",
        "I &lt;made&gt; this", f"cases?case={work.cases[2].id}#settle", "Disputed: 1 (33%)", "44%", "Nothing elusive",
    ):  # fmt: skip
        assert words in html
    assert "<made>" not in html


def test_a_case_shows_what_the_viewer_may_read(work: Work) -> None:
    gallery, blob = Gallery(work.store, work.people), work.store.image
    rater, lead = person(work, "rater", Role.RATER), person(work, "lead", Role.LEAD)
    waiting = case_view.detail(work.cases[0], blob, gallery.look(rater, work.cases[0].id))
    assert "You have not judged this yet" in waiting
    assert "Clean image" not in waiting
    assert "Scores" not in waiting
    everything = case_view.detail(work.cases[0], blob, gallery.look(lead, work.cases[0].id))
    assert everything.count("rater anna") == 1
    assert "Change the overlap" in everything
    assert 'data-settle="item-0"' in everything
    visitor = case_view.detail(work.cases[2], blob, gallery.look(None, work.cases[2].id))
    assert "3 judgements are not shown to you." in visitor
    assert "anna" not in visitor
    Queue(work.store.database).change("item-1", "tests", NOW, {"state": "done"})
    finished = case_view.detail(work.cases[1], blob, gallery.look(None, "item-1"))
    assert "Together: Misleading" in finished
    assert "67% of 3 raters" in finished
    assert "data-settle" not in finished
    with pytest.raises(NotFound):
        gallery.look(rater, "gold")
