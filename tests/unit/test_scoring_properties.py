"""What holds for every scorer without weights: range, symmetry, identity, tiny sizes, and values that stay put."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab

from ru1_app.corruptions import CORRUPTIONS, CorruptionSpec, corrupt
from ru1_app.images import Image8
from ru1_app.scoring import Pair, Scorer
from ru1_app.scoring import clip as clip_module
from ru1_app.scoring.ciede import CIEDE2000, ciede2000, lab
from ru1_app.scoring.clip import ClipScorer
from ru1_app.scoring.ms_ssim import LEAST, MS_SSIM
from ru1_app.scoring.no_reference import BLOCKINESS, NOISE, SHARPNESS, blockiness, noise
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.ssim import SSIM

COMPARING: tuple[Scorer, ...] = (SSIM, MS_SSIM, PsnrScorer(), CIEDE2000)
ALONE: tuple[Scorer, ...] = (SHARPNESS, NOISE, BLOCKINESS)
EVERY = {scorer.spec.name: scorer for scorer in COMPARING + ALONE}


def images(seed: int, height: int, width: int) -> tuple[Image8, Image8]:
    a, b = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return a, b


@pytest.mark.parametrize("scorer", EVERY.values(), ids=EVERY)
@given(seed=st.integers(0, 99), height=st.integers(1, 30), width=st.integers(1, 30))
def test_a_score_is_in_range_or_has_a_reason(scorer: Scorer, seed: int, height: int, width: int) -> None:
    a, b = images(seed, height, width)
    for score in scorer.score([Pair(a, b), Pair(a, a), Pair(a)]):
        assert (score.value is None) != (score.reason is None)
        assert score.value is None or scorer.spec.low - 1e-6 <= score.value <= scorer.spec.high + 1e-6


def test_the_farthest_colours_are_within_the_range_of_the_colour_difference() -> None:
    lime, navy = (np.full((8, 8, 3), colour, np.uint8) for colour in ((143, 255, 0), (0, 0, 110)))
    (score,) = CIEDE2000.score([Pair(lime, navy)])
    assert score.value is not None
    assert 119 < score.value <= CIEDE2000.spec.high


@pytest.mark.parametrize("scorer", COMPARING, ids=[scorer.spec.name for scorer in COMPARING])
def test_comparing_is_symmetric_and_does_not_change_the_images(scorer: Scorer) -> None:
    a, b = images(1, 170, 165)
    before = a.copy()
    there, back = scorer.score([Pair(a, b), Pair(b, a)])
    assert there.value == pytest.approx(back.value, abs=1e-5)
    assert np.array_equal(a, before)


def test_ms_ssim_says_its_least_side_and_has_a_value_from_there_on() -> None:
    small, fits = images(0, LEAST - 1, 300), images(0, LEAST, 300)
    score, other = MS_SSIM.score([Pair(*small), Pair(fits[0], fits[0])])
    assert score.value is None
    assert "161" in (score.reason or "")
    assert other.value == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_colour_difference_is_that_of_scikit_image(name: str, photo: Image8) -> None:
    damaged = corrupt(photo, CorruptionSpec.of(name, 2 / 3, 1))
    expected = float(deltaE_ciede2000(rgb2lab(photo), rgb2lab(damaged)).mean())
    assert ciede2000(photo, damaged) == pytest.approx(expected, abs=1e-4)


def test_lab_is_that_of_scikit_image() -> None:
    colours = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(-1, 18, 3).astype(np.uint8)
    assert np.abs(lab(colours) - rgb2lab(colours)).max() < 1e-3


@pytest.mark.parametrize("sigma", [5.0, 10.0, 20.0])
@pytest.mark.parametrize("grain", [1, 3], ids=["gray", "coloured"])
def test_noise_of_a_known_strength_is_measured_whether_gray_or_coloured(sigma: float, grain: int) -> None:
    level = np.linspace(80, 170, 256)[None, :, None]
    drawn = level + np.random.default_rng(0).normal(0, sigma, (256, 256, grain))
    image = np.clip(np.rint(np.broadcast_to(drawn, (256, 256, 3))), 0, 255).astype(np.uint8)
    assert noise(image) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("sigma", [10.0, 20.0])
@pytest.mark.parametrize("image", [data.astronaut(), data.coffee(), data.chelsea()], ids=["astronaut", "coffee", "cat"])
def test_noise_added_to_a_photo_is_measured_within_an_eighth(image: Image8, sigma: float) -> None:
    noisy = np.rint(image + np.random.default_rng(0).normal(0, sigma, image.shape))
    assert noise(np.clip(noisy, 0, 255).astype(np.uint8)) == pytest.approx(sigma, rel=0.125)


def test_blockiness_is_one_without_a_grid_and_blind_to_a_moved_one() -> None:
    assert blockiness(np.full((64, 64, 3), 99, np.uint8)) == pytest.approx(1)
    assert blockiness(images(0, 256, 256)[0]) == pytest.approx(1, abs=0.02)
    blocks = corrupt(data.astronaut(), CorruptionSpec.of("jpeg", 1, 1))
    assert blockiness(blocks) > 2 > 1.1 > blockiness(np.ascontiguousarray(blocks[3:, 3:]))


# A changed value needs a new version: stored scores would no longer compare.
PINNED = {
    "ssim": ("1", 0.619299),
    "ms_ssim": ("1", 0.92709),
    "psnr": ("1", 21.5365),
    "ciede2000": ("1", 9.31852),
    "sharpness": ("1", 1173.58),
    "noise": ("1", 9.47204),
    "blockiness": ("1", 0.988167),
}


def test_a_version_stands_for_its_values() -> None:
    clean = np.ascontiguousarray(data.astronaut()[:256, :256])
    drift = np.rint(clean * 0.8 + np.random.default_rng(0).normal(12, 9, clean.shape))
    pair = Pair(np.clip(drift, 0, 255).astype(np.uint8), clean)
    found = {name: (scorer.spec.version, scorer.score([pair])[0].value) for name, scorer in EVERY.items()}
    assert list(found) == list(PINNED)
    for name, (version, value) in PINNED.items():
        assert found[name] == (version, pytest.approx(value, rel=1e-4)), name


class CountingClip(ClipScorer):
    """The real cache over an embedding of the mean colour; counts what it is asked to embed."""

    def __init__(self) -> None:
        super().__init__(None, None, "fake CLIP")
        self.embedded: list[int] = []

    def embed(self, images):
        self.embedded.append(len(images))
        rows = np.stack([image.mean(axis=(0, 1)) + 1 for image in images]).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_memory_of_embeddings_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_module, "KEPT", 3)
    scorer = CountingClip()
    flat = [np.full((8, 8, 3), level, np.uint8) for level in range(5)]
    scorer.score([Pair(flat[0], flat[1]), Pair(flat[1], flat[1])])
    scorer.score([Pair(flat[2], flat[0])])
    assert scorer.embedded == [2, 1]
    scorer.score([Pair(flat[3], flat[4])])
    scorer.score([Pair(flat[4], flat[3])])
    assert scorer.embedded == [2, 1, 2]
    scorer.score([Pair(flat[1], flat[4])])
    assert scorer.embedded == [2, 1, 2, 1]
    assert scorer.score([]) == []


def test_threads_may_share_the_memory_of_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_module, "KEPT", 4)
    scorer, wrong = CountingClip(), []
    flat = [np.full((8, 8, 3), (level, 90, 200 - level), np.uint8) for level in range(0, 200, 20)]

    def work(seed: int) -> None:
        for one, other in np.random.default_rng(seed).integers(0, len(flat), (100, 2)):
            expected = CountingClip().score([Pair(flat[one], flat[other])])
            if scorer.score([Pair(flat[one], flat[other])]) != expected:
                wrong.append((one, other))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
