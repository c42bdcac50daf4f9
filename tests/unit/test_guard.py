"""The guard of visitors' flags: so many in an hour; that it could not count is told apart from a pass."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ru1_app.config import Settings
from ru1_app.domain import Case, RatingSource
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.flagging import flag
from ru1_app.rating.guard import FlagGuard, Outcome
from ru1_app.store.people_sql import People
from ru1_app.store.sql import Store
from tests.factories import make_case
from tests.unit.test_flagging import GOOD

pytest_plugins = ["tests.databases"]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def guard(any_store: Store) -> FlagGuard:
    return FlagGuard(People(any_store.database), 3)


def flagged(store: Store, guard: FlagGuard, seed: int, minutes: int = 0, session: str = "visitor-1") -> Case:
    case, images = make_case(seed)
    form, now = replace(GOOD, session_id=session), NOW + timedelta(minutes=minutes)
    return flag(store, case, images, form, now=now, guard=guard.admit)


def test_a_session_flags_so_often_within_an_hour(any_store: Store, guard: FlagGuard) -> None:
    for number in range(3):
        (rating,) = flagged(any_store, guard, number, minutes=10 * number).ratings
        assert rating.guard == Outcome.PASS
    with pytest.raises(InvalidInput, match="flagged 3 recoveries within an hour.*Flag the next one in 39 min"):
        flagged(any_store, guard, 3, minutes=21)
    assert any_store.count_cases() == 3
    assert flagged(any_store, guard, 3, minutes=21, session="visitor-2")
    assert flagged(any_store, guard, 4, minutes=60)  # the first is an hour old
    assert guard.check("visitor-1", NOW + timedelta(minutes=61)).outcome is Outcome.FAIL


def test_a_refused_flag_does_not_count(any_store: Store, guard: FlagGuard) -> None:
    case, images = make_case()
    for _ in range(5):
        with pytest.raises(InvalidInput, match="consent"):
            flag(any_store, case, images, replace(GOOD, consent=False), now=NOW, guard=guard.admit)
    assert guard.check(GOOD.session_id, NOW).outcome is Outcome.PASS


def test_a_flag_is_taken_where_the_count_cannot_be_had(
    any_store: Store, guard: FlagGuard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("The database could not be read.")

    monkeypatch.setattr(People, "flag_times", fail)
    with caplog.at_level(logging.WARNING):
        stored = flagged(any_store, guard, 0)
    assert [rating.guard for rating in any_store.case(stored.id).ratings] == [Outcome.UNAVAILABLE]
    assert "could not be counted" in caplog.text


def test_raters_are_not_counted(any_store: Store) -> None:
    def refuse(session_id: str, now: datetime) -> str:
        raise AssertionError(session_id)

    case, images = make_case()
    stored = flag(any_store, case, images, replace(GOOD, source=RatingSource.RATER), guard=refuse)
    assert [rating.guard for rating in stored.ratings] == [None]


def test_what_follows_a_flag_is_told_and_its_failure_keeps_the_flag(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    store, told = Store(settings.url, settings.blob_dir), []
    case, images = make_case()
    stored = flag(store, case, images, GOOD, on_flagged=told.append)
    assert told == [stored]

    def fail(case: Case) -> None:
        raise Unavailable("The queue is away.")

    assert len(flag(store, case, images, replace(GOOD, session_id="visitor-2"), on_flagged=fail).ratings) == 2
    assert "what follows a flag failed" in caplog.text
