"""A store that simulated raters worked through: what is in it is what people's work would have left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec
from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Stage, Verdict
from ru1_app.errors import Conflict, InvalidInput
from ru1_app.images import Image8, from_png
from ru1_app.items import SIMULATED, ItemKind, ItemState, Role
from ru1_app.rating.consensus import HELD_TRUE, recompute
from ru1_app.rating.policy import chosen
from ru1_app.rating.reports import Reports
from ru1_app.scenes import render, sample_scene
from ru1_app.simulated.fill import Filled, fill
from ru1_app.simulated.rater import panel
from ru1_app.simulated.things import edited
from ru1_app.store.audit_sql import broken
from ru1_app.store.filters import CONSENSUS, Filters
from ru1_app.store.gallery_sql import GallerySql
from ru1_app.store.labels_sql import Agreed, Labels
from ru1_app.store.seen_sql import Viewer
from ru1_app.store.sql import Store
from tests.fakes import FakeAnswerer

pytest_plugins = ("tests.databases",)
SIZE, SCENES, DAMAGE = 96, (21, 22), ("gaussian_noise@low", "low_light@mid")
RATERS = panel(6, 1, low=0.9, high=0.97)
LEAD = Viewer("lead", Role.LEAD)
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ticking() -> Callable[[], datetime]:
    """A clock that goes on by a second whenever it is looked at."""
    now = [START]

    def look() -> datetime:
        now[0] += timedelta(seconds=1)
        return now[0]

    return look


class Team:
    """Two recoverers of known scenes: one is true, the other shows another number on the speed sign."""

    def __init__(self, scenes: tuple[int, ...], each: int) -> None:
        self._left = [sample_scene(seed) for seed in scenes for _ in range(each)]

    def true(self, corrupted: Image8, seed: int) -> list[Image8]:
        return [render(self._left[0], SIZE)]

    def false(self, corrupted: Image8, seed: int) -> list[Image8]:
        scene = self._left.pop(0)
        return [edited(scene, "speed", 30 if scene.speed != 30 else 80, SIZE)]


def filled(
    store: Store, scenes: tuple[int, ...] = SCENES[:1], damage: tuple[str, ...] = DAMAGE, seed: int = 0, **more: Any
) -> Filled:
    team = Team(scenes, len(damage))
    recover = {"team/true": team.true, "team/false": team.false}
    return fill(store, recover, scenes, damage, size=SIZE, seed=seed, team=RATERS, clock=ticking(), **more)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Filled]]:
    """A store that was filled once; tests only read it."""
    folder = tmp_path_factory.mktemp("filled")
    store = Store(Settings(data_dir=folder).url, folder / "blobs")
    yield store, filled(store, SCENES)
    store.close()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty store."""
    opened = Store(settings.url, settings.blob_dir)
    yield opened
    opened.close()


def agreed(store: Store) -> dict[str, Agreed]:
    return {row.recovery_id: row for row in recompute(Labels(store.database), START)}


def of_model(store: Store, model: str) -> list[Case]:
    return [case for case in store.iter_all() if case.recovery.model.id == model]


def test_what_raters_say_together_is_right_and_the_gallery_finds_it(any_store: Store) -> None:
    counts = filled(any_store)
    assert (counts.samples, counts.recoveries, counts.singles, counts.pairs) == (2, 4, 4, 2)
    assert counts.right == {"faithful": 2, "misleading": 2}
    together = agreed(any_store)
    false, true = of_model(any_store, "team/false"), of_model(any_store, "team/true")
    assert {together[case.id].verdict for case in false} == {Verdict.MISLEADING.value}
    assert {together[case.id].verdict for case in true} <= {verdict.value for verdict in HELD_TRUE}
    found = GallerySql(any_store.database).page(
        Filters(verdict=("misleading",), verdict_of=CONSENSUS, category=("text_altered",)), LEAD, limit=50
    )
    assert {card.id for card in found} == {case.id for case in false}


def test_turns_counts_and_states_are_those_of_a_desk(any_store: Store) -> None:
    counts = filled(any_store)
    labels = list(Labels(any_store.database).ratings())
    votes = list(Labels(any_store.database).votes())
    assert (len(labels), len(votes)) == (counts.ratings, counts.votes)
    per_item = Counter(label.item.id for label in labels if label.rating.stage is Stage.BLIND)
    items = {label.item.id: label.item for label in labels} | {item.id: item for item, _ in votes}
    for item in items.values():
        judged = per_item[item.id] if item.kind is ItemKind.SINGLE else sum(i.id == item.id for i, _ in votes)
        assert item.count == judged >= 3
        assert item.state in (ItemState.DONE, ItemState.DISPUTED)
    assert Counter(label.rating.stage for label in labels)[Stage.REVEAL] == sum(per_item.values())
    turns = Labels(any_store.database).turns()
    assert {state for states in turns.values() for state in states} == {"done"}
    number, wrong = broken(any_store.database)
    assert wrong is None
    assert number > counts.ratings


