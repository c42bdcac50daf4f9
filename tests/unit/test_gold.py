"""Gold: faults that are known to the pixel and can be seen, and grades that say what was missed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ru1_app.corruptions import CorruptionSpec
from ru1_app.domain import Region
from ru1_app.errors import InvalidInput
from ru1_app.gold import (
    MAKERS,
    PHOTO_MAKERS,
    Gold,
    GoldKey,
    GoldKind,
    gold_key_from,
    grade,
    key_of,
    make_set,
    training_set,
)
from ru1_app.gold.base import PLAIN, SEEN, SHOWN, changed_box, difference, lossy, shown, where
from ru1_app.gold.faults import FAULTS
from ru1_app.gold.makers import JUDGED, LOST, TELLABLE, evidence_of
from ru1_app.gold.photos import TOLD, told
from ru1_app.images import Image8
from ru1_app.protocol import check_judgement, load_protocol
from ru1_app.scenes import sample_scene
from ru1_app.scenes.evidence import THINGS, Evidence

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


def inside(gold: Gold) -> np.ndarray:
    """True in the pixels of the known region."""
    (region,) = gold.regions
    height, width = gold.reference.shape[:2]
    mask = np.zeros((height, width), bool)
    rows = slice(int(region.y0 * height), int(np.ceil(region.y1 * height)))
    mask[rows, int(region.x0 * width) : int(np.ceil(region.x1 * width))] = True
    return mask


def evidence(gold: Gold) -> Evidence:
    return evidence_of(sample_scene(int(gold.source.removeprefix("scene:"))), CorruptionSpec.parse(gold.spec))


def photo() -> Image8:
    """A blue ball and a striped box on grey."""
    rng = np.random.default_rng(4)
    image = np.clip(rng.normal(150, 6, (160, 200, 1)) + np.zeros(3), 0, 255)
    rows, columns = np.mgrid[:160, :200]
    image[(rows - 50) ** 2 + (columns - 50) ** 2 < 26**2] = (30, 60, 210)
    image[90:140, 110:170] = np.where((columns // 6 % 2)[90:140, 110:170, None], (20, 20, 20), (240, 240, 235))
    return image.round().astype(np.uint8)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_changed_lies_in_the_region_and_can_be_seen(kind: GoldKind, seed: int) -> None:
    gold = MAKERS[kind](seed)
    changed = difference(gold.reference, gold.recovered) >= PLAIN
    assert changed[inside(gold)].sum() >= 40
    assert changed[inside(gold)].sum() >= 0.95 * changed.sum()
    assert inside(gold).mean() <= 0.22
    assert gold.regions[0].category in gold.categories
    assert where(gold.regions[0]) in gold.explanation


@pytest.mark.parametrize("kind", FAULTS)
def test_the_input_tells_what_the_recovery_got_wrong(kind: GoldKind) -> None:
    gold = MAKERS[kind](7)
    assert shown(gold.reference, gold.recovered, CorruptionSpec.parse(gold.spec)) >= SHOWN
    thing = next(
        (name for name in THINGS if name in gold.explanation),
        {"digits_swapped": "speed", "word_swapped": "word", "count_changed": "people"}.get(kind.value, ""),
    )
    assert evidence(gold).strength(thing) >= TELLABLE


@pytest.mark.parametrize("seed", range(6))  # each of the mild corruptions
def test_of_a_faithful_one_everything_can_be_told_from_the_input(seed: int) -> None:
    seen = evidence(MAKERS[GoldKind.REENCODED](seed))
    assert min(map(seen.strength, ("arrow", "people", "speed", "word"))) >= 2 * TELLABLE


@pytest.mark.parametrize("seed", [0, 1])
def test_of_an_unusable_one_nothing_can_be_told(seed: int) -> None:
    gold = MAKERS[GoldKind.NOT_RECOVERED](seed)
    assert max(map(evidence(gold).strength, JUDGED)) < LOST
    assert difference(gold.corrupted, gold.recovered).mean() < 60


@pytest.mark.parametrize("kind", [GoldKind.REENCODED, GoldKind.TEXTURE_INVENTED])
def test_a_harmless_one_shows_what_the_clean_image_does(kind: GoldKind) -> None:
    gold = MAKERS[kind](3)
    assert difference(gold.reference, gold.recovered).mean() < 5
    assert (gold.regions, dict(gold.categories)) == ((), {})
    assert gold.severity == (kind is GoldKind.TEXTURE_INVENTED)


def test_one_more_or_less_leaves_everything_else_as_it_was() -> None:
    for kind in (GoldKind.THING_ERASED, GoldKind.THING_ADDED, GoldKind.COUNT_CHANGED):
        gold = MAKERS[kind](4)
        assert (difference(lossy(gold.reference, 92), gold.recovered) * ~inside(gold)).max() < SEEN


def test_the_question_hangs_on_what_was_changed_and_expects_the_truth() -> None:
    gold = MAKERS[GoldKind.DIGITS_SWAPPED](5)
    assert gold.question is not None
    assert gold.question.expected is not None
    right = gold.question.options["ABCD".index(gold.question.expected)]
    assert right == str(sample_scene(int(gold.source.removeprefix("scene:"))).speed)


@pytest.mark.parametrize("kind", PHOTO_MAKERS)
def test_a_photo_gives_gold_as_well(kind: GoldKind) -> None:
    gold, again = PHOTO_MAKERS[kind]("ball", photo(), 3), PHOTO_MAKERS[kind]("ball", photo(), 3)
    assert gold is not None
    assert again is not None
    assert np.array_equal(gold.recovered, again.recovered)
    assert np.array_equal(gold.corrupted, again.corrupted)
    assert (gold.source, gold.kind) == ("photo:ball", kind)
    check_judgement(load_protocol(), gold.verdict, gold.categories, gold.severity, "unknown")
    if gold.regions:
        changed = difference(gold.reference, gold.recovered) >= PLAIN
        assert changed[inside(gold)].sum() >= 0.95 * changed.sum() > 0
        assert np.median(difference(gold.corrupted, gold.recovered)[changed]) >= SHOWN


def test_a_photo_without_colour_or_things_has_no_fault_to_plant() -> None:
    plain = np.full((120, 160, 3), 128, np.uint8)
    assert PHOTO_MAKERS[GoldKind.HUE_SHIFTED]("wall", plain, 1) is None
    assert PHOTO_MAKERS[GoldKind.THING_ERASED]("wall", plain, 1) is None
    with pytest.raises(InvalidInput, match="strong colours"):
        make_set(2, mix={GoldKind.HUE_SHIFTED: 1}, photos=[("wall", plain)])


def test_an_unusable_photo_shows_none_of_its_structure() -> None:
    gold = PHOTO_MAKERS[GoldKind.NOT_RECOVERED]("ball", photo(), 2)
    assert gold is not None
    assert told(gold.reference, gold.corrupted) < TOLD < told(gold.reference, gold.reference)


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
    golds = make_set(25, 2)
    kinds = [gold.kind for gold in golds]
    assert kinds.count(GoldKind.REENCODED) == 10
    assert set(kinds) == set(MAKERS)
    assert kinds != sorted(kinds)
    assert len({gold.source for gold in golds}) == 25


def test_a_mix_says_which_kinds_there_are() -> None:
    golds = make_set(6, mix={GoldKind.REENCODED: 1, GoldKind.WORD_SWAPPED: 2})
    assert sorted(gold.kind for gold in golds) == [GoldKind.REENCODED] * 2 + [GoldKind.WORD_SWAPPED] * 4
    assert make_set(0) == []
    with pytest.raises(InvalidInput, match="weigh some of"):
        make_set(2, mix={})
    with pytest.raises(InvalidInput, match="weigh some of"):
        make_set(2, mix={GoldKind.WORD_SWAPPED: 1}, photos=[("ball", photo())])


def test_a_set_of_photos_is_as_balanced() -> None:
    golds = make_set(10, photos=[("ball", photo()), ("wall", np.full((120, 160, 3), 128, np.uint8))])
    assert [gold.verdict for gold in golds].count("faithful") == 4
    assert {gold.kind for gold in golds} == set(PHOTO_MAKERS)
    assert {gold.source for gold in golds} == {"photo:ball", "photo:wall"}


def test_training_is_ten_and_begins_with_what_is_plain() -> None:
    golds = training_set(0)
    assert len(golds) == 10
    assert golds[0].verdict == "faithful"
    assert {gold.verdict for gold in golds} == {"faithful", "benign_detail", "misleading", "unusable"}
    assert len({code for gold in golds for code in gold.categories}) >= 6
    assert not {gold.source for gold in golds} & {gold.source for gold in training_set(1)}


def test_a_key_is_kept_as_plain_values() -> None:
    gold = MAKERS[GoldKind.ARROW_TURNED](2)
    raw = json.loads(json.dumps(key_of(gold)))
    key = gold_key_from(raw)
    assert (key.verdict, key.regions, key.accepted) == (gold.verdict, gold.regions, gold.accepted)
    assert (key.severity, dict(key.categories), key.explanation) == (3, {"spatial_changed": 3}, gold.explanation)
    del raw["accepted"]  # a key from before there were any
    assert gold_key_from(raw).accepted == ()


def test_a_category_that_is_not_wrong_passes_too() -> None:
    key = replace(KEY, accepted=("count_changed",))
    assert grade(key, "misleading", {"count_changed": 2}, 2, ()).passed
    assert not grade(key, "misleading", {"object_added": 2}, 2, ()).passed


def test_a_grade_says_how_well_the_region_and_the_severity_fit() -> None:
    found = grade(KEY, "misleading", {"text_altered": 2}, 2, (Region(0.0, 0.0, 0.1, 0.1), Region(0.4, 0.4, 0.6, 0.5)))
    assert found.iou == pytest.approx(0.5)
    assert not found.severity
    assert grade(KEY, "misleading", {"text_altered": 3}, 3, ()).iou == 0.0
    assert grade(replace(KEY, regions=()), "misleading", {"text_altered": 3}, 3, KEY.regions).iou is None


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
    ("verdict", "severity", "passed"),
    [("faithful", 0, True), ("benign_detail", 1, True), ("benign_detail", 2, False), ("misleading", 2, False)],
)
def test_faithful_and_harmless_detail_are_one(verdict: str, severity: int, passed: bool) -> None:
    key = replace(KEY, verdict="faithful", severity=0, categories={}, regions=())
    assert grade(key, verdict, {}, severity, ()).passed is passed


def test_equal_images_have_no_changed_box() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    assert changed_box(image, image) is None
