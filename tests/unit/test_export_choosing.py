"""A recovery is in a release for its label or for a preference; what is in neither is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ru1_app.domain import RatingSource, Stage, Verdict
from ru1_app.export import Plan, Selection, plan, read_manifest
from ru1_app.items import Item, ItemKind, Origin, PairChoice, PairVote, Purpose
from ru1_app.store.desk_rows import from_vote
from ru1_app.store.filters import Filters
from ru1_app.store.queue_sql import Queue
from ru1_app.store.sql import Store
from tests.released import AT, LATER, case_of, rating, release, rows_of

PAIR = ("r00", "r01")
ALONE, UNDECIDED = "voted on only, and the other one is left out", "voted on only, and neither is preferred"
Voted = Callable[..., Store]


@pytest.fixture
def voted(tmp_path: Path) -> Voted:
    """Makes a store of `r00` to `r02`, of one input, that were voted on as said."""

    def make(*choices: str, pair: Sequence[str] = PAIR) -> Store:
        store = Store(f"sqlite:///{tmp_path}/ru1.sqlite3", tmp_path / "blobs")
        for draw in range(3):
            store.add_case(*case_of(0, draw))
        Queue(store.database).add([_pair(*pair)], "system", AT)
        keep(store, *(_vote(number, said, pair) for number, said in enumerate(choices)))
        return store

    return make


def _pair(first: str, second: str) -> Item:
    return Item("p", ItemKind.PAIR, Purpose.WORK, Origin.BATCH, first, AT, other_id=second)


def _vote(number: int, said: str, pair: Sequence[str] = PAIR, **values: Any) -> PairVote:
    choice = {pair[0]: PairChoice.LEFT, pair[1]: PairChoice.RIGHT}.get(said) or PairChoice(said)
    return replace(PairVote(f"v{number}", "p", f"rater-{number}", pair[0], pair[1], choice, "", AT), **values)


def keep(store: Store, *votes: PairVote) -> None:
    with store.database._session.begin() as session:
        session.add_all(map(from_vote, votes))


def alone(id_: str, rater: str = "rater-a", verdict: Verdict = Verdict.FAITHFUL, **values: Any) -> Any:
    return rating(id_, rater, verdict, 0, item_id=None, **values)


def kept(made: Plan) -> list[str]:
    return [id_ for _, id_ in made.source.chosen]


def test_two_that_were_voted_on_only_are_kept_and_written(voted: Voted, tmp_path: Path) -> None:
    folder = release(voted("r00", "r00", "r01"), tmp_path / "releases", "tables")
    manifest = read_manifest(folder)
    assert (manifest.kept, manifest.considered, manifest.excluded) == (2, 2, {})
    assert [(row["chosen_id"], row["rejected_id"]) for row in rows_of(folder, "pairs")] == [("r00", "r01")]


@pytest.mark.parametrize(
    ("choices", "selection", "rule"),
    [
        (("r00", "r01"), {}, "a tie"),
        (("both_bad",), {}, "both are bad"),
        (("r00",), {"least_raters": 2}, "fewer than 2 voters"),
    ],
)
def test_two_that_were_voted_on_only_go_where_neither_is_preferred(
    voted: Voted, choices: Sequence[str], selection: dict[str, Any], rule: str
) -> None:
    made = plan(voted(*choices), Selection(**selection), LATER)
    assert (made.kept, made.considered, made.excluded) == (0, 2, {UNDECIDED: 2})
    assert made.survey.preferences["lost"] == {rule: 1}
    assert made.survey.splits == {}


def test_who_loses_the_other_one_goes_too(voted: Voted) -> None:
    store = voted("r00", "r00")
    store.image_path(store.case("r01").recovery.image_sha).unlink()
    made = plan(store, Selection(), LATER)
    assert (kept(made), made.excluded) == ([], {"an image is missing or damaged": 1, ALONE: 1})
    store.add_rating(alone("r00"))
    assert kept(plan(store, Selection(), LATER)) == ["r00"], "its own label keeps it"


def test_who_loses_the_other_one_to_the_filters_goes_too(voted: Voted) -> None:
    store = voted("r00", "r00")
    store.add_rating(alone("r01"))
    made = plan(store, Selection(filters=Filters(verdict=("faithful",))), LATER)
    assert (kept(made), made.excluded) == (["r01"], {})
    store.add_rating(alone("r00", consent=False))
    assert plan(store, Selection(filters=Filters(verdict=("faithful",))), LATER).considered == 2


def test_a_filter_that_takes_one_side_says_so_of_the_other(voted: Voted) -> None:
    store = voted("r00", "r00")
    third, images = case_of(0, 2)
    model = replace(third.recovery.model, id="another")
    store.add_case(replace(third, recovery=replace(third.recovery, id="r09", model=model)), images)
    Queue(store.database).add([replace(_pair("r02", "r09"), id="q")], "system", AT)
    keep(store, _vote(9, "r02", ("r02", "r09"), item_id="q"))
    made = plan(store, Selection(filters=Filters(model=("another",))), LATER)
    assert (made.considered, made.excluded) == (1, {ALONE: 1})


def test_a_weak_label_is_no_row_but_a_preference_keeps_it(voted: Voted, tmp_path: Path) -> None:
    store = voted("r00", "r00", "r00")
    for id_ in PAIR:
        store.add_rating(alone(id_))
    folder = release(store, tmp_path / "releases", "tables", least_raters=2)
    assert (read_manifest(folder).kept, len(rows_of(folder, "pairs"))) == (2, 1)
    assert not (folder / "tables/samples").exists()
    made = plan(store, Selection(least_raters=4), LATER)
    assert (made.kept, made.excluded) == (0, {"fewer than 4 raters": 2})


def test_labels_of_one_kind_are_not_replaced_by_votes(voted: Voted) -> None:
    store = voted("r00", "r00")
    store.add_rating(alone("r00"))
    made = plan(store, Selection(adjudicated=True), LATER)
    assert (made.kept, made.excluded) == (0, {"not adjudicated": 1, "voted on only": 1})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"consent": False}, "without consent"),
        ({"created_at": LATER + timedelta(days=1)}, "judged later"),
        ({"source": RatingSource.VISITOR, "stage": Stage.OPEN}, "flagged by visitors only"),
        ({"stage": Stage.ANSWER}, "no first verdict of a rater"),
    ],
)
def test_the_reason_is_what_was_said_of_it(voted: Voted, values: dict[str, Any], reason: str) -> None:
    store = voted()
    store.add_rating(alone("r02", **values))
    assert plan(store, Selection(), LATER).excluded == {reason: 1}


def test_consent_that_was_taken_back_is_the_reason(voted: Voted) -> None:
    store = voted()
    store.add_rating(alone("r02"))
    store.add_rating(alone("r02", id="again", consent=False, supersedes="r02-rater-a-blind"))
    assert plan(store, Selection(), LATER).excluded == {"without consent": 1}


def test_a_vote_that_comes_or_is_taken_back_later_changes_nothing(voted: Voted) -> None:
    store = voted("r00")
    keep(store, _vote(5, "r01", created_at=LATER + timedelta(days=1), supersedes="v0", rater_id="rater-0", round=0))
    (pair,) = plan(store, Selection(), LATER).source.preferences()
    assert pair.chosen.case.id == "r00"
    (pair,) = plan(store, Selection(), LATER + timedelta(days=2)).source.preferences()
    assert pair.chosen.case.id == "r01"
    assert plan(store, Selection(), AT - timedelta(days=1)).excluded == {"judged later": 2}
