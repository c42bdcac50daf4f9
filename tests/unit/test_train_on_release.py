"""Training on a release: what people prefer moves the recoverer, and a model learns what they say."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ru1_app.cli import cli
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.export import Selection, read_manifest, write_release
from ru1_app.models.embedded.adapter import load
from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.scoring.base import Pair
from ru1_app.scoring.risk import TOO_FEW, Described, load_risk
from ru1_app.store.sql import Store
from ru1_app.training import dpo, risk
from ru1_app.training.config import load_config
from ru1_app.training.judged import Batches, mask_of, read_examples, shuffled
from ru1_app.training.risk_card import Source, Split, write_card
from ru1_app.training.risk_measured import Measured, auroc, interval, measure, pointing, reliability
from ru1_app.training.rl import trainer as rl
from ru1_app.training.rl.source import inputs_of_release
from ru1_app.training.weights import save_pipeline
from tests.released import LATER, build

DPO = load_config(dpo.DpoConfig, Path(dpo.__file__).with_suffix(".toml"))
CLIP = Settings().models_dir / "clip"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    store = Store(f"sqlite:///{folder}/ru1.sqlite3", folder / "blobs")
    build(store, side=48)
    where, _ = write_release(store, folder / "releases", Selection(), ["tables"], name="one", until=LATER)
    return where


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_pipeline(RecoveryNet((8, 16, 16, 16), (1, 1, 1, 1), (1, 1, 1)), 0.05, tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_release_becomes_pairs_of_better_and_worse(release: Path) -> None:
    examples = read_examples(release)
    beside_clean = [each for each in examples if each.better == each.clean]
    assert beside_clean
    assert len(examples) > len(beside_clean)
    assert all(each.worse != each.better for each in examples)
    assert any(each.marked for each in beside_clean)
    batch = next(iter(Batches(examples, 4, 64, 0)))
    assert batch.corrupted.shape == (4, 3, 48, 48)  # no more than the images have, on the network's grid
    assert batch.thumbnails.shape == (4, 8, 48, 48)


def test_crops_hold_what_people_marked(release: Path) -> None:
    marked = [each for each in read_examples(release) if each.marked]
    for _, batch in zip(range(10), Batches(marked, 4, 16, 1), strict=False):
        assert bool((batch.marked.flatten(1).amax(1) > 0).all())


def test_a_point_marks_a_patch_and_a_box_itself() -> None:
    box = {"x0": 0.25, "y0": 0.5, "x1": 0.75, "y1": 1.0}
    assert mask_of([box], (8, 8)).sum() == 16
    point = {"x0": 0.5, "y0": 0.5, "x1": 0.5, "y1": 0.5}
    assert 1 <= mask_of([point], (40, 40)).sum() <= 36


def test_before_the_first_step_no_preference_is_learned_yet(release: Path) -> None:
    batch = next(iter(Batches(read_examples(release), 4, 48, 0)))
    parts = dpo.losses(batch.corrupted, batch.corrupted, batch, DPO)
    assert float(parts["preference"]) == pytest.approx(math.log(2))
    assert float(parts["keep"]) == 0
    between = (batch.better + batch.worse) / 2
    toward, away = (dpo.losses(image, between, batch, DPO) for image in (batch.better, batch.worse))
    assert float(toward["preference"]) < math.log(2) < float(away["preference"])


def test_preferences_are_learned_and_a_cut_run_goes_on(release: Path, tiny: Path, tmp_path: Path) -> None:
    config = replace(DPO, steps=30, batch=4, lr=2e-3, warmup=3, checkpoint_every=10, log_every=5, ema=0.5)
    dpo.train(replace(config, steps=10), release, tiny, tmp_path / "out")
    assert torch.load(tmp_path / "out/checkpoint.pt", weights_only=True)["step"] == 10
    model = dpo.train(config, release, tiny, tmp_path / "out")
    examples = read_examples(release)
    batch = next(iter(Batches(examples, 16, 48, 3)))
    before, after = (dpo._predict(load(path)._pipeline.net.float(), batch) for path in (tiny, model))
    parts = dpo.losses(after, before, batch, config)
    assert float(parts["preference"]) < math.log(2) - 0.01
    assert float(parts["nearer"]) > 0.6


def test_the_control_learns_nothing_of_what_people_marked(release: Path) -> None:
    batch = next(iter(Batches(read_examples(release), 4, 48, 0)))
    control = replace(DPO, labels="none")
    unmarked = batch._replace(marked=torch.zeros_like(batch.marked))
    told = [float(dpo.losses(batch.corrupted, batch.corrupted, each, control)["clean"]) for each in (batch, unmarked)]
    assert told[0] == pytest.approx(told[1])
    with_labels = float(dpo.losses(batch.corrupted, batch.corrupted, batch, DPO)["clean"])
    assert with_labels != pytest.approx(told[0])


def test_without_clean_images_what_was_chosen_is_all_there_is(release: Path, tiny: Path, tmp_path: Path) -> None:
    examples = read_examples(release, with_clean=False)
    assert examples
    assert all(each.clean is None for each in examples)
    assert len(examples) < len(read_examples(release))
    batch = next(iter(Batches(examples, 4, 48, 0)))
    alone = dpo.losses(batch.better, batch.corrupted, batch, DPO)
    assert float(alone["clean"]) == pytest.approx(0, abs=1e-6)
    assert float(alone["chosen"]) < float(dpo.losses(batch.worse, batch.corrupted, batch, DPO)["chosen"])
    config = replace(DPO, steps=4, batch=4, clean_images=False, chosen_weight=1.0, checkpoint_every=2, log_every=1)
    kept, coin = (
        load(dpo.train(replace(config, labels=labels), release, tiny, tmp_path / labels))._pipeline.net
        for labels in ("kept", "shuffled")
    )
    assert any(not torch.equal(a, b) for a, b in zip(kept.parameters(), coin.parameters(), strict=True))


def test_a_coin_turns_about_half_of_the_preferences_and_nothing_else(release: Path) -> None:
    examples = read_examples(release) * 20
    turned = [a.better == b.worse and a.worse == b.better for a, b in zip(examples, shuffled(examples, 1), strict=True)]
    assert 0.3 < sum(turned) / len(turned) < 0.7
    assert all({a.better, a.worse} == {b.better, b.worse} for a, b in zip(examples, shuffled(examples, 1), strict=True))
    assert shuffled(examples, 1) == shuffled(examples, 1)


@pytest.mark.parametrize(("labels", "clean"), [("true", True), ("none", False)])
def test_recipes_that_learn_from_nothing_are_refused(labels: str, clean: bool) -> None:
    with pytest.raises(InvalidInput):
        replace(DPO, labels=labels, clean_images=clean)


def test_rewards_are_earned_on_the_inputs_that_went_wrong(release: Path) -> None:
    config = load_config(rl.RlConfig, Path(rl.__file__).with_name("rl.toml"), ["inputs = 3", "crop = 48"])
    inputs = next(inputs_of_release(config, release, 0, "cpu"))
    assert inputs.corrupted.shape == inputs.clean.shape == (3, 3, 48, 48)
    assert not torch.equal(inputs.corrupted, inputs.clean)


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="tables"):
        read_examples(tmp_path)


def test_the_risk_model_learns_what_raters_say_and_where(tmp_path: Path) -> None:
    """Recoveries with a bright square mislead, and people marked the square."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = risk.RiskNet(CLIP)
    corrupted = torch.rand(80, 3, 64, 64) * 0.3
    recovered, places, target = corrupted.clone(), torch.zeros(80, 16, 16), torch.zeros(80)
    for k in range(0, 80, 2):
        top, left = (int(each) for each in rng.integers(0, 3, 2))
        recovered[k, :, top * 16 : top * 16 + 16, left * 16 : left * 16 + 16] = 1.0
        places[k, top * 4 : top * 4 + 4, left * 4 : left * 4 + 4] = 1
        target[k] = 1
    groups = np.array([f"g{k}" for k in range(80)])
    told = [torch.cat([net.trunk(part).half() for part in images.split(16)]) for images in (corrupted, recovered)]
    judged = risk.Judged(told[0], told[1], target, places, groups)
    config = load_config(risk.RiskConfig, Path(risk.__file__).with_suffix(".toml"), ["epochs = 12", "batch = 16"])
    head, warmth = risk.fit(judged.take(np.arange(48)), judged.take(np.arange(48, 64)), net.head, config)
    held_out = judged.take(np.arange(64, 80))
    value = auroc(risk.logits_of(head, held_out), held_out.target.numpy() > 0.5)
    assert value is not None
    assert value > 0.9
    assert warmth > 0
    with torch.no_grad():
        found = head(held_out.corrupted[:1].float(), held_out.recovered[:1].float()).places[0]
    inside = held_out.places[0] > 0
    assert float(found[inside].mean()) > float(found[~inside].mean())


