"""The embedded CLIP: captions, batches, training steps, resuming, what its check measures, and the shipped weights."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.intake import read_file
from ru1_app.scenes import HELD_OUT_SEED, caption, render, sample_scene
from ru1_app.scoring.clip import load_embedded
from ru1_app.training import clip
from ru1_app.training.clip import ClipConfig, Trainer, train, warm_start
from ru1_app.training.clip_data import Batch, Draw, Photo, Views, altered, facts_of, load_labelled, say
from ru1_app.training.config import load_config
from ru1_app.training.eval_clip import ClipPair, ordering, recall, retrieval, zero_shot

ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 2, "head_width": 32},
    "text_cfg": {"context_length": 64, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
}
SHIPPED = Path(__file__).parents[2] / "assets" / "models" / "clip"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Photo]:
    folder = tmp_path_factory.mktemp("photos")
    for k in range(6):
        noise = np.random.default_rng(k).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((80, 60), Image.Resampling.BICUBIC).save(folder / f"{k}.png")
    labels = ("tench", {"bowl": 3, "orange": 1}, None, "lynx", "wok", {"orange": 2})
    rows = [{"file": f"train/{k}.png", "split": "train", "label": label} for k, label in enumerate(labels)]
    (folder / "manifest.json").write_text(json.dumps(rows), "utf-8")
    return load_labelled(folder, folder / "manifest.json")


@pytest.fixture(scope="module")
def config() -> ClipConfig:
    path = Path(clip.__file__).with_suffix(".toml")
    return replace(
        load_config(ClipConfig, path), batch=10, scenes=20, steps=4, warmup=1, checkpoint_every=2, log_every=2
    )


@pytest.fixture(scope="module")
def batch(photos: list[Photo], config: ClipConfig) -> Batch:
    return next(iter(Views(photos, Draw(0, config.batch, 0.5, config.scenes, 2, 32))))


def test_labels_are_names_counts_by_name_or_unknown(photos: list[Photo]) -> None:
    assert [photo.labels for photo in photos[:3]] == [("tench",), ("bowl", "orange"), ()]


def test_a_manifest_without_the_split_is_refused(photos: list[Photo]) -> None:
    with pytest.raises(InvalidInput, match="'val'"):
        load_labelled(photos[0].path.parent, photos[0].path.parent / "manifest.json", "val")


def test_captions_state_only_what_the_picture_shows() -> None:
    rng = np.random.default_rng(0)
    said = [(scene, *say(scene, rng)) for scene in map(sample_scene, range(40)) for _ in range(5)]
    assert all(facts and facts <= facts_of(scene) for scene, _, facts in said)
    assert {text for _, text, _ in said} & {caption(scene) for scene, _, _ in said}
    assert len({len(facts) for _, _, facts in said}) >= 7
    assert all(scene.word not in text for scene, text, facts in said if f"word {scene.word}" not in facts)


def test_a_photo_without_labels_has_no_caption() -> None:
    rng = np.random.default_rng(0)
    assert say(Photo(Path("x.png"), ()), rng) == ("", frozenset())
    assert {say(Photo(Path("x.png"), ("bowl", "orange")), rng)[1] for _ in range(30)} == {
        frozenset({"bowl"}), frozenset({"orange"}), frozenset({"bowl", "orange"}),
    }  # fmt: skip


def test_a_batch_holds_every_image_in_three_states(batch: Batch) -> None:
    clean, light, strong = batch.pixels.float()
    assert batch.pixels.shape == (3, 10, 3, 32, 32)
    assert (clean - light).abs().mean() < (clean - strong).abs().mean()
    assert batch.fits.shape == (len(batch.named), len(batch.captions))
    assert len(batch.captions) == len(batch.named) + 10  # two foils for each of five scenes
    assert bool(batch.fits.diagonal().all())


def test_captions_that_say_less_fit_more_images(batch: Batch) -> None:
    own = batch.fits[:, : len(batch.named)]
    assert int(own.sum()) > len(batch.named)


def test_a_foil_is_about_one_changed_thing() -> None:
    rng = np.random.default_rng(0)
    for scene in map(sample_scene, range(60)):
        shown, foil = facts_of(scene), facts_of(altered(scene, rng))
        assert 1 <= len(shown ^ foil) <= 2


def test_batches_follow_from_seed_and_step(photos: list[Photo]) -> None:
    first, again, later = (next(iter(Views(photos, Draw(0, 6, 0.5, 20, 2, 32), start))) for start in (0, 0, 7))
    assert torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.pixels, later.pixels)


def test_training_steps_lower_the_loss(tmp_path: Path, batch: Batch, config: ClipConfig) -> None:
    trainer = Trainer(replace(config, lr=3e-3, steps=40, warmup=2), ARCHITECTURE, tmp_path, None)
    parts = [trainer.fit(batch) for _ in range(12)]
    assert parts[-1]["text"] < parts[0]["text"] - 0.2
    assert parts[-1]["image"] < parts[0]["image"]


def test_a_stopped_training_continues_where_it_was(tmp_path: Path, batch: Batch, config: ClipConfig) -> None:
    whole = Trainer(config, ARCHITECTURE, tmp_path / "none", None)
    expected = [whole.fit(batch) for _ in range(4)]
    first = Trainer(config, ARCHITECTURE, tmp_path, None)
    got = [first.fit(batch) for _ in range(2)]
    first.save()
    second = Trainer(config, ARCHITECTURE, tmp_path, None)
    got += [second.fit(batch) for _ in range(2)]
    assert second.step == 4
    assert [row["text"] for row in got] == pytest.approx([row["text"] for row in expected], rel=1e-4)
    for name, value in whole.average.items():
        torch.testing.assert_close(second.average[name], value, rtol=1e-3, atol=1e-4)


def test_training_ends_at_its_last_step_with_a_log_and_weights(
    tmp_path: Path, batch: Batch, config: ClipConfig
) -> None:
    trainer = Trainer(config, ARCHITECTURE, tmp_path, None)
    train(trainer, [batch] * 9)
    rows = list(csv.DictReader((tmp_path / "log.csv").open(encoding="utf-8")))
    assert trainer.step == config.steps
    assert [int(row["step"]) for row in rows] == [2, 4]
    assert all(float(row["text"]) > 0 for row in rows)
    assert load_embedded(tmp_path / "model").embed([render(sample_scene(0), 64)]).shape == (1, 16)


def test_a_warm_start_takes_what_fits(tmp_path: Path, batch: Batch, config: ClipConfig) -> None:
    earlier = Trainer(config, ARCHITECTURE, tmp_path, None)
    earlier.fit(batch)
    earlier.save()
    wider = {**ARCHITECTURE, "vision_cfg": {**ARCHITECTURE["vision_cfg"], "layers": [1, 2, 1, 1]}, "embed_dim": 8}
    model = Trainer(replace(config, seed=1), wider, tmp_path / "new", None).model
    taken = warm_start(model, tmp_path / "model")
    assert "token_embedding.weight" in taken
    assert "text_projection" not in taken
    torch.testing.assert_close(model.token_embedding.weight, earlier.average["token_embedding.weight"].half().float())


def test_recall_counts_the_diagonal_among_the_best() -> None:
    images = np.eye(4, dtype=np.float32)
    texts = np.stack([images[0], 0.6 * images[1] + 0.8 * images[2], images[2], images[1]])
    assert recall(images @ texts.T, (1, 2, 4)) == {"R@1": 0.5, "R@2": 0.75, "R@4": 1.0}


def test_equal_similarities_are_no_hits() -> None:
    assert recall(np.ones((3, 3)), (1, 3)) == {"R@1": 0.0, "R@3": 1.0}


def test_an_untrained_clip_is_measured_as_such(tmp_path: Path, photos: list[Photo], config: ClipConfig) -> None:
    tmp = Trainer(config, ARCHITECTURE, tmp_path, None)
    tmp.save()
    pair = ClipPair(tmp_path / "model")
    order = ordering(pair, [render(sample_scene(k), 48) for k in range(3)], 8)
    assert order["quadruples"] == 8
    assert 0 <= order["in_order"]["interval"][0] <= order["in_order"]["share"] <= order["in_order"]["interval"][1] <= 1
    assert order["in_order"]["share"] <= order["strong_above_other"]["share"]
    assert retrieval(pair, 12)["image_to_caption"]["R@10"] < 1
    assert zero_shot(pair, photos)["classes"] == 5
    with pytest.raises(InvalidInput, match="two images"):
        ordering(pair, [render(sample_scene(0), 48)], 4)


@pytest.fixture(scope="module")
def shipped() -> ClipPair:
    return ClipPair(SHIPPED)


@pytest.mark.weights
def test_the_shipped_weights_order_held_out_scenes(shipped: ClipPair) -> None:
    scenes = [render(sample_scene(HELD_OUT_SEED + 500 + k), 256) for k in range(48)]
    assert ordering(shipped, scenes, 144)["in_order"]["share"] >= 0.95


@pytest.mark.weights
def test_the_shipped_weights_order_held_out_photos(shipped: ClipPair, validation_photos: Path) -> None:
    photos = [read_file(path, Settings()).image for path in sorted(validation_photos.iterdir())[:48]]
    assert ordering(shipped, photos, 144)["in_order"]["share"] >= 0.95


@pytest.mark.weights
def test_the_shipped_weights_find_scenes_by_their_captions(shipped: ClipPair) -> None:
    found = retrieval(shipped, 100)
    assert found["image_to_caption"]["R@1"] >= 0.8
    assert found["caption_to_image"]["R@1"] >= 0.8


@pytest.mark.weights
def test_the_shipped_files_stay_below_ten_megabytes() -> None:
    assert all(path.stat().st_size < 10_000_000 for path in SHIPPED.iterdir())
