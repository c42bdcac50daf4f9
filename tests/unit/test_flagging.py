"""Flags: checked whole, stored whole, once for each person."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ru1_app.config import Settings
from ru1_app.domain import AnswerImpact, Case, RatingSource, Region
from ru1_app.errors import Conflict, InvalidInput
from ru1_app.flagging import FlagForm, derive_impact, flag
from ru1_app.protocol import load_protocol, record_schema
from ru1_app.store.sql import Store
from tests.factories import make_case

GOOD = FlagForm(
    verdict="misleading",
    severity=3,
    consent=True,
    session_id="visitor-1",
    categories={"attribute_changed": 3},
    regions=(Region(0.1, 0.2, 0.5, 0.6, "attribute_changed"),),
    answer_impact="harmed",
    comment="  The light turned green.  ",
)


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.url, settings.blob_dir)


def test_a_flag_is_stored_with_its_case(store: Store) -> None:
    case, images = make_case()
    stored = flag(store, case, images, GOOD)
    (rating,) = stored.ratings
    assert rating.source is RatingSource.VISITOR
    assert rating.comment == "The light turned green."
    assert rating.regions == GOOD.regions
    assert dict(rating.categories) == {"attribute_changed": 3}
    assert rating.taxonomy_version == load_protocol().taxonomy_version
    assert store.case(case.id) == stored


BAD: dict[str, dict[str, Any]] = {
    "no consent": {"consent": False},
    "no verdict": {"verdict": ""},
    "no session": {"session_id": ""},
    "unknown verdict": {"verdict": "great"},
    "misleading but harmless": {"severity": 1, "categories": {}},
    "harmless but severe": {"verdict": "benign_detail", "severity": 2, "categories": {}},
    "faithful with categories": {"verdict": "faithful", "severity": 0},
    "unknown category": {"categories": {"ugly": 2}},
    "unknown impact": {"answer_impact": "maybe"},
    "long comment": {"comment": "x" * 501},
    "half a character": {"comment": "\ud800"},
    "outside": {"regions": (Region(0.5, 0.5, 1.2, 0.9),)},
    "turned over": {"regions": (Region(0.5, 0.5, 0.4, 0.9),)},
    "not a number": {"regions": (Region(float("nan"), 0.1, 0.4, 0.9),)},
    "unknown region category": {"regions": (Region(0.1, 0.1, 0.4, 0.9, "ugly"),)},
    "a box's category on a faithful recovery": {
        "verdict": "faithful",
        "severity": 0,
        "categories": {},
        "regions": (Region(0.1, 0.1, 0.4, 0.9, "object_removed"),),
    },
    "too many boxes": {"regions": (Region(0.1, 0.1, 0.4, 0.9),) * 21},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_flag_says_why_and_stores_nothing(store: Store, settings: Settings, name: str) -> None:
    case, images = make_case()
    with pytest.raises(InvalidInput) as caught:
        flag(store, case, images, replace(GOOD, **BAD[name]))
    assert str(caught.value).endswith((".", "first."))
    assert store.count_cases() == 0
    assert not list(settings.blob_dir.rglob("*.png"))


def test_flagging_twice_is_a_conflict_but_another_person_may(store: Store) -> None:
    case, images = make_case()
    flag(store, case, images, GOOD)
    with pytest.raises(Conflict, match="already"):
        flag(store, case, images, GOOD)
    assert len(flag(store, case, images, replace(GOOD, session_id="visitor-2")).ratings) == 2


def test_two_people_may_flag_one_recovery_at_the_same_moment(store: Store) -> None:
    people = [f"visitor-{number}" for number in range(4)]
    for seed in range(4):
        case, images = make_case(seed)
        start = threading.Barrier(len(people))

        def one(person: str, case: Case = case, images: dict[str, bytes] = images, start: Any = start) -> None:
            start.wait()
            flag(store, case, images, replace(GOOD, session_id=person))

        with ThreadPoolExecutor(len(people)) as pool:
            list(pool.map(one, people))
        assert sorted(rating.rater_id for rating in store.case(case.id).ratings) == people


@pytest.mark.parametrize(
    ("before", "after", "impact"),
    [("A", "A", "none"), ("B", "A", "helped"), ("A", "B", "harmed"), ("B", "C", "wrong_both"), ("B", None, "unknown")],
)
def test_the_impact_follows_from_the_answers(before: str, after: str | None, impact: str) -> None:
    assert derive_impact("A", before, after) is AnswerImpact(impact)
    assert derive_impact(None, before, after) is AnswerImpact.UNKNOWN


def test_the_protocol_and_the_schema_hold_the_same_words() -> None:
    protocol, fields = load_protocol(), record_schema()["properties"]
    assert [*(term.code for term in protocol.verdicts), None] == fields["verdict"]["enum"]
    assert [term.code for term in protocol.categories] == fields["categories"]["items"]["enum"]
    assert [term.code for term in protocol.impacts] == fields["answer_impact"]["enum"]
    assert protocol.guidelines.strip()