def test_every_row_says_that_it_is_simulated_and_is_a_rater_s(worked: tuple[Store, Filled]) -> None:
    for case in worked[0].iter_all():
        assert case.ratings
        for rating in case.ratings:
            assert rating.rater_id.startswith(SIMULATED)
            assert (rating.source, rating.consent) == (RatingSource.RATER, True)
            assert rating.item_id is not None
            assert rating.shown_at is not None
            assert rating.shown_at < rating.created_at


def test_a_sample_says_which_scene_it_is_and_can_be_made_again(worked: tuple[Store, Filled]) -> None:
    for case in worked[0].iter_all():
        sample = case.sample
        scene = sample_scene(int(sample.source.removeprefix("scene:")))
        assert sample.license == "Apache-2.0"
        assert sample.question is not None
        assert sample.question.expected in ("A", "B", "C", "D")
        assert CorruptionSpec.parse(sample.corruption or "").seed == sample.seed
        assert sample.split_group == sample.reference_sha
        assert np.array_equal(from_png(worked[0].image(sample.reference_sha or "")), render(scene, SIZE))
        assert {score.score.scorer for score in case.scores} == {"ssim", "psnr"}


def test_voters_prefer_the_truer_recovery(worked: tuple[Store, Filled]) -> None:
    true = {case.id for case in of_model(worked[0], "team/true")}
    votes = [
        (item.recovery_id in true) == (chosen(vote, item.recovery_id) == "first")
        for item, vote in Labels(worked[0].database).votes()
    ]
    assert sum(votes) / len(votes) > 0.9
    assert {vote.left_id in true for _, vote in Labels(worked[0].database).votes()} == {True, False}


def test_the_answer_and_its_impact_are_judged_where_there_is_an_answerer(store: Store) -> None:
    filled(store, answerer=FakeAnswerer())
    labels = [label.rating for label in Labels(store.database).ratings()]
    stages = Counter(rating.stage for rating in labels)
    assert stages[Stage.BLIND] == stages[Stage.ANSWER] == stages[Stage.REVEAL] > 0
    answers = [rating for rating in labels if rating.stage is Stage.ANSWER]
    assert {rating.supported_by_input for rating in answers} <= {"yes", "undecidable"}
    assert len({rating.answer_impact for rating in answers}) > 1


def test_without_an_answerer_the_rater_says_what_the_recovery_does_to_the_answer(worked: tuple[Store, Filled]) -> None:
    revealed = [rating for case in worked[0].iter_all() for rating in case.ratings if rating.stage is Stage.REVEAL]
    assert AnswerImpact.NONE in {rating.answer_impact for rating in revealed}
    assert AnswerImpact.UNKNOWN not in {rating.answer_impact for rating in revealed}


def test_the_same_fill_gives_the_same_judgements(tmp_path: Path) -> None:
    def told(name: str, seed: int) -> list[Rating]:
        store = Store(Settings(data_dir=tmp_path / name).url, tmp_path / name / "blobs")
        filled(store, damage=DAMAGE[:1], seed=seed)
        found = [rating for case in store.iter_all() for rating in case.ratings]
        store.close()
        return sorted(found, key=lambda each: each.id)

    one, two, three = told("one", 5), told("two", 5), told("three", 6)
    assert one == two != three


def test_as_many_draws_are_kept_as_asked_and_equal_ones_are_no_pair(store: Store) -> None:
    def same(corrupted: Image8, seed: int) -> list[Image8]:
        return [corrupted] * 5

    counts = fill(store, {"a/b": same}, SCENES[:1], DAMAGE[:1], size=SIZE, draws=3, raters=1)
    assert (counts.recoveries, counts.pairs, counts.votes) == (3, 0, 0)
    assert len({case.recovery.seed for case in store.iter_all()}) == 3


def test_a_second_fill_and_a_wrong_corruption_are_refused(store: Store) -> None:
    filled(store, damage=DAMAGE[:1])
    with pytest.raises(Conflict):
        filled(store, damage=DAMAGE[:1])
    with pytest.raises(InvalidInput, match="smoke"):
        fill(store, {"m": lambda image, seed: [image]}, SCENES, ["smoke@high"], size=SIZE)


def test_reports_of_a_filled_store_tell_how_far_raters_agree(worked: tuple[Store, Filled]) -> None:
    report = Reports(worked[0]).whole()
    verdict = next(field for field in report.fields if field.field == "verdict")
    assert verdict.alpha.value is not None
    assert verdict.alpha.value > 0.5
    assert {row.rater_id for row in report.raters} <= {rater.id for rater in RATERS}
