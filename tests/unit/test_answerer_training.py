"""What the answerer is trained on: prompts, traces, the pool of recoveries, calibration."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ru1_app.corruptions import CORRUPTIONS, Box, CorruptionSpec
from ru1_app.domain import Answered
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models.base import Recovered, Recoverer, RecoverRequest
from ru1_app.models.embedded.adapter import load
from ru1_app.models.trace import LEVELS, SO, Level
from ru1_app.scenes import Scene, render, sample_scene
from ru1_app.scenes.evidence import THINGS
from ru1_app.scenes.scene import layout
from ru1_app.training import calibrate as calibrate_module
from ru1_app.training.answerer import Run, main
from ru1_app.training.answerer_build import SIDE, build_tokenizer
from ru1_app.training.answerer_config import AnswererConfig
from ru1_app.training.answerer_data import CLEAR, MORE_POSITIONS, Asker, Scenes, Shares, View
from ru1_app.training.answerer_loss import packed_mask
from ru1_app.training.answerer_pool import Pool, ensure, make
from ru1_app.training.calibrate import Judged, calibrate, calibration_error, fitted, shares_of, tempered
from ru1_app.training.config import load_config
from ru1_app.training.damage import VERSION, Paint, around, draw_damage, evidence_of, gone_things, paint
from tests.fakes import FakeRecoverer
from tests.tiny_recoverer import make_tiny_recoverer

WEIGHTS = {"level": 0.5, "caption": 0.25, "end": 0.125}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recoverer() -> Recoverer:
    try:
        return load(ROOT / "assets/models/recoverer")
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, recoverer: Recoverer) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    make(folder, recoverer, 8, seed=3)
    return Pool(folder)


def view(level: Level = Level.CLEAR) -> View:
    return View(np.zeros((SIDE, SIDE, 3), np.uint8), (level,) * len(THINGS), True, True)


def segments(views: list[View], *, describe: bool = False) -> list[str]:
    """The packed questions of a scene, a text each."""
    tokenizer = build_tokenizer()
    columns = Asker(tokenizer, WEIGHTS).pack(sample_scene(5), views, np.random.default_rng(0), describe)
    ids, labels, weights, numbers = columns
    assert len(ids) == len(labels) == len(weights) == len(numbers)
    assert all((label == -100) == (weight == 0) for label, weight in zip(labels, weights, strict=True))
    assert all(label in (ids[k + 1], tokenizer.eos_token_id) for k, label in enumerate(labels[:-1]) if label != -100)
    return [
        tokenizer.decode([token for token, number in zip(ids, numbers, strict=True) if number == wanted])
        for wanted in sorted(set(numbers))
    ]


def test_every_answer_follows_a_word_for_each_image() -> None:
    for text in segments([view(Level.ALTERED), view()]):
        _, said = text.split(" answer : ")
        assert re.match(rf"altered clear (\d \d )?{SO} ", said)
    for text in segments([view()]):
        assert re.match(rf"clear (\d \d )?{SO} ", text.split(" answer : ")[1])


def test_what_is_compared_is_counted_before_the_answer() -> None:
    found = [re.search(rf"clear (\d) (\d) {SO} (left|right)", text) for text in segments([view()])]
    counted = [match.groups() for match in found if match]
    assert len(counted) == 1 + MORE_POSITIONS
    assert all((one < other) == (said == "left") for one, other, said in counted)


def test_where_the_evidence_is_gone_the_answer_is_that_it_cannot_be_told() -> None:
    lost = segments([view(Level.GONE), view(Level.GONE)])
    assert all(re.search(rf"gone gone (\d \d )?{SO} cannot tell$", text) for text in lost)


def test_a_scene_is_described_only_where_all_of_it_can_be_told() -> None:
    assert len(segments([view()], describe=True)) == len(segments([view()])) + 1
    assert len(segments([view(Level.GONE)], describe=True)) == len(segments([view(Level.GONE)]))


def test_a_pool_holds_what_the_recoverer_made(pool: Pool) -> None:
    assert len(pool) == 8
    changed = 0
    for index in range(len(pool)):
        entry = pool[index]
        assert entry.corrupted.shape == entry.recovered.shape == (SIDE, SIDE, 3)
        assert all(len(levels) == len(THINGS) for levels in entry.levels)
        gone = [[level is Level.GONE for level in levels] for levels in entry.levels]
        assert gone[0] == gone[1]  # a recovery brings no evidence back
        changed += not np.array_equal(entry.corrupted, entry.recovered)
    assert changed >= 6
    again = pickle.loads(pickle.dumps(pool))
    assert np.array_equal(again[3].recovered, pool[3].recovered)


def test_a_folder_without_a_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no pool"):
        Pool(tmp_path)
    config = load_config(AnswererConfig, ROOT / "ru1_app/training/reason.toml")
    with pytest.raises(InvalidInput, match="--pool"):
        Run(config, tmp_path, None, None)


def test_a_pool_of_another_recoverer_is_not_taken(tmp_path: Path) -> None:
    made = {"recoverer": "abc", "damage": VERSION, "count": 8, "seed": 0}
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/pool.json").write_text(json.dumps(made), "utf-8")
    other = make_tiny_recoverer(tmp_path / "other")
    words = ["--pool", str(tmp_path / "pool"), "--recoverer", str(other), "--out", str(tmp_path / "out")]
    with pytest.raises(InvalidInput, match=rf"'abc', not of '{load(other).ref.revision}'.*another --pool"):
        main([*words, "--config", str(ROOT / "ru1_app/training/reason.toml")])
    assert not (tmp_path / "out").exists()


def test_a_pool_is_made_once_and_what_differs_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for count in (2, 2, 3):
        ensure(tmp_path, FakeRecoverer(), count)
    assert len(Pool(tmp_path)) == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path} holds 2 scenes of seed 0 already and stays as it is."
    ]


def test_a_resumed_training_goes_on_with_its_weights_average_and_optimiser(tmp_path: Path) -> None:
    small = ["vision_width=24", "vision_depths=[1,1,1]", "text_width=64", "text_depth=2", "text_heads=2",
             "dense_steps=1", "frozen_until=0", "steps=9", "warmup=1", "ema=0.5"]  # fmt: skip
    config = load_config(AnswererConfig, ROOT / "ru1_app/training/answerer.toml", small)
    torch.manual_seed(0)
    whole = Run(config, tmp_path, None, None)
    data = Scenes(Asker(whole.tokenizer, config.said), config.shares, None, seed=0, start=0, batch=2)
    for step in range(2):
        whole.update(data.batch(step))
    whole.save()
    resumed = Run(config, tmp_path, None, None)  # its own random weights give way
    assert resumed.step == 2
    expected, found = (run.update(data.batch(2))[0] for run in (whole, resumed))
    assert found == pytest.approx(expected, rel=1e-5)
    for one, other in ((whole.trainer.state_dict(), resumed.trainer.state_dict()), (whole.average, resumed.average)):
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-6)
    moments, again = (run.optimiser.state_dict()["state"] for run in (whole, resumed))
    assert all(torch.equal(values["step"], again[number]["step"]) for number, values in moments.items())
    name = "lm_head.weight" if "lm_head.weight" in whole.average else next(iter(whole.average))
    assert not torch.equal(whole.average[name], whole.trainer.model.state_dict()[name])


def test_what_a_pool_suffers_is_drawn_from_the_seed() -> None:
    scene = sample_scene(4)
    drawn = [draw_damage(scene, np.random.default_rng(seed)) for seed in range(80)]
    assert drawn == [draw_damage(scene, np.random.default_rng(seed)) for seed in range(80)]
    specs = [each for each in drawn if isinstance(each, CorruptionSpec)]
    assert None in drawn
    assert any(isinstance(each, Paint) for each in drawn)
    assert any(spec.steps[0].box is not None for spec in specs)
    assert len({spec.steps[0].name for spec in specs}) > 20


def test_nothing_is_left_under_paint_and_all_beside_it() -> None:
    scene = sample_scene(4)
    surfaces = [paint(scene, np.random.default_rng(seed)) for seed in range(40)]
    assert {(0, 0, 0), (255, 255, 255)} < {surface.colour for surface in surfaces}
    for surface in surfaces[:12]:
        before = render(scene, 256)
        after = surface.over(before)
        changed = (after != before).any(2)
        x0, y0, x1, y1 = (round(256 * edge) for edge in surface.box)
        beside = np.ones_like(changed)
        beside[y0:y1, x0:x1] = False
        assert not changed[beside].any()
        assert (after[y0:y1, x0:x1] == surface.colour).all()
        under = {
            place.name
            for place in layout(scene)
            if place.name in ("light", "arrow", "car", "speed", "word")
            and surface.box.x0 <= place.box[0] and place.box[2] <= surface.box.x1
            and surface.box.y0 <= place.box[1] and place.box[3] <= surface.box.y1
        }  # fmt: skip
        gone = gone_things(evidence_of(scene, surface, 256))
        assert under <= gone
        assert ("light" in gone) <= touches(surface.box, scene, "light")
    whole = evidence_of(scene, Paint(Box(0, 0, 1, 1), (9, 9, 9)), 256)
    assert gone_things(whole) == set(THINGS)


def touches(box: Box, scene: Scene, thing: str) -> bool:
    """Whether a box and a thing's have a place in common."""
    (place,) = (place for place in layout(scene) if place.name == thing)
    x0, y0, x1, y1 = place.box
    return box.x0 < x1 and x0 < box.x1 and box.y0 < y1 and y0 < box.y1


