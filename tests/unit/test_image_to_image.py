"""transformers' image-to-image models as recoverers, on a tiny random Swin2SR."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.images import Image8
from ru1_app.models.base import Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.models.image_to_image import Cut, load
from tests.hub import COMMIT, ref_from_hub
from tests.tiny_diffusers import make_tiny_swin2sr


@pytest.fixture(scope="module")
def swin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_swin2sr(tmp_path_factory.mktemp("models") / "swin")


def noise(height: int, width: int) -> Image8:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def run(model: Recoverer, image: Image8, **options: int) -> tuple[list[Progress], Recovered]:
    *steps, done = model.recover(RecoverRequest(image, **options))
    assert isinstance(done, Recovered)
    assert all(isinstance(step, Progress) for step in steps)
    return [step for step in steps if isinstance(step, Progress)], done


def upstream(folder: Path, image: Image8) -> np.ndarray:
    """What transformers' own example makes of an image: its processor, the model, nothing cropped."""
    from transformers import AutoImageProcessor, AutoModelForImageToImage

    given = AutoImageProcessor.from_pretrained(folder)(image, return_tensors="pt")
    with torch.no_grad():
        made = AutoModelForImageToImage.from_pretrained(folder)(**given).reconstruction
    return made[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255


@pytest.mark.parametrize("size", [(64, 64), (53, 70), (2, 3), (1, 1), (3, 40)])
def test_any_size_comes_back_in_its_size(swin: Path, size: tuple[int, int]) -> None:
    _, done = run(load(swin), noise(*size))
    assert done.images[0].shape == (*size, 3)
    assert done.images[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("upscale", "upsampler"), [(3, "pixelshuffledirect"), (4, "nearest+conv"), (4, "pixelshuffle_aux"), (1, None)]
)
def test_every_kind_of_upsampling_is_scaled_back(tmp_path: Path, upscale: int, upsampler: str | None) -> None:
    folder = make_tiny_swin2sr(tmp_path / "other", upscale=upscale, upsampler=upsampler)
    assert run(load(folder), noise(21, 34))[1].images[0].shape == (21, 34, 3)
    large = run(load(folder, scale_back=False), noise(21, 34))[1].images[0]
    assert large.shape == (21 * upscale, 34 * upscale, 3)


def test_it_makes_what_transformers_makes_without_the_padding(swin: Path) -> None:
    image = noise(64, 72)  # whole windows: no padding that the windows at the edge could look at
    whole = upstream(swin, image)
    assert whole.shape == (144, 160, 3)
    large = run(load(swin, scale_back=False), image)[1].images[0].astype(float)
    inside = np.s_[:96, :112]  # the example's own padding changes the windows at the right and below
    assert abs(large[inside] - whole[inside]).max() <= 0.51
    small = run(load(swin), image)[1].images[0].astype(float)
    assert abs(small - large.reshape(64, 2, 72, 2, 3).mean((1, 3))).max() <= 1.01


def test_tiles_are_reported_and_their_seams_do_not_show(swin: Path) -> None:
    image = noise(150, 120)
    (one,), whole = run(load(swin, max_pixels=2**16), image)
    assert (one.step, one.total) == (1, 1)
    steps, tiled = run(load(swin, max_pixels=64 * 64), image)
    assert [step.step for step in steps] == list(range(1, 10))
    assert {step.total for step in steps} == {9}
    assert tiled.settings["tiles"] == 9
    difference = abs(tiled.images[0].astype(int) - whole.images[0].astype(int))
    assert difference.mean() < 0.02 * whole.images[0].std()
    last = steps[-1].preview
    assert last is not None
    assert np.array_equal(last, tiled.images[0])
    first = steps[0].preview
    assert first is not None
    assert np.array_equal(first[64:], image[64:])


def test_a_tile_fades_into_its_neighbour() -> None:
    cut = Cut.of(1024, 4)
    left, right = cut.spans(56)
    assert (left, right) == (slice(0, 32), slice(24, 56))
    middle = cut.weights(32, 32, 1)[16, :, 0]
    share = middle[24:] / (middle[24:] + middle[:8])
    assert np.all(np.diff(share) < 0)
    assert share[0] > 0.85
    assert share[-1] < 0.15


@pytest.mark.parametrize("length", [1, 8, 31, 32, 33, 56, 57, 100, 1001])
def test_tiles_cover_a_side_whole(length: int) -> None:
    cut = Cut.of(1024, 4)
    spans = cut.spans(length)
    assert spans[0].start == 0
    assert spans[-1].stop == length
    assert all(span.stop - span.start <= 32 for span in spans)
    assert all(before.stop - after.start == cut.overlap for before, after in pairwise(spans))


def test_no_tile_is_larger_than_allowed_and_closing_stops_between_tiles(swin: Path) -> None:
    model = load(swin, max_pixels=1024)
    seen: list[int] = []

    def before(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if type(module).__name__ == "Swin2SREmbeddings":
            seen.append(given[0].shape[-1] * given[0].shape[-2])

    handle = torch.nn.modules.module.register_module_forward_pre_hook(before)
    try:
        stream = model.recover(RecoverRequest(noise(200, 50)))
        next(stream)
        next(stream)
        stream.close()
        assert len(seen) == 2
        run(model, noise(200, 50))
    finally:
        handle.remove()
    assert max(seen) <= 1024


def test_the_same_image_comes_from_every_seed_and_the_note_says_so(swin: Path) -> None:
    model = load(swin)
    _, first = run(model, noise(24, 24), seed=1)
    _, other = run(model, noise(24, 24), seed=2, samples=3)
    assert first.uncertainty_note is None
    assert len(other.images) == 1
    assert np.array_equal(first.images[0], other.images[0])
    assert "same image from every seed" in (other.uncertainty_note or "")


def test_the_model_names_its_weights_and_engine(swin: Path) -> None:
    ref = load(swin).ref
    assert ref.id == "swin"
    assert len(ref.revision) == 12
    assert ref.engine.startswith("transformers ")
    assert ref.engine.endswith("/ cpu float32")
    assert load(swin, name="mine", dtype="bfloat16").ref.engine.endswith("/ cpu bfloat16")


def test_a_hub_model_is_named_by_its_commit(tmp_path: Path, swin: Path) -> None:
    ref = ref_from_hub(swin, tmp_path, "ru1_app.models.image_to_image")
    assert f"id='owner/tiny', revision='{COMMIT}'" in ref


def test_a_missing_file_is_named(tmp_path: Path, swin: Path) -> None:
    with pytest.raises(Unavailable, match=r"config\.json, preprocessor_config\.json, \*\.safetensors"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    (tmp_path / "preprocessor_config.json").write_text((swin / "preprocessor_config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(Unavailable, match="could not be loaded") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_tiles_that_are_too_small_are_refused(swin: Path) -> None:
    with pytest.raises(InvalidInput, match="allow 256 or more"):
        load(swin, max_pixels=100)
