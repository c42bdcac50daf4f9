"""The simulated rater: it sees what was drawn, judges accordingly, and errs as often as its parameters say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest

from ru1_app.config import ROOT
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import AnswerImpact, Stage, Verdict
from ru1_app.errors import InvalidInput
from ru1_app.flagging import check_regions
from ru1_app.images import Image8
from ru1_app.items import PairChoice, Supported
from ru1_app.protocol import check_judgement, load_protocol
from ru1_app.scenes import Scene, render, sample_scene
from ru1_app.scenes.evidence import THINGS
from ru1_app.scenes.scene import layout
from ru1_app.simulated import rater as noise
from ru1_app.simulated.rater import SimulatedRater, panel
from ru1_app.simulated.right import Judgement, impact, right, supported
from ru1_app.simulated.things import Value, edited, value_of, values_of, with_value
from ru1_app.simulated.truth import Seen, Sight, look, see

SIZE = 128
SCENE = sample_scene(11)
BLIND, REVEAL = Stage.BLIND, Stage.REVEAL
DRAWS = 600


def said(scene: Scene, view: Image8, spec: CorruptionSpec | None = None) -> dict[str, Value | None]:
    return {each.thing: each.said for each in see(scene, view, spec)}


def true(scene: Scene) -> dict[str, Value]:
    return {thing: value_of(scene, thing) for thing in THINGS}


def sight(changes: Mapping[str, Value | None] | None = None, *, margin: float = 0.95, texture: float = 0.0) -> Sight:
    """A view of SCENE that says what is true but for the changes; None says nothing."""
    seen = []
    for thing in THINGS:
        truth = value_of(SCENE, thing)
        told = (changes or {}).get(thing, truth)
        clear = 0.05 if told is None else margin
        seen.append(Seen(thing, truth, told, clear, (0.2, 0.3, 0.4, 0.6)))
    return Sight(tuple(seen), texture)


def other(thing: str) -> Value:
    return next(value for value in values_of(thing) if value != value_of(SCENE, thing))


SIGNS: dict[str, Value | None] = dict.fromkeys(("light", "arrow", "car", "speed", "word"))


@pytest.mark.parametrize("size", [96, 128, 256])
def test_a_clean_drawing_says_what_is_true(size: int) -> None:
    for seed in range(size, size + 3):
        scene = sample_scene(seed)
        found = look(scene, render(scene, size))
        assert {each.thing: each.said for each in found.seen} == true(scene)
        assert min(each.margin for each in found.seen) > 0.5
        assert found.texture < 0.5


@pytest.mark.parametrize("thing", THINGS)
def test_another_value_of_a_thing_is_read_and_nothing_else_changes(thing: str) -> None:
    for value in values_of(thing):
        expected = true(SCENE) | {thing: value}
        assert said(SCENE, edited(SCENE, thing, value, SIZE)) == expected, value


def test_a_known_edit_is_read_through_damage() -> None:
    specs = ("gaussian_noise@mid", "low_light@mid", "jpeg@low", "gaussian_blur@low", "white_balance@mid")
    for number, (text, thing) in enumerate(zip(specs, ("light", "arrow", "car", "speed", "people"), strict=True)):
        spec = CorruptionSpec.parse(text, seed=number)
        view = corrupt(edited(SCENE, thing, other(thing), SIZE), spec)
        assert said(SCENE, view, spec) == true(SCENE) | {thing: other(thing)}, text


def test_a_cast_and_less_contrast_do_not_change_the_colour_of_a_car() -> None:
    for colour in ("red", "white", "green"):
        view = edited(SCENE, "car", colour, SIZE) * np.array([0.75, 0.6, 0.5]) + np.array([50, 30, 20])
        assert said(SCENE, np.asarray(view, np.uint8))["car"] == colour


def test_a_picture_without_colour_says_no_wrong_colour() -> None:
    for seed in range(4):
        scene = sample_scene(seed)
        grey = cv2.cvtColor(cv2.cvtColor(render(scene, SIZE), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        assert not [each for each in see(scene, np.asarray(grey)) if each.wrong]


def test_a_picture_of_nothing_says_nothing() -> None:
    rng = np.random.default_rng(0)
    lumps = cv2.GaussianBlur(rng.normal(128, 400, (SIZE, SIZE, 3)), (0, 0), 5).clip(0, 255).astype(np.uint8)
    for view in (np.full((SIZE, SIZE, 3), 120, np.uint8), rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8), lumps):
        assert set(said(SCENE, view).values()) == {None}
    assert set(said(SCENE, render(sample_scene(99), SIZE)).values()) == {None}  # another scene


def test_what_is_covered_is_not_said() -> None:
    for thing in ("speed", "word", "arrow"):
        (box,) = (place.box for place in layout(SCENE) if place.name == thing)
        x0, y0, x1, y1 = (round(edge * SIZE) for edge in box)
        view = render(SCENE, SIZE).copy()
        view[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3] = (70, 60, 60)
        assert said(SCENE, view) == true(SCENE) | {thing: None}


def test_things_are_followed_where_the_damage_moves_them() -> None:
    spec = CorruptionSpec.parse("lens_distortion@high+gaussian_noise@low", seed=3)
    view = corrupt(render(SCENE, 192), spec)
    followed, left = (sum(each.right for each in see(SCENE, view, given)) for given in (spec, None))
    assert followed >= len(THINGS) - 2 > left


def test_of_people_the_places_that_are_wrong_are_marked() -> None:
    scene = with_value(SCENE, "people", 3)
    places = [place.box for place in layout(scene) if place.name == "person"]
    seen = look(scene, edited(scene, "people", 2, SIZE)).of("people")
    assert (seen.said, seen.truth, seen.box) == (2, 3, places[2])


@pytest.mark.weights
def test_a_known_edit_is_read_after_the_embedded_recovery() -> None:
    from ru1_app.models.base import Recovered, RecoverRequest
    from ru1_app.models.embedded.adapter import load

    recoverer, found = load(ROOT / "assets/models/recoverer"), []
    for number, name in enumerate(("gaussian_noise", "low_light", "jpeg", "defocus_blur", "contrast_loss", "rain")):
        thing, spec = THINGS[number], CorruptionSpec.of(name, 2 / 3, number)
        view = corrupt(edited(SCENE, thing, other(thing), 256), spec)
        done = [event for event in recoverer.recover(RecoverRequest(view)) if isinstance(event, Recovered)]
        seen = see(SCENE, done[0].images[0], spec)
        assert [each.thing for each in seen if each.wrong] in ([], [thing])
        found.append(next(each.said for each in seen if each.thing == thing) == other(thing))
    assert sum(found) >= 5


FAULTS = [
    ("light", "attribute_changed", 3), ("arrow", "spatial_changed", 3), ("speed", "text_altered", 3),
    ("word", "text_altered", 3), ("car", "attribute_changed", 2), ("people", "count_changed", 2),
]  # fmt: skip


@pytest.mark.parametrize(("thing", "code", "severity"), FAULTS)
def test_a_value_that_contradicts_the_input_misleads(thing: str, code: str, severity: int) -> None:
    for stage in (BLIND, REVEAL):
        judged = right(sight(), sight({thing: other(thing)}), stage)
        assert (judged.verdict, judged.severity) == (Verdict.MISLEADING, severity)
        assert judged.categories[code] == severity
        assert [region.category for region in judged.regions] == [code]


@pytest.mark.parametrize("thing", ["tree", "traffic cone", "cloud"])
def test_a_thing_more_or_less_is_added_or_removed(thing: str) -> None:
    code = "object_removed" if value_of(SCENE, thing) else "object_added"
    judged = right(sight(), sight({thing: other(thing)}), BLIND)
    assert (judged.verdict, dict(judged.categories)) == (Verdict.MISLEADING, {code: 2})


def test_an_invention_without_support_is_elusive() -> None:
    before, after = sight({"speed": None}), sight({"speed": other("speed")})
    assert right(before, after, BLIND).verdict is Verdict.FAITHFUL
    assert right(before, after, REVEAL).verdict is Verdict.MISLEADING


def test_what_the_damage_says_falsely_is_not_the_recovery_s_fault() -> None:
    false = sight({"speed": other("speed")})
    assert right(false, false, REVEAL).verdict is Verdict.FAITHFUL
    assert right(false, sight(), REVEAL).verdict is Verdict.FAITHFUL
    assert right(false, sight(), BLIND).verdict is Verdict.MISLEADING  # it contradicts all that is known


def test_what_was_shown_and_is_gone_makes_a_recovery_unusable() -> None:
    for after in (sight({"word": None}), sight(SIGNS)):
        judged = right(sight(), after, BLIND)
        assert (judged.verdict, dict(judged.categories)) == (Verdict.UNUSABLE, {"under_recovered": 2})
    assert right(sight(margin=0.4), sight({"word": None}), BLIND).verdict is Verdict.FAITHFUL  # hardly shown before
    assert right(sight(), sight({"word": None, "light": other("light")}), BLIND).verdict is Verdict.MISLEADING


def test_nothing_can_be_told_blind_where_the_input_names_nothing() -> None:
    assert right(sight(SIGNS), sight(), BLIND).verdict is Verdict.CANNOT_TELL
    assert right(sight(SIGNS), sight(), REVEAL).verdict is Verdict.FAITHFUL
    assert right(sight(SIGNS), sight(SIGNS), BLIND).verdict is Verdict.UNUSABLE


def test_texture_that_the_recovery_adds_is_harmless_detail() -> None:
    assert right(sight(), sight(texture=4.0), BLIND).verdict is Verdict.BENIGN_DETAIL
    assert right(sight(texture=20.0), sight(texture=4.0), BLIND).verdict is Verdict.FAITHFUL


def test_what_the_question_hangs_on_is_severe_and_decides_the_impact() -> None:
    wrong, lost = sight({"car": other("car")}), sight({"car": None})
    assert right(sight(), wrong, REVEAL, ("car",)).severity == 3
    assert right(sight(), wrong, REVEAL, ("light",)).severity == 2
    found = [impact(before, after, ("car",)) for before in (sight(), lost) for after in (sight(), wrong, lost)]
    assert found == [
        AnswerImpact.NONE, AnswerImpact.HARMED, AnswerImpact.NONE,
        AnswerImpact.HELPED, AnswerImpact.WRONG_BOTH, AnswerImpact.WRONG_BOTH,
    ]  # fmt: skip
    assert impact(sight(), sight(), ()) is AnswerImpact.NOT_APPLICABLE
    assert supported(sight(), ("car",)) is Supported.YES
    assert supported(lost, ("car", "light")) is Supported.UNDECIDABLE


def judged(
    rater: SimulatedRater, before: Sight, after: Sight, stage: Stage = BLIND, count: int = DRAWS
) -> list[Judgement]:
    return [rater.judge(f"item-{number}", before, after, stage) for number in range(count)]


def share(found: list[Judgement], verdict: Verdict) -> float:
    return sum(each.verdict is verdict for each in found) / len(found)


def test_every_judgement_keeps_the_rules_of_the_taxonomy() -> None:
    protocol = load_protocol()
    views = [
        sight(), sight(texture=3.0), sight({"word": None}), sight(SIGNS), sight({"people": 0, "cloud": other("cloud")}),
        *(sight({thing: other(thing)}, margin=0.5) for thing in THINGS),
    ]  # fmt: skip
    for before in (views[0], views[3]):
        for after in views:
            for stage in (BLIND, REVEAL):
                for each in judged(SimulatedRater("simulated-x", 0.3), before, after, stage, 40):
                    code = each.verdict.value
                    check_judgement(protocol, code, each.categories, each.severity, "unknown")
                    check_regions(protocol, code, each.regions, points=True)
                    assert each.confidence in (1, 2, 3)
                    assert each.global_rating in (1, 2, 3, 4, 5)


def test_a_rater_of_full_skill_is_right() -> None:
    rater = SimulatedRater("simulated-x", 1.0)
    for after in (sight(), sight({"arrow": other("arrow")}), sight({"word": None})):
        wanted = right(sight(), after, BLIND)
        assert all(each.verdict is wanted.verdict for each in judged(rater, sight(), after))


@pytest.mark.parametrize(("skill", "margin"), [(0.9, 1.0), (0.7, 1.0), (0.7, 0.5)])
def test_faults_are_missed_as_often_as_said_and_faint_ones_oftener(skill: float, margin: float) -> None:
    rater, after = SimulatedRater("simulated-x", skill), sight({"speed": other("speed")}, margin=margin)
    before, slip = sight(margin=margin), 1 - skill
    missed = slip * (noise.MISS + noise.SUBTLE * (1 - margin))
    expected = (1 - missed) * (1 - noise.AS_LOSS * slip) + missed * noise.FALSE_ALARM * slip
    assert share(judged(rater, before, after), Verdict.MISLEADING) == pytest.approx(expected, abs=0.05)
    assert share(judged(rater, before, after, REVEAL), Verdict.MISLEADING) >= expected - 0.03


def test_false_alarms_are_as_frequent_as_said_and_rare_beside_the_clean_image() -> None:
    rater = SimulatedRater("simulated-x", 0.5)
    expected = noise.FALSE_ALARM * 0.5 * (1 - noise.AS_LOSS * 0.5)
    assert share(judged(rater, sight(), sight()), Verdict.MISLEADING) == pytest.approx(expected, abs=0.04)
    assert share(judged(rater, sight(), sight(), REVEAL), Verdict.MISLEADING) < 0.04


def test_severity_words_and_marks_vary_as_said() -> None:
    rater, slip = SimulatedRater("simulated-x", 0.7), 0.3
    found = [e for e in judged(rater, sight(), sight({"car": other("car")})) if e.verdict is Verdict.MISLEADING]
    worse = sum(each.severity == 3 for each in found) / len(found)
    assert 0 < worse < noise.STEP + noise.STEP_MORE * slip  # severity 2 cannot go down
    words = Counter(code for each in found for code in each.categories)
    assert words["object_substituted"] / len(found) == pytest.approx(noise.OTHER_CATEGORY * slip, abs=0.06)
    marks = [region for each in found for region in each.regions]
    assert 1 - len(marks) / len(found) == pytest.approx(noise.NO_REGION * slip, abs=0.06)
    points = [mark for mark in marks if mark.x0 == mark.x1]
    assert len(points) / len(marks) == pytest.approx(noise.POINT, abs=0.05)
    assert len({mark.x0 for mark in marks}) > DRAWS / 2


def test_the_same_rater_and_item_give_the_same_judgement() -> None:
    after = sight({"people": other("people")}, margin=0.6, texture=3.0)

    def told(rater_id: str, seed: int) -> list[Judgement]:
        return judged(SimulatedRater(rater_id, 0.6, seed), sight(), after)

    assert told("simulated-x", 1) == told("simulated-x", 1)
    assert told("simulated-x", 1) != told("simulated-x", 2)
    assert told("simulated-x", 1) != told("simulated-y", 1)


def test_raters_together_are_nearly_always_right() -> None:
    raters, hits, cases = panel(8, 3), 0, 0
    for number in range(150):
        thing = THINGS[number % len(THINGS)]
        after = sight({thing: other(thing)}) if number % 2 else sight()
        wanted = right(sight(), after, BLIND).verdict
        for count in (3, 5):
            some = [raters[(number + k) % 8].judge(f"item-{number}", sight(), after, BLIND) for k in range(count)]
            hits += Counter(each.verdict for each in some).most_common(1)[0][0] is wanted
            cases += 1
    assert hits / cases > 0.95


def test_the_truer_recovery_is_preferred_on_either_side() -> None:
    good, bad = sight(), sight({"light": other("light")})
    raters = panel(8)
    for left, side in ((good, PairChoice.LEFT), (bad, PairChoice.RIGHT)):
        right_hand = bad if left is good else good
        choices = [rater.prefer(f"{n}", sight(), left, right_hand) for n in range(40) for rater in raters]
        assert choices.count(side) / len(choices) > 0.9
    same = Counter(rater.prefer(f"{n}", sight(), good, good) for n in range(40) for rater in raters)
    assert same.most_common(1)[0][0] is PairChoice.TIE
    assert same[PairChoice.BOTH_BAD] == 0
    assert SimulatedRater("simulated-x", 1.0).prefer("0", sight(), bad, bad) is PairChoice.BOTH_BAD


@pytest.mark.parametrize(("rater_id", "skill"), [("anna", 0.9), ("simulated-x", 1.5)])
def test_a_simulated_rater_says_so_in_its_id(rater_id: str, skill: float) -> None:
    with pytest.raises(InvalidInput, match="simulated-"):
        SimulatedRater(rater_id, skill)


def test_no_scene_lacks_a_value_of_its_own() -> None:
    for thing in THINGS:
        assert value_of(SCENE, thing) in values_of(thing)
        assert value_of(with_value(SCENE, thing, other(thing)), thing) == other(thing)
    assert replace(SCENE) == with_value(SCENE, "car", SCENE.car)