def test_people_cannot_be_counted_where_one_of_them_is_hidden() -> None:
    scene = next(scene for scene in map(sample_scene, range(100)) if scene.people == 3)
    people = [place for place in layout(scene) if place.name == "person"]
    assert len(people) == 3
    for place in people:
        assert "people" in gone_things(evidence_of(scene, Paint(around(place), (90, 90, 90)), 256))
    assert "people" not in gone_things(evidence_of(scene, Paint(Box(0, 0, 1, 0.4), (90, 90, 90)), 256))


def test_a_pool_of_other_damage_is_not_taken(tmp_path: Path) -> None:
    ensure(tmp_path, FakeRecoverer(), 2)
    made = json.loads((tmp_path / "pool.json").read_text("utf-8"))
    del made["damage"]  # as before it was said
    (tmp_path / "pool.json").write_text(json.dumps(made), "utf-8")
    with pytest.raises(InvalidInput, match="earlier version.*another --pool"):
        ensure(tmp_path, FakeRecoverer(), 2)


def test_the_vision_tower_learns_from_what_is_clean_or_recovered_alone(pool: Pool) -> None:
    asker = Asker(build_tokenizer(), WEIGHTS)
    pair = Scenes(asker, Shares(1.0, 0.0, 0.0, 0.0), pool, seed=0, start=0, batch=8).batch(0)
    assert pair.pixels.shape == (4, 2, 3, SIDE, SIDE)
    assert pair.teaches.tolist() == [[False, True]] * 4
    corrupted = Scenes(asker, Shares(0.0, 0.0, 1.0, 0.0), pool, seed=0, start=0, batch=4).batch(0)
    assert not corrupted.teaches.any()
    clean = Scenes(asker, Shares(0.0, 0.0, 0.0, 1.0), None, seed=0, start=0, batch=4).batch(7)
    assert clean.teaches.all()
    assert clean.sound.all()
    again = Scenes(asker, Shares(0.0, 0.0, 0.0, 1.0), None, seed=0, start=0, batch=4).batch(7)
    assert torch.equal(clean.tokens, again.tokens)
    assert torch.equal(clean.pixels, again.pixels)


