"""The embedded recoverer: any size, repeatable, loadable, and better than its input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.images import Image8
from ru1_app.models.base import Progress, Recovered, RecoverRequest
from ru1_app.models.embedded.adapter import EmbeddedRecoverer, load
from ru1_app.models.embedded.net import STRIDE, RecoveryNet, is_cut, thumbnail
from ru1_app.scoring.ssim import ssim
from ru1_app.training import losses
from ru1_app.training.config import load_config
from ru1_app.training.data import CorruptedCrops, Mix, loader
from ru1_app.training.join import join
from ru1_app.training.run_log import read_log
from ru1_app.training.sft import SftConfig, train
from ru1_app.training.sft import Trainer as SftTrainer
from ru1_app.training.weights import save_pipeline, start_from
from tests.tiny_recoverer import make_tiny_recoverer


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_recoverer(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def trained() -> EmbeddedRecoverer:
    return load(Settings().models_dir / "recoverer")


def recover(model: EmbeddedRecoverer, image: Image8, **options: int) -> Recovered:
    *steps, done = model.recover(RecoverRequest(image, **options))
    assert all(isinstance(step, Progress) for step in steps)
    assert isinstance(done, Recovered)
    return done


@pytest.mark.parametrize("shape", [(16, 16), (17, 31), (64, 200), (2, 3)])
def test_any_size_comes_back_in_its_size(tiny: Path, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    done = recover(load(tiny, show_uncertainty=True), image)
    assert done.images[0].shape == image.shape
    assert done.images[0].dtype == np.uint8
    assert done.uncertainty is not None
    assert done.uncertainty.shape == shape


def test_a_seed_gives_the_same_image_however_many_are_drawn(tiny: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    model = load(tiny)
    one, three = (recover(model, image, seed=4, samples=k) for k in (1, 3))
    assert np.array_equal(one.images[0], three.images[0])
    assert len(three.images) == 3
    assert not np.array_equal(three.images[1], three.images[2])
    assert np.array_equal(recover(model, image, seed=4).images[0], one.images[0])
    assert not np.array_equal(recover(model, image, seed=5).images[0], one.images[0])


def test_steps_are_reported_and_closing_cancels(tiny: Path) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    model = load(tiny)
    events = list(model.recover(RecoverRequest(image, steps=4)))
    assert [event.step for event in events[:-1]] == [1, 2, 3, 4]
    stopped = model.recover(RecoverRequest(image, steps=4))
    next(stopped)
    stopped.close()
    assert recover(model, image).images[0].shape == image.shape


def test_the_map_is_shown_only_when_it_earned_it(tiny: Path) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    hidden = recover(load(tiny), image)
    assert hidden.uncertainty is None
    assert "not measured" in (hidden.uncertainty_note or "")
    for value, there in ((0.1, False), (0.5, True)):
        (tiny / "evaluation.json").write_text(json.dumps({"uncertainty": {"correlation": value}}))
        assert (recover(load(tiny), image).uncertainty is not None) is there
    (tiny / "evaluation.json").unlink()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="model_index.json"):
        load(tmp_path)


def test_a_thumbnail_has_one_size_and_flat_images_no_detail() -> None:
    image = torch.rand(1, 3, 40, 60)
    assert thumbnail(image).shape == (1, 8, 48, 48)
    assert torch.allclose(thumbnail(torch.full((1, 3, 40, 60), 0.5))[:, 3:6], torch.zeros(1, 3, 48, 48))


def test_a_crop_and_its_image_share_the_context(photo: Image8) -> None:
    wholes: list[torch.Tensor] = []

    class Remembering(CorruptedCrops):
        def _damage(self, clean: Image8, rng: np.random.Generator) -> Image8:
            damaged = super()._damage(clean, rng)
            wholes.append(torch.tensor(damaged).permute(2, 0, 1)[None] / 255)
            return damaged

    mix = Mix(clean=0.0, second=0.0, scene=0.0, aligned=1.0, weights={"gaussian_noise": 1.0, "low_light": 1.0})
    data = Remembering([photo, photo[:180, :200]], [], mix, batch=12, per_image=4, crop=64, seed=0)
    corrupted, _, thumbs = next(iter(data))
    assert len(wholes) == 3
    for k, (crop, thumb) in enumerate(zip(corrupted, thumbs, strict=True)):
        whole = wholes[k // 4]
        windows = whole[0].unfold(1, 64, STRIDE).unfold(2, 64, STRIDE)  # [3, rows, columns, 64, 64]
        assert bool((windows == crop[:, None, None]).all(4).all(3).all(0).any())  # it is cut from there
        assert torch.equal(thumb, thumbnail(whole)[0])
        assert not torch.allclose(thumb, thumbnail(crop[None])[0], atol=1e-2)


def test_images_that_are_cut_into_blocks_are_told_from_others(photo: Image8) -> None:
    def cut(name: str) -> bool:
        image = corrupt(photo, CorruptionSpec.of(name, 2 / 3, 1))
        return bool(is_cut(thumbnail(torch.tensor(image).permute(2, 0, 1)[None] / 255)))

    assert cut("jpeg")
    assert cut("pixelate")
    others = ("gaussian_noise", "gaussian_blur", "low_light", "downsample", "scan_lines", "occlusion", "fog")
    assert [name for name in others if cut(name)] == []
    assert not is_cut(thumbnail(torch.zeros(1, 3, 4, 4)))  # smaller than a block


def test_a_joined_recoverer_gives_each_image_to_the_network_that_it_is_for(tiny: Path, tmp_path: Path) -> None:
    other = RecoveryNet((8, 16, 16, 16), (1, 1, 1, 1), (1, 1, 1))
    torch.nn.init.constant_(other.colour.bias, 0.2)
    save_pipeline(other, 0.1, tmp_path / "deblocker")
    join(tiny, tmp_path / "deblocker", tmp_path / "joined")
    general, deblocker, joined = (load(p)._pipeline.net for p in (tiny, tmp_path / "deblocker", tmp_path / "joined"))
    images = torch.rand(4, 3, 32, 48)
    images[1::2] = images[1::2, :, ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3)
    told = (images, images, torch.ones(4), thumbnail(images))
    made, ours, theirs = (net(*told) for net in (joined, general, deblocker))
    assert not torch.allclose(ours.clean, theirs.clean, atol=1e-2)
    for part in range(2):
        assert torch.allclose(made[part][::2], ours[part][::2], atol=1e-3)
        assert torch.allclose(made[part][1::2], theirs[part][1::2], atol=1e-3)
    with pytest.raises(InvalidInput, match="joined already"):
        join(tmp_path / "joined", tiny, tmp_path / "again")


def test_networks_that_see_blocks_themselves_are_not_joined(tmp_path: Path) -> None:
    net = RecoveryNet((8, 16, 16, 16), (1, 1, 1, 1), (1, 1, 1), sees_blocks=True)
    for name in ("general", "deblocker"):
        save_pipeline(net, 0.05, tmp_path / name)
    with pytest.raises(InvalidInput, match="sees_blocks=false"):
        join(tmp_path / "general", tmp_path / "deblocker", tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_training_goes_on_from_a_model_without_local_colour(tiny: Path, tmp_path: Path) -> None:
    net = RecoveryNet((8, 16, 16, 16), (1, 1, 1, 1), (1, 1, 1), local_colour=True)
    start_from(net, tiny)
    image = torch.rand(1, 3, 32, 48)
    told = (image, image, torch.ones(1), thumbnail(image))
    assert torch.allclose(net(*told).clean, load(tiny)._pipeline.net(*told).clean, atol=1e-3)
    with pytest.raises(InvalidInput, match="another shape"):
        start_from(RecoveryNet((8, 16, 16, 24), (1, 1, 1, 1), (1, 1, 1)), tiny)


def test_training_reaches_both_networks_of_a_joined_recoverer() -> None:
    net = RecoveryNet((8, 16, 16, 16), (1, 1, 1, 1), (1, 1, 1), with_deblocker=True)
    images = torch.rand(2, 3, 32, 32)
    images[1] = images[1, :, :1, :1]
    net(images, images, torch.ones(2), thumbnail(images)).clean.square().sum().backward()
    assert net.colour.bias.grad is not None
    assert net.deblocker.colour.bias.grad is not None


@pytest.mark.parametrize(("aligned", "shares"), [(1.0, True), (0.0, False)])
def test_crops_begin_where_the_blocks_of_a_whole_image_do(aligned: float, shares: bool) -> None:
    rows, columns = np.mgrid[:176, :160].astype(np.uint8)
    coded = np.dstack([rows, columns, columns])  # each pixel says where it stands
    mix = Mix(clean=1.0, second=0.0, scene=0.0, aligned=aligned, weights={"jpeg": 1.0})
    data = CorruptedCrops([coded], [], mix, batch=32, per_image=4, crop=64, seed=0)
    _, clean, _ = next(iter(data))
    corners = (clean[:, :2] * 255).round().long()  # [32, 2, 64, 64]
    starts = torch.stack([corners[:, 0].amin((1, 2)), corners[:, 1].amin((1, 2))])
    assert len(starts.unique()) > 3
    assert bool((starts % STRIDE == 0).all()) is shares


def test_batches_come_from_a_process_beside_one_that_has_threads(photo: Image8) -> None:
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        cv2.resize(photo, (4000, 4000), interpolation=cv2.INTER_CUBIC)  # the threads are there now
        mix = Mix(clean=0.0, second=0.0, scene=0.0, aligned=1.0, weights={"gaussian_blur": 1.0})
        data = CorruptedCrops([photo], [], mix, batch=2, per_image=2, crop=32, seed=0)
        beside, here = next(iter(loader(data, workers=1))), next(iter(data))
    finally:
        cv2.setNumThreads(threads)
    assert all(torch.equal(a, b) for a, b in zip(beside, here, strict=True))


def test_the_training_ssim_is_the_score(photo: Image8) -> None:
    damaged = corrupt(photo, CorruptionSpec.of("gaussian_noise", 0.5, 1))
    a, b = (torch.tensor(x).permute(2, 0, 1)[None].float() / 255 for x in (damaged, photo))
    assert float(losses.ssim(a, b)) == pytest.approx(ssim(damaged, photo), abs=1e-4)


def test_the_predicted_scale_is_best_at_the_true_error() -> None:
    error = torch.full((1, 3, 8, 8), 0.2)
    at = {s: float(losses.scale_nll(torch.full((1, 1, 2, 2), float(np.log(s))), error)) for s in (0.1, 0.2, 0.4)}
    assert min(at, key=at.__getitem__) == 0.2


def sft_config(*changes: str) -> SftConfig:
    """A recipe for a network of next to nothing."""
    small = ["widths=[8,8,8,8]", "encoder_blocks=[1,1,1,1]", "decoder_blocks=[1,1,1]", "batch=4", "crop=32",
             "crop_late=48", "scene_share=0.0", "checkpoint_every=2", "log_every=1", "warmup=1"]  # fmt: skip
    return load_config(SftConfig, Path(train.__code__.co_filename).with_suffix(".toml"), [*small, *changes])


def test_a_resumed_training_goes_on_with_its_weights_and_its_optimizer(tmp_path: Path) -> None:
    """Compared with the run that was not cut: its draws of noise go on, too."""
    clean = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    batch = (0.5 * clean, clean, thumbnail(0.5 * clean))
    whole = SftTrainer(sft_config("steps=9"), tmp_path, Accelerator(cpu=True))
    for _ in range(2):
        whole.update(*batch)
    whole.save()
    there = whole.net.stem.weight.detach().clone()
    expected = [float(whole.update(*batch)["l1"]) for _ in range(2)]
    resumed = SftTrainer(sft_config("steps=9"), tmp_path, Accelerator(cpu=True))
    assert resumed.step == 2
    assert torch.equal(resumed.net.stem.weight, there)
    assert [float(resumed.update(*batch)["l1"]) for _ in range(2)] == pytest.approx(expected, rel=1e-5)
    assert (resumed.step, whole.step) == (4, 4)
    for part in ("net", "average"):
        for name, value in getattr(whole, part).state_dict().items():
            torch.testing.assert_close(getattr(resumed, part).state_dict()[name], value, rtol=1e-4, atol=1e-6)
    kept, lost = (trainer.optimizer.state_dict()["state"] for trainer in (whole, resumed))
    for number, moments in kept.items():
        for name, value in moments.items():
            torch.testing.assert_close(lost[number][name], value, rtol=1e-3, atol=1e-6)


def test_training_learns_resumes_and_writes_a_model(tmp_path: Path) -> None:
    from ru1_app.images import write_png

    rng = np.random.default_rng(0)
    for k in range(3):
        write_png(tmp_path / f"photos/{k}.png", rng.integers(0, 256, (100, 120, 3), dtype=np.uint8))
    for steps in (2, 4):
        train(sft_config(f"steps={steps}"), tmp_path / "photos", tmp_path / "out")
    log = read_log(tmp_path / "out/log.csv")
    assert log["step"] == [1, 2, 3, 4]
    assert all(len(log[name]) == 4 for name in ("l1", "ssim", "nll", "gain"))
    assert {path.name for path in (tmp_path / "out/samples").iterdir()} == {"0000002.png", "0000004.png"}
    assert list((tmp_path / "out/tensorboard").iterdir())
    assert recover(load(tmp_path / "out/model"), np.zeros((40, 40, 3), np.uint8)).images[0].shape == (40, 40, 3)


def test_a_config_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = Path(train.__code__.co_filename).with_suffix(".toml")
    with pytest.raises(InvalidInput, match="colour"):
        load_config(SftConfig, path, ["colour=1"])


@pytest.mark.weights
@pytest.mark.parametrize(
    ("name", "gain"), [("gaussian_noise", 0.1), ("impulse_noise", 0.1), ("low_light", 0.1), ("shot_noise", 0.03)]
)
def test_the_trained_model_recovers(trained: EmbeddedRecoverer, photo: Image8, name: str, gain: float) -> None:
    """This photo is one of those from which shot noise is hardly removed; the model card says so."""
    damaged = corrupt(photo, CorruptionSpec.of(name, 2 / 3, 1))
    assert ssim(recover(trained, damaged).images[0], photo) > ssim(damaged, photo) + gain


@pytest.mark.weights
def test_the_trained_model_leaves_clean_images_alone(trained: EmbeddedRecoverer, photo: Image8) -> None:
    assert ssim(recover(trained, photo).images[0], photo) >= 0.97


@pytest.mark.weights
def test_every_weights_file_is_below_ten_megabytes() -> None:
    files = [path for path in Settings().models_dir.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert all(path.stat().st_size < 10_000_000 for path in files)
