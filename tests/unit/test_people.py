"""People: who may sign in and do what; whoever is forgotten leaves judgements and no word of their own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from ru1_app.config import Settings
from ru1_app.errors import Conflict, Forbidden, InvalidInput, NotFound, Ru1Error, SignedOut
from ru1_app.items import Draft, ItemKind, PairChoice, PairVote, Person, Purpose, Role
from ru1_app.rating.people import SIGNED_IN, Accounts, need
from ru1_app.store import audit_sql
from ru1_app.store.judgements_sql import Judgements
from ru1_app.store.people_sql import HUGGING_FACE, People
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store
from ru1_app.store.tables import SignInRow, TurnRow
from tests.unit.test_queue import NOW, POLICY, fill, judgement, make_item, taker

pytest_plugins = ["tests.databases"]
PASSWORD = "correct horse"
WORDS = ("ann-of-the-names", PASSWORD, "my own words", "half typed", "why I skip", "the left one")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Clock:
        return self.now


class CountingHasher(PasswordHasher):
    """Cheap, and counts what it verifies."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self.verified.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def people(any_store: Store) -> People:
    return People(any_store.database)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def accounts(settings: Settings, clock: Clock, hasher: CountingHasher) -> Accounts:
    store = Store(settings.url, settings.blob_dir)
    listed = replace(settings, raters=("known", "both"), leads=("chief", "both"))
    return Accounts(People(store.database), listed, hasher, clock)


def log_of(people: People) -> list[audit_sql.AuditEntry]:
    return list(audit_sql.entries(people._database))


def test_a_name_is_taken_once_for_each_provider(people: People) -> None:
    ann = people.add("ann", Role.LEAD, "system", NOW, secret="hash")
    with pytest.raises(Conflict, match="named 'ann' already"):
        people.add("ann", Role.RATER, "system", NOW)
    other = people.provide(HUGGING_FACE, "ann", Role.VISITOR, NOW)
    assert other.id != ann.id
    assert people.named("ann") == people.by_id(ann.id) == ann
    assert people.named("ann", HUGGING_FACE) == other
    assert people.named("nobody") is None
    assert people.all() == sorted([ann, other], key=lambda each: each.id)
    assert people.secret_of("ann") == (ann, "hash")


def test_a_first_sign_in_from_eight_places_makes_one_person(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(4)]
    start = threading.Barrier(8)

    def one(number: int) -> Person:
        start.wait()
        return People(stores[number % 4].database).provide(HUGGING_FACE, "ann", Role.VISITOR, NOW)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert audit_sql.broken(stores[0].database) == (1, None)


def test_every_change_is_told_with_ids_alone(people: People) -> None:
    ann = people.add(WORDS[0], Role.RATER, "system", NOW, secret="hash-of-ann")
    people.set_role(ann.id, Role.LEAD, "admin-id", NOW)
    people.set_role(ann.id, Role.LEAD, "admin-id", NOW)  # no change
    assert people.set_gate_passed(ann.id, NOW).gate_passed_at == NOW
    assert people.set_gate_passed(ann.id, NOW + timedelta(1)).gate_passed_at == NOW
    people.set_secret(ann.id, "another-hash", ann.id, NOW)
    people.forget(ann.id, "admin-id", NOW)
    lines = log_of(people)
    assert [line.action for line in lines] == [
        "person_added", "role_changed", "gate_passed", "secret_changed", "person_forgotten",
    ]  # fmt: skip
    assert {line.subject for line in lines} == {ann.id}
    assert lines[1].detail == '{"from":"rater","to":"lead"}'
    assert not any(word in str(lines) for word in (WORDS[0], "hash-of-ann", "another-hash"))


