"""The store: what goes in comes out, all or nothing, from many threads, on every revision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from ru1_app.config import Settings
from ru1_app.domain import Case, Question, RatingSource, Verdict
from ru1_app.errors import Conflict, InvalidInput, NotFound, Unavailable
from ru1_app.flagging import FlagForm, make_rating
from ru1_app.protocol import load_protocol
from ru1_app.store.sql import Store
from ru1_app.store.tables import ImageRow, RecoveryRow, SampleRow
from tests.factories import make_case

pytest_plugins = ["tests.databases"]


@pytest.fixture
def store(any_store: Store) -> Store:
    """An empty store on each kind of database."""
    return any_store


def rated(case: Case, verdict: str = "misleading", session: str = "s1") -> Case:
    severity = load_protocol().verdict(verdict).default
    form = FlagForm(verdict=verdict, severity=severity, consent=True, session_id=session)
    return replace(case, ratings=(make_rating(load_protocol(), case.id, form, datetime.now(UTC)),))


def test_a_case_comes_back_as_it_was(store: Store) -> None:
    case, images = make_case()
    case = rated(case)
    store.add_case(case, images)
    assert store.case(case.id) == case
    for sha, data in images.items():
        assert store.image(sha) == data
        assert store.image_path(sha).read_bytes() == data


@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=60))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
def test_any_text_survives(store: Store, text: str) -> None:
    case, images = make_case()
    sample = replace(case.sample, id=case.id, question=Question(text, (text, text + "x")), source=text)
    case = rated(replace(case, sample=sample, recovery=replace(case.recovery, sample_id=case.id)))
    store.add_case(case, images)
    assert store.case(case.id) == case


def test_cases_are_listed_newest_first_and_in_pages(store: Store) -> None:
    made = []
    for seed in range(5):
        case, images = make_case(seed)
        case = rated(case, "misleading" if seed % 2 else "faithful")
        store.add_case(case, images)
        made.append(case)
    newest = [case.id for case in reversed(made)]
    assert [case.id for case in store.cases()] == newest
    first = store.cases(limit=2)
    assert [case.id for case in store.cases(limit=2, after=first[-1].id)] == newest[2:4]
    assert {case.id for case in store.cases(verdict=Verdict.FAITHFUL)} == {made[k].id for k in (0, 2, 4)}
    assert store.cases(source=RatingSource.RATER) == []
    assert store.cases(corruption="fog") == []
    assert store.count_cases() == 5
    assert [case.id for case in store.iter_cases()] == sorted(newest)


def test_a_case_twice_is_a_conflict(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    with pytest.raises(Conflict):
        store.add_case(rated(case), images)


def test_a_case_whose_images_are_not_given_stores_nothing(store: Store, tmp_path: Path) -> None:
    case, images = make_case()
    del images[case.recovery.image_sha]
    with pytest.raises(InvalidInput):
        store.add_case(rated(case), images)
    assert store.count_cases() == 0
    assert not list(tmp_path.rglob("*.png"))


def test_a_failing_transaction_leaves_no_row(store: Store) -> None:
    case, images = make_case()
    bad = rated(case)
    bad = replace(bad, ratings=(replace(bad.ratings[0], severity=9),))
    with pytest.raises(InvalidInput, match="rule of the database"):
        store.add_case(bad, images)
    with store.database.read() as session:
        counts = [session.query(table).count() for table in (RecoveryRow, SampleRow, ImageRow)]
    assert counts == [0, 0, 0]


def test_eight_threads_write_and_nothing_is_lost(store: Store) -> None:
    made = [make_case(seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: store.add_case(rated(pair[0]), pair[1]), made))
    assert store.count_cases() == 16


def test_only_ones_own_judgement_can_be_corrected(store: Store) -> None:
    (one, images), (two, others) = make_case(), make_case(1)
    store.add_case(rated(one), images)
    store.add_case(rated(two), others)
    old = store.case(one.id).ratings[0]
    for change in ({"recovery_id": two.id}, {"rater_id": "other"}, {"supersedes": "nothing"}):
        with pytest.raises(InvalidInput, match="one's own"):
            store.add_rating(replace(old, **{"id": "new", "supersedes": old.id, **change}))
    store.add_rating(replace(old, id="new", supersedes=old.id, comment="better"))
    assert [rating.comment for rating in store.case(one.id).ratings] == ["", "better"]


def test_the_same_person_rates_a_recovery_once(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    with pytest.raises(Conflict):
        store.add_rating(rated(case).ratings[0])
    store.add_rating(rated(case, session="s2").ratings[0])
    assert len(store.case(case.id).ratings) == 2


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "0" * 64])
def test_unknown_names_are_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFound):
        store.image(name)
    with pytest.raises(NotFound):
        store.case(name)


def test_many_may_open_a_new_store_at_once(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: Store(settings.url, settings.blob_dir), range(8)))
    assert [each.count_cases() for each in opened] == [0] * 8


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    with store.database.engine.begin() as connection, ThreadPoolExecutor(1) as pool:
        connection.exec_driver_sql("UPDATE samples SET source = 'elsewhere'")
        assert pool.submit(store.case, case.id).result(timeout=10).sample == case.sample


def test_images_are_stored_before_rows(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.blob_dir.write_text("a file where the folder of images should be")
    store = Store(settings.url, settings.blob_dir)
    case, images = make_case()
    with pytest.raises(Unavailable, match="could not be stored"):
        store.add_case(rated(case), images)
    assert store.count_cases() == 0


def test_bytes_of_another_name_store_nothing(store: Store, tmp_path: Path) -> None:
    case, images = make_case()
    images[case.recovery.image_sha] = images[case.sample.corrupted_sha]
    with pytest.raises(InvalidInput, match="not of that name"):
        store.add_case(rated(case), images)
    assert not list(tmp_path.rglob("*.png"))


def test_a_text_no_database_can_keep_is_refused(store: Store) -> None:
    case, images = make_case()
    with pytest.raises(InvalidInput, match="cannot be stored"):
        store.add_case(rated(replace(case, sample=replace(case.sample, source="\ud800"))), images)
    assert store.count_cases() == 0


def test_a_list_takes_as_many_queries_for_many_cases_as_for_one(store: Store) -> None:
    seen: list[str] = []
    event.listen(Engine, "before_cursor_execute", listener := lambda *args: seen.append(args[2]))
    try:
        counts = []
        for seed in range(4):
            case, images = make_case(seed)
            store.add_case(rated(case), images)
            seen.clear()
            store.cases()
            counts.append(len(seen))
    finally:
        event.remove(Engine, "before_cursor_execute", listener)
    assert len(set(counts)) == 1


def test_a_damaged_blob_is_noticed(store: Store) -> None:
    case, images = make_case()
    store.add_case(rated(case), images)
    path: Path = store.image_path(case.recovery.image_sha)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Unavailable, match="damaged"):
        store.image(case.recovery.image_sha)


def test_another_sample_under_the_same_id_is_a_conflict(store: Store) -> None:
    first, images = make_case(1)
    store.add_case(rated(first), images)
    second, others = make_case(2)
    clash = replace(second, sample=replace(second.sample, id=first.sample.id))
    with pytest.raises(Conflict, match="Another sample"):
        store.add_case(rated(clash), others)
    assert store.case(first.id).sample == first.sample
    assert store.count_cases() == 1


def test_numbers_that_are_not_finite_do_not_get_in(store: Store) -> None:
    case, images = make_case()
    odd = tuple(
        replace(a, answered=replace(a.answered, confidence=float("inf"), seconds=float("nan"))) for a in case.answers
    )
    store.add_case(rated(replace(case, answers=odd)), images)
    assert {(a.answered.confidence, a.answered.seconds) for a in store.case(case.id).answers} == {(None, 0.0)}
