"""Scorers: equal to scikit-image, honest about what they cannot score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import pytorch_msssim
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ru1_app.config import Settings
from ru1_app.corruptions import CORRUPTIONS, CorruptionSpec, corrupt
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.images import Image8
from ru1_app.scoring import Pair, Scorer, load_scorers
from ru1_app.scoring.ciede import ciede2000, delta_e
from ru1_app.scoring.clip import load_embedded
from ru1_app.scoring.maps import difference_map, mean_within, ssim_map, touched_by_windows
from ru1_app.scoring.ms_ssim import ms_ssim
from ru1_app.scoring.no_reference import blockiness, noise, sharpness
from ru1_app.scoring.psnr import PsnrScorer, psnr
from ru1_app.scoring.ssim import SSIM, ssim
from ru1_app.scoring.ssim_torch import ssim_batch


def oracle(a: Image8, b: Image8) -> float:
    return structural_similarity(
        a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_ssim_and_psnr_equal_scikit_image(name: str, photo: Image8) -> None:
    damaged = corrupt(photo, CorruptionSpec.of(name, 2 / 3, 1))
    assert ssim(damaged, photo) == pytest.approx(oracle(damaged, photo), abs=1e-4)
    assert psnr(damaged, photo) == pytest.approx(peak_signal_noise_ratio(photo, damaged), abs=1e-9)


def test_ssim_of_a_negative_is_negative_and_not_clipped(photo: Image8) -> None:
    assert ssim(255 - photo, photo) == pytest.approx(oracle(255 - photo, photo), abs=1e-4)
    assert ssim(255 - photo, photo) < 0


@given(seed=st.integers(0, 1000), height=st.integers(11, 40), width=st.integers(11, 40))
def test_ssim_is_symmetric_bounded_and_one_for_equals(seed: int, height: int, width: int) -> None:
    a, b = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-6)
    assert -1 <= ssim(a, b) <= 1
    assert ssim(a, a) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("scorer", [SSIM, PsnrScorer()], ids=["ssim", "psnr"])
def test_unequal_sizes_have_no_score_but_a_reason(scorer: Scorer) -> None:
    a, b = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 21, 3), np.uint8)
    wrong, right = scorer.score([Pair(a, b), Pair(a, a + 1)])
    assert wrong.value is None
    assert "20x20" in (wrong.reason or "")
    assert right.value is not None


def test_small_images_and_identical_images_say_so() -> None:
    small = np.zeros((10, 40, 3), np.uint8)
    assert "11" in (SSIM.score([Pair(small, small)])[0].reason or "")
    assert PsnrScorer().score([Pair(small, small)])[0].reason == "identical"


def test_an_unknown_clip_and_a_missing_folder_are_named(settings: Settings, tmp_path) -> None:
    with pytest.raises(InvalidInput, match="RU1_CLIP"):
        load_scorers(Settings(clip="large"))
    with pytest.raises(Unavailable, match="open_clip_config"):
        load_embedded(tmp_path)


@pytest.mark.weights
def test_the_embedded_clip_orders_pairs_sensibly() -> None:
    scorer = load_scorers(Settings())["clip"]
    image, other = data.astronaut(), data.chelsea()[:300, :300]
    light, strong = (corrupt(image, CorruptionSpec.of("gaussian_noise", s, 1)) for s in (0.1, 1.0))
    stranger = np.ascontiguousarray(np.resize(other, image.shape))
    values = [score.value for score in scorer.score([Pair(x, image) for x in (image, light, strong, stranger)])]
    assert values[0] == pytest.approx(1, abs=1e-5)
    assert values == sorted(values, reverse=True)
    assert "embedded CLIP" in (scorer.spec.model or "")


def tensor(image: Image8) -> torch.Tensor:
    return torch.tensor(image).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", ["gaussian_noise", "jpeg", "motion_blur", "fog"])
def test_ssim_and_ms_ssim_equal_the_reward_of_upstream(name: str) -> None:
    photo = data.astronaut()[:201, :333]
    damaged = corrupt(photo, CorruptionSpec.of(name, 2 / 3, 1))
    a, b = tensor(damaged), tensor(photo)
    assert ssim(damaged, photo) == pytest.approx(float(pytorch_msssim.ssim(a, b, data_range=1)), abs=2e-5)
    assert ms_ssim(damaged, photo) == pytest.approx(float(pytorch_msssim.ms_ssim(a, b, data_range=1)), abs=2e-5)


@pytest.mark.parametrize("size", [(11, 30), (64, 64), (97, 160)])
def test_the_batch_equals_the_single_ssim_and_has_a_gradient(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, *size, 3), dtype=np.uint8)
    a, b = (torch.cat([tensor(image) for image in side]).requires_grad_() for side in images)
    values = ssim_batch(a, b)
    assert values.tolist() == pytest.approx([ssim(x, y) for x, y in zip(*images, strict=True)], abs=2e-5)
    values.sum().backward()
    assert a.grad is not None
    assert float(a.grad.abs().max()) > 0
    with pytest.raises(ValueError, match="sides"):
        ssim_batch(a[..., :5], b[..., :5])


# Sharma, Wu and Dalal 2005, table 1: L1 a1 b1 L2 a2 b2 and the difference.
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425; 50 3.1571 -77.2803 50 0 -82.7485 2.8615; 50 2.8361 -74.02 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1; 50 -1.1848 -84.8006 50 0 -82.7485 1; 50 -0.9009 -85.5211 50 0 -82.7485 1
50 0 0 50 -1 2 2.3669; 50 -1 2 50 0 0 2.3669; 50 2.49 -0.001 50 -2.49 0.0009 7.1792
50 2.49 -0.001 50 -2.49 0.001 7.1792; 50 2.49 -0.001 50 -2.49 0.0011 7.2195; 50 2.49 -0.001 50 -2.49 0.0012 7.2195
50 -0.001 2.49 50 0.0009 -2.49 4.8045; 50 -0.001 2.49 50 0.001 -2.49 4.8045; 50 -0.001 2.49 50 0.0011 -2.49 4.7461
50 2.5 0 50 0 -2.5 4.3065; 50 2.5 0 73 25 -18 27.1492; 50 2.5 0 61 -5 29 22.8977; 50 2.5 0 56 -27 -3 31.903
50 2.5 0 58 24 15 19.4535; 50 2.5 0 50 3.1736 0.5854 1; 50 2.5 0 50 3.2972 0 1; 50 2.5 0 50 1.8634 0.5757 1
50 2.5 0 50 3.2592 0.335 1; 60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.263; 61.2901 3.7196 -5.3901 61.4292 2.248 -4.962 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645; 22.7233 20.0904 -46.694 23.0331 14.973 -42.5619 2.0373
36.4612 47.858 18.3852 36.2715 50.5065 21.2231 1.4146; 90.8027 -2.0831 1.441 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381; 6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.135 0.9033 -0.0636 -0.5514 0.9082
"""