def test_a_sign_in_lasts_until_it_ends_and_its_token_is_not_kept(people: People) -> None:
    ann = people.add("ann", Role.RATER, "system", NOW)
    until = NOW + timedelta(hours=1)
    people.sign_in(ann.id, "token", NOW, until)
    with people._database.read() as session:
        assert session.scalars(select(SignInRow.token_sha)).all() == [hashlib.sha256(b"token").hexdigest()]
    assert people.signed_in("token", NOW) == ann
    assert people.signed_in("token", until) is None
    assert people.signed_in("another", NOW) is None
    people.sign_in(ann.id, "second", until, until + timedelta(hours=1))  # sweeps the first
    assert people.signed_in("token", NOW) is None
    people.sign_out("second")
    people.sign_out("second")
    assert people.signed_in("second", until) is None


def busy_person(store: Store) -> Person:
    """Somebody who wrote in every place where one can."""
    ann = People(store.database).add(WORDS[0], Role.RATER, "system", NOW, secret=PASSWORD)
    one, two, three = fill(store, 3)
    pair = make_item(store.case(one.recovery_id), 9, kind=ItemKind.PAIR, other_id=two.recovery_id)
    queue, judgements = Queue(store.database), Judgements(store.database)
    queue.add([pair], "tests", NOW)
    me = taker(ann.id)
    queue.take(me, Purpose.WORK)
    judgements.add(judgement(one, ann.id, comment=WORDS[2]), me, "", POLICY)
    queue.take(me, Purpose.WORK, pair.id)
    vote = PairVote("vote", pair.id, ann.id, one.recovery_id, two.recovery_id, PairChoice.LEFT, WORDS[5], NOW)
    judgements.add(vote, me, "", POLICY)
    queue.take(me, Purpose.WORK)
    queue.save_draft(Draft(two.id, ann.id, "blind", {"comment": WORDS[3]}, NOW))
    queue.take(taker(ann.id, tab="other"), Purpose.WORK)
    with store.database._session.begin() as session:  # as a skip does, without its line in the log
        session.get_one(TurnRow, (three.id, ann.id, 0)).reason = WORDS[4]
    People(store.database).sign_in(ann.id, "token", NOW, NOW + timedelta(1))
    return ann


def test_whoever_is_forgotten_leaves_judgements_under_an_id_alone(any_store: Store, settings: Settings) -> None:
    people, ann = People(any_store.database), busy_person(any_store)
    bob = people.add("bob", Role.RATER, "system", NOW)
    people.sign_in(bob.id, "bobs", NOW, NOW + timedelta(1))
    counts = people.forget(ann.id, "system", NOW)
    assert counts == {"sign_ins": 1, "drafts": 1, "comments": 1, "vote_comments": 1, "reasons": 1}
    assert people.by_id(ann.id) == replace(ann, name=None, forgotten_at=NOW)
    assert people.named(WORDS[0]) is None
    assert people.signed_in("token", NOW) is None
    assert people.signed_in("bobs", NOW) == bob
    assert Queue(any_store.database).draft("item-001", ann.id) is None
    (rating,), votes = Judgements(any_store.database).of_item("item-000")
    assert (rating.rater_id, rating.comment, rating.verdict.value) == (ann.id, "", "faithful")
    ((vote,), rest) = Judgements(any_store.database).of_item("item-009")[::-1]
    assert (vote.comment, vote.choice, rest, votes) == ("", PairChoice.LEFT, [], [])
    assert audit_sql.broken(any_store.database)[1] is None
    with pytest.raises(NotFound, match="forgotten"):
        people.set_role(ann.id, Role.ADMIN, "system", NOW)
    assert people.add(WORDS[0], Role.RATER, "system", NOW).id != ann.id


def test_nothing_of_the_forgotten_stays_in_the_file(settings: Settings) -> None:
    store = Store(settings.url, settings.blob_dir)
    ann = busy_person(store)

    def kept() -> set[str]:
        data = b"".join(path.read_bytes() for path in settings.data_dir.glob("ru1.sqlite3*"))
        return {word for word in WORDS if word.encode() in data}

    assert kept() == set(WORDS)
    People(store.database).forget(ann.id, "system", NOW)
    assert kept() == set()


