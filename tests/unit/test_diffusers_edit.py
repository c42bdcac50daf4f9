"""Pipelines of diffusers as recoverers, on tiny random checkpoints of the real classes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.images import Image8
from ru1_app.models.base import Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.models.diffusers_edit import load
from tests import tiny_diffusers as tiny
from tests.hub import COMMIT, ref_from_hub

Maker = Callable[[Path], Path]


@pytest.fixture(scope="module")
def pix2pix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_tiny_pix2pix(tmp_path_factory.mktemp("models") / "pix2pix")


@pytest.fixture(scope="module")
def model(pix2pix: Path) -> Recoverer:
    return load(pix2pix)


def noise(height: int, width: int) -> Image8:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def run(model: Recoverer, image: Image8, **options: int) -> tuple[list[Progress], Recovered]:
    *steps, done = model.recover(RecoverRequest(image, **{"steps": 2, **options}))
    assert isinstance(done, Recovered)
    assert all(isinstance(step, Progress) for step in steps)
    return [step for step in steps if isinstance(step, Progress)], done


@contextmanager
def calls_of(network: str, seconds: float = 0.0) -> Iterator[list[int]]:
    """Counts the calls of a kind of network anywhere, and makes each take at least so long."""
    calls: list[int] = []

    def before(module: torch.nn.Module, _: object) -> None:
        if type(module).__name__ == network:
            calls.append(len(calls))
            time.sleep(seconds)

    handle = torch.nn.modules.module.register_module_forward_pre_hook(before)
    try:
        yield calls
    finally:
        handle.remove()


@pytest.mark.parametrize("size", [(64, 64), (53, 70), (70, 53), (2, 3), (1, 1)])
def test_any_size_comes_back_in_its_size(model: Recoverer, size: tuple[int, int]) -> None:
    _, done = run(model, noise(*size))
    assert done.images[0].shape == (*size, 3)
    assert done.images[0].dtype == np.uint8
    assert done.settings["height"] % 4 == 0
    assert done.settings["width"] % 4 == 0


def test_a_seed_gives_the_same_bytes_however_many_are_drawn(model: Recoverer) -> None:
    image = noise(53, 70)
    (_, one), (_, three) = (run(model, image, seed=4, samples=count) for count in (1, 3))
    assert len(three.images) == 3
    assert np.array_equal(one.images[0], three.images[0])
    assert np.array_equal(run(model, image, seed=5)[1].images[0], three.images[1])
    assert not np.array_equal(three.images[0], three.images[1])
    assert not np.array_equal(three.images[1], three.images[2])


def test_every_step_of_every_draw_is_reported_with_a_few_previews(model: Recoverer) -> None:
    steps, done = run(model, noise(53, 70), steps=10, samples=2)
    assert [step.step for step in steps] == list(range(1, 21))
    assert {step.total for step in steps} == {20}
    shown = [step.preview for step in steps if step.preview is not None]
    assert 2 <= len(shown) <= 4
    assert all(preview.shape == done.images[0].shape for preview in shown)
    assert done.seconds > 0


def test_closing_stops_the_network_within_one_step(model: Recoverer) -> None:
    with calls_of("UNet2DConditionModel", 0.03) as calls:
        stream = model.recover(RecoverRequest(noise(32, 32), steps=50))
        next(stream)
        before = len(calls)
        stream.close()
        after = len(calls)
        time.sleep(0.15)
    assert after - before <= 1
    assert len(calls) == after
    assert run(model, noise(32, 32))[1].images[0].shape == (32, 32, 3)


def test_a_second_recovery_waits_for_the_first_and_gets_its_own_image(model: Recoverer) -> None:
    alone = run(model, noise(32, 32), steps=6, seed=1)[1].images[0]
    other = model.recover(RecoverRequest(noise(40, 40), steps=30))
    next(other)
    assert np.array_equal(run(model, noise(32, 32), steps=6, seed=1)[1].images[0], alone)
    assert isinstance(list(other)[-1], Recovered)


def test_no_step_is_refused(model: Recoverer) -> None:
    with pytest.raises(ModelFailed, match="one step"):
        run(model, noise(8, 8), steps=0)


def test_the_model_names_its_weights_its_engine_and_its_settings(model: Recoverer, pix2pix: Path) -> None:
    assert model.ref.id == "pix2pix"
    assert len(model.ref.revision) == 12
    assert model.ref.engine.startswith("diffusers ")
    assert model.ref.engine.endswith("/ cpu float32")
    named = load(pix2pix, name="mine", instruction="Clean it.", guidance=3.0, image_guidance=2.0)
    assert named.ref.id == "mine"
    assert named.ref.revision == model.ref.revision
    settings = run(named, noise(16, 16))[1].settings
    assert (settings["prompt"], settings["guidance_scale"], settings["image_guidance_scale"]) == ("Clean it.", 3.0, 2.0)
    assert json.loads(json.dumps(settings)) == settings


def test_a_large_image_is_given_smaller_and_comes_back_in_its_size(pix2pix: Path) -> None:
    _, done = run(load(pix2pix, max_side=32), noise(100, 61))
    assert done.images[0].shape == (100, 61, 3)
    assert (done.settings["height"], done.settings["width"]) == (32, 20)


@pytest.mark.parametrize("strength", [0.3, 0.5, 1.0])
def test_with_a_strength_as_many_steps_are_taken_as_asked(tmp_path: Path, strength: float) -> None:
    model = load(tiny.make_tiny_img2img(tmp_path / "img2img"), strength=strength)
    with calls_of("UNet2DConditionModel") as calls:
        steps, done = run(model, noise(53, 70), steps=3)
    assert len(steps) == len(calls) == 3
    assert done.images[0].shape == (53, 70, 3)
    assert done.settings["strength"] == strength


@pytest.mark.parametrize("make", [tiny.make_tiny_upscaler, tiny.make_tiny_super_resolution, tiny.make_tiny_kontext])
def test_other_kinds_of_pipelines_recover_report_and_stop(tmp_path: Path, make: Maker) -> None:
    """An upscaler with the old callback, one without any, and packed latents of a transformer."""
    model = load(make(tmp_path / "model"))
    steps, done = run(model, noise(53, 70), steps=3)
    assert [(step.step, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert done.images[0].shape == (53, 70, 3)
    assert np.array_equal(done.images[0], run(model, noise(53, 70), steps=3)[1].images[0])
    stream = model.recover(RecoverRequest(noise(16, 16), steps=200))
    next(stream)
    stream.close()
    assert len(run(model, noise(16, 16), steps=1)[0]) == 1


def test_text_to_image_is_refused_without_a_strength(tmp_path: Path) -> None:
    folder = tiny.make_tiny_text_to_image(tmp_path / "painter")
    with pytest.raises(InvalidInput, match="takes no image.*give a strength"):
        load(folder)
    assert run(load(folder, strength=0.5), noise(20, 24))[1].images[0].shape == (20, 24, 3)


def test_a_pipeline_that_needs_a_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="mask_image"):
        load(tiny.make_tiny_inpainter(tmp_path / "inpainter"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strength": 0.5}, "takes no strength"),
        ({"arguments": {"colour": 1}}, "takes no argument 'colour'"),
        ({"arguments": {"image": 1}}, "takes no argument 'image'"),
        ({"dtype": "int8"}, "number format 'int8'"),
        ({"offload": True}, "needs a GPU"),
    ],
)
def test_what_a_pipeline_does_not_take_is_refused(pix2pix: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        load(pix2pix, **options)  # type: ignore[arg-type]


def test_further_arguments_reach_the_pipeline(pix2pix: Path, model: Recoverer) -> None:
    image = noise(32, 32)
    told = run(load(pix2pix, arguments={"negative_prompt": "blur", "guidance_scale": 30.0}), image)[1]
    assert told.settings["negative_prompt"] == "blur"
    assert not np.array_equal(told.images[0], run(model, image)[1].images[0])


def test_a_wrong_argument_fails_with_a_sentence(pix2pix: Path) -> None:
    with pytest.raises(ModelFailed, match="'pix2pix' failed"):
        run(load(pix2pix, arguments={"negative_prompt": 7}), noise(16, 16))


def test_no_memory_is_told_with_advice_and_the_next_recovery_runs(model: Recoverer) -> None:
    def greedy(module: torch.nn.Module, _: object) -> None:
        if type(module).__name__ == "UNet2DConditionModel":
            torch.empty(2**50)

    handle = torch.nn.modules.module.register_module_forward_pre_hook(greedy)
    try:
        with pytest.raises(ModelFailed, match="ran out of memory.*smaller image.*offload"):
            run(model, noise(16, 16))
    finally:
        handle.remove()
    assert run(model, noise(16, 16))[1].images[0].shape == (16, 16, 3)


def test_half_the_precision_still_gives_an_image(pix2pix: Path) -> None:
    model = load(pix2pix, dtype="bfloat16")
    steps, done = run(model, noise(24, 40), steps=4)
    assert model.ref.engine.endswith("/ cpu bfloat16")
    assert any(step.preview is not None for step in steps)
    assert done.images[0].std() > 1


def test_the_safety_checker_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    folder = tiny.make_tiny_pix2pix(tmp_path / "checked", safety=True)
    with pytest.raises(ModelFailed, match="safety checker"):
        run(load(folder, safety_checker=True), noise(32, 32))
    shutil.rmtree(folder / "safety_checker")
    assert run(load(folder), noise(32, 32))[1].images[0].shape == (32, 32, 3)


def test_a_missing_file_is_named(tmp_path: Path, pix2pix: Path) -> None:
    with pytest.raises(Unavailable, match=r"model_index\.json"):
        load(tmp_path)
    folder = tmp_path / "broken"
    shutil.copytree(pix2pix, folder)
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"diffusion_pytorch_model") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_an_unknown_pipeline_class_is_named(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "NoSuchPipeline"}')
    with pytest.raises(Unavailable, match="NoSuchPipeline"):
        load(tmp_path)


def test_a_hub_model_is_named_by_its_commit(tmp_path: Path, pix2pix: Path) -> None:
    ref = ref_from_hub(pix2pix, tmp_path, "ru1_app.models.diffusers_edit")
    assert f"id='owner/tiny', revision='{COMMIT}'" in ref