def test_a_question_sees_the_images_and_itself() -> None:
    mask, positions = packed_mask(torch.tensor([[1, 1, 2, 2, 0]]), 3)
    assert mask[0, 0, 5].tolist() == [True, True, True, False, False, True, False, False]
    assert positions[0].tolist() == [0, 1, 2, 3, 4, 3, 4, 3]


def test_levels_are_words_of_the_vocabulary() -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.unk_token_id not in tokenizer.convert_tokens_to_ids([*LEVELS, SO, "cannot", "tell"])
    assert len(CLEAR) == len(THINGS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=4), st.floats(0.0, 0.9))
def test_the_shares_of_a_reply_are_those_it_was_made_from(masses: list[float], unsure: float) -> None:
    within = np.array(masses) / sum(masses)
    best = int(within.argmax())
    told = within[best] * (1 - unsure) >= unsure
    reply = Answered("x", "ABCD"[best] if told else None, float(within[best] * (1 - unsure)) if told else unsure)
    reply = Answered(reply.text, reply.choice, reply.confidence, probabilities=tuple(within.tolist()))
    assert np.allclose(shares_of(reply), [*(within * (1 - unsure)), unsure], atol=1e-9)


def test_the_temperature_of_an_overconfident_answerer_is_found() -> None:
    rng = np.random.default_rng(0)
    judged = []
    for _ in range(4000):
        logits = rng.normal(0, 1.5, 4)
        true = np.exp(logits) / np.exp(logits).sum()
        judged.append(Judged(tempered(true, 1 / 3), int(rng.choice(4, p=true))))  # says it three times as sharply
    temperature = fitted(judged)
    assert temperature == pytest.approx(3.0, rel=0.12)
    assert calibration_error(judged, temperature) < 0.03 < calibration_error(judged, 1.0)


