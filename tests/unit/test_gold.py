"""Gold: faults that are known to the pixel and can be seen, and grades that say what was missed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ru1_app.domain import Region
from ru1_app.gold import MAKERS, Gold, GoldKind, gold_key_from, grade, key_of, make_set, training_set
from ru1_app.gold.grade import GoldKey
from ru1_app.gold.makers import SEEN, changed_box
from ru1_app.protocol import check_judgement, load_protocol

FAULTS = [kind for kind in MAKERS if kind not in (GoldKind.REENCODED, GoldKind.NOT_RECOVERED)]
KEY = GoldKey(
    "misleading", 3, "The sign was altered.", {"text_altered": 3}, (Region(0.4, 0.4, 0.6, 0.6, "text_altered"),)
)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_seed_gives_the_same_gold(kind: GoldKind) -> None:
    one, two = MAKERS[kind](5), MAKERS[kind](5)
    assert all(
        np.array_equal(getattr(one, name), getattr(two, name)) for name in ("corrupted", "recovered", "reference")
    )
    assert key_of(one) == key_of(two)
    assert one.source != MAKERS[kind](6).source


@pytest.mark.parametrize("kind", FAULTS)
def test_what_was_changed_lies_in_the_region_and_can_be_seen(kind: GoldKind) -> None:
    gold = MAKERS[kind](1)
    (region,) = gold.regions
    height, width = gold.reference.shape[:2]
    differs = np.abs(gold.reference.astype(int) - gold.recovered).max(2) >= 3 * SEEN
    inside = np.zeros_like(differs)
    rows = slice(int(region.y0 * height), int(np.ceil(region.y1 * height)))
    inside[rows, int(region.x0 * width) : int(np.ceil(region.x1 * width))] = True
    assert differs[inside].sum() >= 40
    assert differs[inside].sum() >= 0.95 * differs.sum()
    assert region.category in gold.categories


def test_a_faithful_one_shows_what_the_clean_image_does() -> None:
    gold = MAKERS[GoldKind.REENCODED](3)
    assert np.abs(gold.reference.astype(int) - gold.recovered).mean() < 3
    assert (gold.regions, dict(gold.categories), gold.severity) == ((), {}, 0)


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(list(MAKERS)))
@hypothesis_settings(max_examples=12, deadline=None)
def test_every_key_is_a_judgement_that_a_rater_could_make(seed: int, kind: GoldKind) -> None:
    gold: Gold = MAKERS[kind](seed)
    check_judgement(load_protocol(), gold.verdict, gold.categories, gold.severity, "unknown")
    key = gold_key_from(key_of(gold))
    right = grade(key, key.verdict, key.categories, key.severity, key.regions)
    assert right.passed
    assert right.region in (True, None)
    wrong = grade(key, "cannot_tell", {}, 0, ())
    assert not wrong.passed
    assert "Not quite" in wrong.feedback


def test_a_set_is_two_fifths_faithful_and_has_every_kind() -> None:
    golds = make_set(30, 2)
    kinds = [gold.kind for gold in golds]
    assert kinds.count(GoldKind.REENCODED) == 12
    assert set(kinds) == set(MAKERS)
    assert kinds != sorted(kinds)
    assert len({gold.source for gold in golds}) == 30


def test_training_is_ten_and_begins_with_what_is_plain() -> None:
    golds = training_set(0)
    assert len(golds) == 10
    assert golds[0].verdict == "faithful"
    assert {gold.verdict for gold in golds} == {"faithful", "misleading", "unusable"}
    assert not {gold.source for gold in golds} & {gold.source for gold in training_set(1)}


@pytest.mark.parametrize(
    ("verdict", "categories", "severity", "passed", "said"),
    [
        ("misleading", {"text_altered": 2}, 2, True, "Right."),
        ("misleading", {"text_altered": 2, "count_changed": 2}, 3, True, "Right."),
        ("misleading", {"count_changed": 2}, 2, False, "Text altered"),
        ("misleading", {}, 2, False, "Text altered"),
        ("unusable", {"text_altered": 2}, 2, False, "Misleading"),
        ("faithful", {}, 0, False, "Misleading"),
    ],
)
def test_a_fault_needs_the_verdict_and_a_category(
    verdict: str, categories: dict[str, int], severity: int, passed: bool, said: str
) -> None:
    found = grade(KEY, verdict, categories, severity, KEY.regions)
    assert found.passed is passed
    assert said in found.feedback


@pytest.mark.parametrize(
    ("region", "hit"),
    [
        (Region(0.42, 0.42, 0.58, 0.58), True),
        (Region(0.38, 0.5, 0.38, 0.5), True),  # a point a little outside
        (Region(0.0, 0.0, 1.0, 1.0), False),  # everywhere is nowhere
        (Region(0.0, 0.0, 0.2, 0.2), False),
    ],
)
def test_a_region_counts_where_it_overlaps_or_its_centre_is_near(region: Region, hit: bool) -> None:
    found = grade(KEY, "misleading", {"text_altered": 3}, 3, (region,))
    assert found.region is hit
    assert found.passed
    assert ("mark it next time" in found.feedback) is not hit


@pytest.mark.parametrize(
    ("verdict", "severity", "passed"), [("faithful", 0, True), ("benign_detail", 1, True), ("misleading", 2, False)]
)
def test_faithful_and_harmless_detail_are_one(verdict: str, severity: int, passed: bool) -> None:
    key = replace(KEY, verdict="faithful", severity=0, categories={}, regions=())
    assert grade(key, verdict, {}, severity, ()).passed is passed


def test_equal_images_have_no_changed_box() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    assert changed_box(image, image) is None