def test_the_colour_difference_equals_the_published_pairs_and_scikit_image(photo: Image8) -> None:
    rows = np.array([line.split() for line in SHARMA.strip().replace("\n", ";").split(";")], np.float64)
    assert len(rows) == 34
    assert delta_e(rows[:, :3], rows[:, 3:6]) == pytest.approx(rows[:, 6], abs=1e-4)
    damaged = corrupt(photo, CorruptionSpec.of("low_light", 1 / 3, 1))
    expected = deltaE_ciede2000(rgb2lab(photo), rgb2lab(damaged)).mean()
    assert ciede2000(photo, damaged) == pytest.approx(expected, rel=0.005)
    assert ciede2000(photo, photo) == 0


LEVELS = (0.0, 0.2, 0.5, 0.9)


@pytest.mark.parametrize("image", [data.astronaut(), data.coffee(), data.chelsea()], ids=["astronaut", "coffee", "cat"])
def test_what_one_image_shows_follows_the_damage(image: Image8) -> None:
    def along(measure: Callable[[Image8], float], name: str) -> list[float]:
        return [measure(corrupt(image, CorruptionSpec.of(name, s, 1))) for s in LEVELS]

    softer, noisier = along(sharpness, "gaussian_blur"), along(noise, "gaussian_noise")
    blocks = along(blockiness, "jpeg")
    assert softer == sorted(softer, reverse=True)
    assert noisier == sorted(noisier)
    assert blocks == sorted(blocks)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0, 20.0])
def test_noise_of_a_known_strength_is_measured(sigma: float) -> None:
    ramp = np.linspace(60, 190, 256)[None, :, None] + np.zeros((256, 1, 3))
    grain = np.random.default_rng(0).normal(0, sigma, (256, 256, 1))
    assert noise(np.clip(ramp + grain + 0.5, 0, 255).astype(np.uint8)) == pytest.approx(sigma, rel=0.05)


def test_maps_have_the_size_of_the_image_and_part_inside_from_outside(photo: Image8) -> None:
    damaged, mask = photo.copy(), np.zeros(photo.shape[:2], bool)
    damaged[80:120, 60:160], mask[80:120, 60:160] = 0, True
    values = ssim_map(damaged, photo)
    assert values.shape == mask.shape
    assert values[5:-5, 5:-5].mean(dtype=np.float64) == pytest.approx(ssim(damaged, photo), abs=1e-6)
    inside, near, outside = (mean_within(values, part) for part in (mask, ~mask, ~touched_by_windows(mask)))
    assert inside is not None
    assert near is not None
    assert outside == pytest.approx(1, abs=1e-6)  # nothing was touched there
    assert inside < 0.3 < near < outside
    assert mean_within(values, np.zeros_like(mask)) is None
    assert float(difference_map(damaged, photo)[mask].mean()) == pytest.approx(
        photo[mask].astype(float).mean(), abs=1e-3
    )


@pytest.mark.weights
def test_every_scorer_answers_for_any_pair_and_says_what_it_is() -> None:
    scorers = load_scorers(Settings())
    assert list(scorers) == ["ssim", "ms_ssim", "psnr", "ciede2000", "clip", "risk", "sharpness", "noise", "blockiness"]
    tiny, small = np.zeros((1, 1, 3), np.uint8), np.full((24, 40, 3), 7, np.uint8)
    large = data.astronaut()
    pairs = [Pair(tiny, tiny), Pair(small, small), Pair(small), Pair(tiny, small), Pair(large, large)]
    for name, scorer in scorers.items():
        spec, scores = scorer.spec, scorer.score(pairs)
        assert spec.name == name
        assert spec.definition.endswith(".")
        assert spec.blind_to.endswith(".")
        assert len(scores) == len(pairs)
        for score in scores:
            assert (score.value is None) != (score.reason is None)
            assert score.value is None or spec.low <= score.value <= spec.high + 1e-6
        assert (scores[2].value is None) == spec.reference


@pytest.mark.weights
def test_an_image_is_embedded_once_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = load_embedded(Settings().models_dir / "clip")
    images = [np.full((40, 40, 3), level, np.uint8) for level in (10, 100, 200)]
    seen: list[int] = []
    embed = scorer.embed
    monkeypatch.setattr(scorer, "embed", lambda batch: (seen.append(len(batch)), embed(batch))[1])
    first = scorer.score([Pair(images[0], images[1]), Pair(images[2], images[1])])
    again = scorer.score([Pair(images[2], images[1])])
    assert seen == [3]
    assert again[0] == first[1]