@pytest.fixture
def answerer(tmp_path: Path) -> Path:
    """A copy of the shipped answerer's folder."""
    return Path(shutil.copytree(ROOT / "assets/models/answerer", tmp_path / "answerer"))


@pytest.mark.weights
def test_a_calibration_writes_its_temperature_at_the_end(answerer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = json.loads((answerer / "scope.json").read_text("utf-8"))
    monkeypatch.setattr(calibrate_module, "CORRUPTIONS", {"fog": CORRUPTIONS["fog"]})
    found = calibrate(answerer, FakeRecoverer(), 2)
    after = json.loads((answerer / "scope.json").read_text("utf-8"))
    assert found == {"temperature": after["temperature"], **after["calibration_error"]}
    assert {**before, **{name: after[name] for name in ("temperature", "calibration_error")}} == after
    assert after["calibration_error"]["replies"] > 10
    assert sorted(path.name for path in answerer.iterdir()) == sorted(
        path.name for path in (ROOT / "assets/models/answerer").iterdir()
    )


@pytest.mark.weights
def test_a_calibration_that_is_cut_leaves_the_model_as_it_was(answerer: Path) -> None:
    class Failing(FakeRecoverer):
        def recover(self, request: RecoverRequest) -> Iterator[Recovered]:
            raise ModelFailed("It fails. Try another.")

    before = (answerer / "scope.json").read_bytes()
    with pytest.raises(ModelFailed):
        calibrate(answerer, Failing(), len(CORRUPTIONS) + 1)
    assert (answerer / "scope.json").read_bytes() == before


@pytest.mark.parametrize("scenes", [0, len(CORRUPTIONS)])
def test_a_calibration_needs_scenes_to_measure_on(tmp_path: Path, scenes: int) -> None:
    with pytest.raises(InvalidInput, match=f"more than {len(CORRUPTIONS)}"):
        calibrate(tmp_path, FakeRecoverer(), scenes)
