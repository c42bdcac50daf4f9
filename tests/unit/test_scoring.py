"""Scorers: equal to scikit-image, honest about what they cannot score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ru1_app.config import Settings
from ru1_app.corruptions import CORRUPTIONS, CorruptionSpec, corrupt
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.images import Image8
from ru1_app.scoring import Pair, load_scorers
from ru1_app.scoring.clip import load_embedded
from ru1_app.scoring.psnr import PsnrScorer, psnr
from ru1_app.scoring.ssim import SsimScorer, ssim


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


@pytest.mark.parametrize("scorer", [SsimScorer(), PsnrScorer()], ids=["ssim", "psnr"])
def test_unequal_sizes_have_no_score_but_a_reason(scorer: SsimScorer | PsnrScorer) -> None:
    a, b = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 21, 3), np.uint8)
    wrong, right = scorer.score([Pair(a, b), Pair(a, a + 1)])
    assert wrong.value is None
    assert "20x20" in (wrong.reason or "")
    assert right.value is not None


def test_small_images_and_identical_images_say_so() -> None:
    small = np.zeros((10, 40, 3), np.uint8)
    assert "11" in (SsimScorer().score([Pair(small, small)])[0].reason or "")
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