def test_somebody_is_forgotten_whole_or_not_at_all(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    people, ann = People(any_store.database), busy_person(any_store)

    def fail(*_: object) -> None:
        raise NotFound("the last step fails")

    with monkeypatch.context() as patch:
        patch.setattr(audit_sql, "append", fail)
        with pytest.raises(NotFound, match="last step"):
            people.forget(ann.id, "system", NOW)
    assert people.signed_in("token", NOW) == ann
    assert people.secret_of(WORDS[0]) == (ann, PASSWORD)
    assert Queue(any_store.database).draft("item-001", ann.id) is not None
    assert [rating.comment for rating in Judgements(any_store.database).of_item("item-000")[0]] == [WORDS[2]]


def test_name_and_password_give_a_token_for_a_while(accounts: Accounts, clock: Clock) -> None:
    ann = accounts.add("ann", PASSWORD, Role.RATER)
    token, person = accounts.sign_in("ann", PASSWORD)
    assert accounts.person_of(token) == person == ann
    clock.now += SIGNED_IN
    with pytest.raises(SignedOut, match="Sign in again"):
        accounts.person_of(token)
    token, _ = accounts.sign_in("ann", PASSWORD)
    accounts.sign_out(token)
    for wrong in (token, "", "x", None):
        with pytest.raises(SignedOut):
            accounts.person_of(wrong)  # type: ignore[arg-type]


def test_accents_may_be_put_together_in_two_ways(accounts: Accounts) -> None:
    accounts.add("ann", "caf\u00e9 au lait", Role.RATER)
    assert accounts.sign_in("ann", "cafe\u0301 au lait")


def test_an_unknown_name_is_verified_and_refused_like_a_wrong_password(
    accounts: Accounts, hasher: CountingHasher
) -> None:
    accounts.add("ann", PASSWORD, Role.RATER)
    accounts.hugging_face("hugged")
    said, cost = set(), []
    for name in ("ann", "nobody", "hugged", "no such name!", ""):
        with pytest.raises(SignedOut) as caught:
            accounts.sign_in(name, "wrong password")
        said.add(str(caught.value))
        cost.append([each.split("$")[:4] for each in hasher.verified])
        hasher.verified.clear()
    assert len(said) == 1
    assert [len(each) for each in cost] == [1] * 5
    assert all(each == cost[0] for each in cost)  # the same parameters, so the same time


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_five_wrong_attempts_close_a_name_for_a_while(accounts: Accounts, clock: Clock, name: str) -> None:
    accounts.add("ann", PASSWORD, Role.RATER)
    for _ in range(5):
        with pytest.raises(SignedOut):
            accounts.sign_in(name, "wrong password")
        clock.now += timedelta(minutes=1)
    with pytest.raises(Forbidden, match="too many attempts for this name. Wait 10 min"):
        accounts.sign_in(name, PASSWORD)
    accounts.add("bob", PASSWORD, Role.RATER)
    assert accounts.sign_in("bob", PASSWORD)
    clock.now += timedelta(minutes=10)
    if name == "ann":
        assert accounts.sign_in("ann", PASSWORD)


def test_a_right_password_clears_the_wrong_ones(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD, Role.RATER)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(SignedOut):
                accounts.sign_in("ann", "wrong password")
        assert accounts.sign_in("ann", PASSWORD)


def test_attempts_at_once_are_no_more_than_one_after_the_other(accounts: Accounts, hasher: CountingHasher) -> None:
    accounts.add("ann", PASSWORD, Role.RATER)
    start = threading.Barrier(12)

    def one(_: int) -> type:
        start.wait()
        try:
            accounts.sign_in("ann", "wrong password")
        except (SignedOut, Forbidden) as error:
            return type(error)
        raise AssertionError

    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(one, range(12)))
    assert said.count(SignedOut) == len(hasher.verified) == 5