def test_auroc_is_the_chance_that_a_misleading_one_scores_higher() -> None:
    scores, truth = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auroc(scores, truth) == 0.75
    assert auroc(np.zeros(4), truth) == 0.5
    assert auroc(scores, np.zeros(4, bool)) is None
    low, high = interval(scores, truth, np.arange(4)) or (0.0, 0.0)
    assert low <= 0.75 <= high


def test_probabilities_are_held_against_what_raters_said() -> None:
    told, said = np.array([0.05, 0.15, 0.9, 1.0]), np.array([0.0, 0.2, 1.0, 0.5])
    low, high = reliability(told, said)
    assert (low.low, low.recoveries, low.told, low.said) == (0.0, 2, 0.1, 0.1)
    assert (high.low, high.recoveries, high.told, high.said) == (0.8, 2, 0.95, 0.75)


def test_a_map_is_measured_by_whether_its_riskiest_place_was_marked() -> None:
    found, places = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    places[0, :2] = 1.0
    places[1, 0, 0] = 0.5
    places[2] = -1  # misleading, but nobody marked where
    found[0, 1, 3] = found[1, 3, 3] = 9.0
    assert pointing(found, places) == (2, 1, round((8 / 16 + 1 / 16) / 2, 4))
    assert pointing(found[2:], places[2:]) == (0, 0, 0.0)


