"""Around the recipes: their settings and photos, the average of two models, what a recoverer is measured by."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, write_png
from ru1_app.models.embedded.adapter import load
from ru1_app.models.embedded.net import Prediction, RecoveryNet
from ru1_app.rewards import Folders, reward_of
from ru1_app.training.average import average
from ru1_app.training.config import REPORTED, load_config
from ru1_app.training.data import Images
from ru1_app.training.ema import follow, risen
from ru1_app.training.eval_recoverer import Correlation, evaluate, measure, table
from ru1_app.training.losses import log_error
from ru1_app.training.rl import trainer as rl
from ru1_app.training.rl.examine import examine
from ru1_app.training.rl.source import inputs_of
from ru1_app.training.weights import save_pipeline
from tests.fakes import FakeRecoverer
from tests.tiny_recoverer import make_tiny_recoverer

RL = Path(rl.__file__).with_name("rl.toml")


def noise(height: int, width: int, seed: int = 0) -> Image8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_dotted_key_changes_one_entry_of_a_table() -> None:
    rewards = load_config(rl.RlConfig, RL).rewards
    changed = load_config(rl.RlConfig, RL, ["rewards.clip=0.4", "rewards.risk=0.5"]).rewards
    assert changed == {**rewards, "clip": 0.4, "risk": 0.5}


def test_a_table_as_value_takes_the_place_of_the_whole_table() -> None:
    assert load_config(rl.RlConfig, RL, ["rewards={ssim=1.0}"]).rewards == {"ssim": 1.0}
    assert load_config(rl.RlConfig, RL, ["rewards={ssim=1.0}", "rewards.clip=0.5"]).rewards == {
        "ssim": 1.0,
        "clip": 0.5,
    }


@pytest.mark.parametrize(("text", "told"), [
    ("lr.clip=0.4", "'lr', which is no table"), ("colour.clip=1", "Unknown keys"), ("rewards.clip", "not key=value"),
])  # fmt: skip
def test_entries_of_what_is_no_table_are_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        load_config(rl.RlConfig, RL, [text])


def test_photos_smaller_than_a_crop_are_left_out(tmp_path: Path) -> None:
    config = replace(load_config(rl.RlConfig, RL), crop=128, inputs=6, workers=0, scene_share=0.0, clean_share=1.0)
    write_png(tmp_path / "flat.png", np.zeros((112, 200, 3), np.uint8))
    with pytest.raises(InvalidInput, match="128 pixels"):
        next(inputs_of(config, tmp_path, 0, "cpu"))
    write_png(tmp_path / "white.png", np.full((128, 150, 3), 255, np.uint8))
    inputs = next(inputs_of(config, tmp_path, 0, "cpu"))
    assert inputs.clean.shape == (6, 3, 128, 128)
    assert bool((inputs.clean == 1).all())


def test_another_process_is_told_where_images_are_instead_of_being_sent_them() -> None:
    given = [noise(40, 60, 1), noise(30, 20, 2)[:, ::-1], noise(8, 8, 3)]
    images = Images(given)
    sent = pickle.dumps(images)
    assert len(sent) < 1_000 < sum(image.nbytes for image in given)
    for own, arrived, image in zip(images, pickle.loads(sent), given, strict=True):
        assert np.array_equal(own, image)
        assert np.array_equal(arrived, image)
    assert [image.shape for image in images[1:]] == [(30, 20, 3), (8, 8, 3)]
    assert len(Images([])) == 0


def test_images_leave_no_file_behind() -> None:
    images = Images([noise(8, 8)])
    path = Path(images.path)
    assert path.exists()
    del images
    assert not path.exists()


def test_the_logarithm_of_the_error_is_the_mean_psnr_up_to_its_unit() -> None:
    clean = torch.rand(3, 3, 16, 16)
    found = clean + torch.tensor([0.01, 0.05, 0.2])[:, None, None, None] * torch.randn_like(clean)
    psnr = -10 * torch.log10((found - clean).square().mean((1, 2, 3))).mean()
    assert float(log_error(found, clean, epsilon=0.0)) == pytest.approx(float(-psnr) * np.log(10) / 20, rel=1e-5)
    assert float(log_error(clean, clean)) == pytest.approx(np.log(1e-2), rel=1e-5)


def test_an_average_follows_weights_and_takes_over_counters() -> None:
    kept = {"weight": torch.tensor([1.0, 2.0]), "count": torch.tensor(3)}
    follow(kept, {"weight": torch.tensor([2.0, 6.0]), "count": torch.tensor(7)}, 0.75)
    assert kept["weight"].tolist() == [1.25, 3.0]
    assert kept["count"].item() == 7
    assert risen(0.9, 0) == 0.1
    assert risen(0.9, 10_000) == 0.9


def test_the_average_of_two_models_lies_between_their_weights(tmp_path: Path) -> None:
    one, two = (make_tiny_recoverer(tmp_path / str(seed), seed) for seed in range(2))
    average(one, two, tmp_path / "mixed", 0.25)
    first, second, mixed = (load(path)._pipeline.net.state_dict() for path in (one, two, tmp_path / "mixed"))
    for name, value in mixed.items():
        expected = 0.75 * first[name].float() + 0.25 * second[name].float()
        torch.testing.assert_close(value.float(), expected, atol=2e-3, rtol=2e-3)
    assert any(not torch.equal(value, first[name]) for name, value in mixed.items())


def test_models_that_have_no_average_are_refused(tmp_path: Path) -> None:
    one = make_tiny_recoverer(tmp_path / "one")
    save_pipeline(RecoveryNet((8, 16, 16, 24), (1, 1, 1, 1), (1, 1, 1)), 0.05, tmp_path / "wider")
    with pytest.raises(InvalidInput, match="different shapes"):
        average(one, tmp_path / "wider", tmp_path / "out", 0.5)
    with pytest.raises(InvalidInput, match="--weight"):
        average(one, one, tmp_path / "out", 1.5)
    assert not (tmp_path / "out").exists()


def test_a_recoverer_is_measured_under_every_reported_corruption() -> None:
    photos = [noise(96, 80, seed) for seed in range(2)]
    found = evaluate(FakeRecoverer(), photos)
    assert list(found["corruptions"]) == list(REPORTED)
    assert (found["photos"], found["model"]) == (2, "0")
    gains = [cell["high"]["ssim_recovered"] - cell["high"]["ssim_corrupted"] for cell in found["corruptions"].values()]
    assert found["mean_ssim_gain"]["high"] == pytest.approx(float(np.mean(gains)), abs=1e-4)
    assert found["clean"]["ssim_corrupted"] == 1.0
    assert found["clean"]["ssim_recovered"] < 0.9  # a median filter spoils a clean image
    assert found["uncertainty"]["correlation"] is None  # this map is the same everywhere
    assert [line.split("`")[1] for line in table(found).splitlines()[2:]] == list(REPORTED)


def test_photos_before_and_after_are_each_held_against_their_clean_one() -> None:
    photos = [np.full((32, 32, 3), level, np.uint8) for level in (60, 160)]
    for k, photo in enumerate(photos):
        photo[8 + k, 8] = 255  # a median filter takes such points away
    row = measure(FakeRecoverer(), photos, None, 1, None)
    errors = [np.square(255.0 - level) / 32**2 for level in (60, 160)]
    assert row["psnr_recovered"] == pytest.approx(
        np.mean([10 * np.log10(255**2 / error) for error in errors]), abs=0.01
    )


def test_the_correlation_is_pooled_over_its_parts() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 60))
    parts = Correlation()
    for part in range(3):
        parts.add(x[part * 20 : part * 20 + 20], y[part * 20 : part * 20 + 20])
    assert parts.value == pytest.approx(np.corrcoef(x, y)[0, 1])


class Blend(nn.Module):
    """Recovers by going a part of the way from the corrupted image to grey."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, corrupted: Tensor, time: Tensor, thumbnail: Tensor) -> Prediction:
        return Prediction(torch.lerp(corrupted, torch.full_like(corrupted, 0.5), self.part), thumbnail)


def test_what_stage_two_gave_is_told_crop_by_crop_with_images_as_clusters() -> None:
    config = replace(load_config(rl.RlConfig, RL), crop=32, clean_share=1.0)
    images = {"photos": [noise(64, 80, seed) for seed in range(3)], "scenes": [noise(64, 64, 9)]}
    reward = reward_of({"ssim": 1.0}, Folders(Path("nowhere")))
    found = examine((Blend(0.5), Blend(0.0)), images, config, reward, 4)
    assert {kind: (own["total"].n, own["total"].clusters) for kind, own in found.items()} == {
        "photos": (12, 3), "scenes": (4, 1), "all": (16, 4),
    }  # fmt: skip
    assert found["all"]["total"].excludes_0
    assert 0 < found["photos"]["ssim"].mean == found["photos"]["total"].mean < 1
    assert found["photos"]["psnr"].mean > 0
    assert found["scenes"]["total"].low is None
    same = examine((Blend(0.2), Blend(0.2)), images, config, reward, 4)
    assert {value.mean for own in same.values() for value in own.values()} == {0.0}