def test_a_hash_of_old_parameters_is_made_anew(accounts: Accounts, settings: Settings, clock: Clock) -> None:
    ann, people = accounts.add("ann", PASSWORD, Role.RATER), accounts._people
    harder = Accounts(people, settings, CountingHasher(time_cost=2), clock)
    for _ in range(2):
        harder.sign_in("ann", PASSWORD)
    secret = people.secret_of("ann")
    assert secret is not None
    assert "t=2" in secret[1]
    assert [line.action for line in log_of(people)] == ["person_added", "secret_changed"]
    assert people.by_id(ann.id) == ann


@pytest.mark.parametrize("name", ["", "a" * 65, "with space", "hf:ann", "änne", "ann\n", "x\0"])
def test_names_that_are_not_allowed_are_refused_in_a_sentence(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 64 letters"):
        accounts.add(name, PASSWORD, Role.RATER)


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_passwords_that_are_not_allowed_are_refused_in_a_sentence(accounts: Accounts, password: str) -> None:
    with pytest.raises(InvalidInput, match=f"has {len(password)} characters; 10 to 200 are allowed"):
        accounts.add("ann", password, Role.RATER)


@given(name=st.text(), password=st.text())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_whatever_is_typed_is_refused_in_a_sentence(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(Ru1Error):
        accounts.sign_in(name, password)


def test_roles_change_by_an_admin_or_the_command_line_only(accounts: Accounts) -> None:
    admin, lead = accounts.add("root", PASSWORD, Role.ADMIN), accounts.add("lead", PASSWORD, Role.LEAD)
    ann = accounts.add("ann", PASSWORD, Role.VISITOR, by=admin)
    for by in (lead, ann):
        with pytest.raises(Forbidden, match="needs the role 'admin'; yours is"):
            accounts.set_role(ann, Role.ADMIN, by=by)
        with pytest.raises(Forbidden):
            accounts.add("another", PASSWORD, Role.RATER, by=by)
    with pytest.raises(Forbidden):
        accounts.forget(ann, by=lead)
    assert accounts.set_role(ann, Role.RATER, by=admin).role is Role.RATER
    accounts.forget(ann, by=ann)
    assert [line.actor for line in log_of(accounts._people)] == ["system", "system", admin.id, admin.id, ann.id]


@pytest.mark.parametrize(("own", "needed"), [(own, needed) for own in Role for needed in Role])
def test_a_role_may_what_those_before_it_may(own: Role, needed: Role) -> None:
    person = Person("id", "local", "ann", own, NOW)
    if list(Role).index(own) >= list(Role).index(needed):
        need(person, needed)
    else:
        with pytest.raises(Forbidden, match=f"'{needed.value}'; yours is '{own.value}'"):
            need(person, needed)


def test_hugging_face_names_are_visitors_or_what_the_settings_say(accounts: Accounts) -> None:
    roles = {name: accounts.hugging_face(name)[1].role for name in ("anyone", "known", "chief", "both")}
    assert roles == {"anyone": Role.VISITOR, "known": Role.RATER, "chief": Role.LEAD, "both": Role.LEAD}
    token, anyone = accounts.hugging_face("anyone")
    assert accounts.person_of(token) == anyone
    accounts.set_role(anyone, Role.ADJUDICATOR)
    assert accounts.hugging_face("anyone")[1].role is Role.ADJUDICATOR
    accounts.set_role(accounts.find("known"), Role.VISITOR)
    assert accounts.hugging_face("known")[1].role is Role.RATER


def test_a_name_of_both_providers_is_asked_back(accounts: Accounts) -> None:
    local, far = accounts.add("ann", PASSWORD, Role.RATER), accounts.hugging_face("ann")[1]
    with pytest.raises(InvalidInput, match="say 'local:ann' or 'hf:ann'"):
        accounts.find("ann")
    assert (accounts.find("local:ann"), accounts.find("hf:ann")) == (local, far)
    for name in ("bob", "other:ann", ""):
        with pytest.raises(NotFound, match="Nobody is named"):
            accounts.find(name)