def test_everything_held_out_is_measured_at_once() -> None:
    target = torch.tensor([0.0, 0.0, 1.0, 0.9])
    places = torch.zeros(4, 16, 16)
    places[2:, 0] = 1
    logits, found = np.array([-9.0, -9.0, 9.0, 9.0]), np.zeros((4, 16, 16))
    measured = measure(logits, 1.0, found, target, places, np.arange(4))
    assert (measured.count, measured.misleading, measured.images, measured.auroc) == (4, 2, 4, 1.0)
    assert measured.calibration_error == pytest.approx(0.025, abs=1e-3)
    assert (measured.marked, measured.hits, measured.chance) == (2, 2, 1 / 16)


@pytest.mark.weights
def test_a_risk_model_of_few_labels_says_so(release: Path, tmp_path: Path) -> None:
    config = load_config(risk.RiskConfig, Path(risk.__file__).with_suffix(".toml"), ["epochs = 1", "check_share = 0.4"])
    described = risk.train(release, CLIP, tmp_path / "risk", config)
    assert not described.enough
    assert not described.simulated
    assert described.told.startswith(TOO_FEW.capitalize())
    scorer = load_risk(tmp_path / "risk", CLIP)
    image = np.zeros((40, 48, 3), np.uint8)
    score = scorer.score([Pair(image, image)])[0]
    assert score.value is None
    assert score.reason == TOO_FEW
    enough = {"labels": 900, "held_out": 100, "held_out_misleading": 40, "auroc": 0.9, "auroc_low": 0.85,
              "auroc_high": 0.95}  # fmt: skip
    stored = json.loads((tmp_path / "risk/risk.json").read_text())
    (tmp_path / "risk/risk.json").write_text(json.dumps({**stored, **enough}))
    scorer = load_risk(tmp_path / "risk", CLIP)
    assert 0 <= (scorer.score([Pair(image, image)])[0].value or -1) <= 1
    assert "0.90" in scorer.spec.rests_on
    (tmp_path / "risk/risk.json").write_text("{}")
    with pytest.raises(Unavailable, match="no risk model"):
        load_risk(tmp_path / "risk", CLIP)


@pytest.mark.weights
def test_a_card_lies_beside_the_weights(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained as a person does, by `ru1 train risk`."""
    words = [
        "--release",
        str(release),
        "--out",
        str(tmp_path / "risk"),
        "--set",
        "epochs = 1",
        "--set",
        "check_share = 0.4",
    ]
    cli(["train", "risk", *words, "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    card = (tmp_path / "risk/README.md").read_text("utf-8")
    digest = read_manifest(release).digest
    assert told["release"] == digest
    assert f"`one`, digest `{digest}`" in card
    assert f"Raters: {told['raters']} people, 0 simulated" in card
    assert f"| train | {told['labels']} | " in card
    assert f"| test | {told['held_out']} | " in card
    assert "ru1 train risk --release one --out DIR --set epochs=1 --set check_share=0.4" in card
    assert "Seed 0" in card
    assert f"**{TOO_FEW.capitalize()}." in card
    assert "simulated raters" not in card
    assert all(part in card for part in ("## Held out", "## Limits", "## Licence", "CC0-1.0"))
    assert not re.search(r"\{\w+\}|nan", card)


def test_the_card_of_simulated_labels_says_so_with_figures_and_intervals(tmp_path: Path) -> None:
    described = Described(
        624, 176, 50, 0.8538, 0.7829, 0.9153, True, 0.96, 0.27, "abc", images=78, raters=8, simulated_raters=8,
        marked=50, hits=16, chance=0.13,
    )  # fmt: skip
    splits = {"train": Split(624, 170, 78), "test": Split(176, 50, 22)}
    raters = frozenset(f"simulated-{k}" for k in range(8))
    source = Source("loop", "abc", splits, raters, {"Apache-2.0": 800}, {"embedded": 800})
    measured = Measured(
        176, 50, 22, 0.8538, (0.7829, 0.9153), reliability(np.array([0.1, 0.9]), np.array([0.0, 1.0])), 0.0706, 50, 16,
        0.13,
    )  # fmt: skip
    config = load_config(risk.RiskConfig, risk.DEFAULTS, ["seed = 4"])
    write_card(tmp_path, described, source, measured, config, risk.DEFAULTS)
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "**All its labels come from simulated raters**" in card
    assert "0 people, 8 simulated" in card
    assert "**AUROC 0.854** (0.783 to 0.915;" in card
    assert "176 recoveries of 22 source images, 50 of them misleading" in card
    assert "Expected calibration error 0.071 in 5 bins" in card
    assert "| 80% to 100% | 1 | 0.90 | 1.00 |" in card
    assert "16 (32%); a place drawn at random would be in 13%." in card
    assert "--set seed=4" in card
    assert TOO_FEW not in card


def test_simulated_labels_are_told_from_peoples() -> None:
    told = Described(500, 100, 40, 0.9, 0.8, 0.95, True, 1.0, 0.2, "abc").told
    assert "simulated" in told
