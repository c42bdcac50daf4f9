"""What is special to the corruptions of sensor, encoding, channel, decoding and enhancement."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from ru1_app.corruptions import CORRUPTIONS, LEVELS, CorruptionSpec, Geometry, apply_spec, corrupt
from ru1_app.images import Image8
from ru1_app.scoring.psnr import psnr

STEPS = ("sensor", "encoding", "channel", "decoding", "enhancement")
NAMES = [name for name, entry in CORRUPTIONS.items() if entry.step in STEPS]
LOCAL = [name for name in NAMES if CORRUPTIONS[name].local is not None]
CODECS = ("jpeg", "webp", "avif")  # cannot begin from nothing
MID = LEVELS["mid"]


def damaged(image: Image8, name: str, severity: float = MID, seed: int = 3) -> Image8:
    return corrupt(image, CorruptionSpec.of(name, severity, seed))


def flat(level: int, side: int = 512) -> Image8:
    return np.full((side, side, 3), level, np.uint8)


@pytest.fixture
def threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.fixture
def ramp() -> Image8:
    """Brightness rises from left to right, 256x256."""
    return np.repeat(np.tile(np.arange(256, dtype=np.uint8), (256, 1))[..., None], 3, axis=2)


def test_the_registry_has_all_of_these_steps_in_order() -> None:
    assert NAMES == [
        "gaussian_noise", "color_noise", "impulse_noise", "speckle_noise", "shot_noise", "row_jitter",
        "color_quantization", "jpeg", "jpeg2000", "webp", "avif", "pixelate", "downsample",
        "block_exchange", "block_repeat", "block_lost", "block_interpolate", "scan_lines",
        "color_shift", "white_balance", "brighten", "darken", "mean_shift",
        "gaussian_blur", "color_diffusion", "desaturate", "oversaturate", "contrast_loss", "oversmooth",
        "oversharpen", "graffiti", "watermark", "elastic_transform",
    ]  # fmt: skip
    assert LOCAL == ["block_exchange", "block_repeat", "block_lost", "block_interpolate", "graffiti", "watermark"]
    geometries = {name: CORRUPTIONS[name].geometry for name in NAMES}
    assert [name for name in NAMES if geometries[name] is Geometry.SHIFTED] == ["row_jitter"]
    assert [name for name in NAMES if geometries[name] is Geometry.MOVED] == ["elastic_transform"]


@pytest.mark.parametrize("name", NAMES)
def test_one_and_two_threads_give_the_same_bytes(name: str, photo: Image8, threads: None) -> None:
    image = np.tile(photo, (2, 2, 1))
    cv2.setNumThreads(1)
    alone = damaged(image, name)
    cv2.setNumThreads(2)
    assert np.array_equal(alone, damaged(image, name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [3, 8])
def test_psnr_falls_on_a_fine_scale(name: str, seed: int, photo: Image8) -> None:
    image = np.asarray(cv2.resize(photo, (512, 512), interpolation=cv2.INTER_CUBIC), np.uint8)
    values = [psnr(damaged(image, name, k / 12, seed), image) for k in range(1, 13)]
    assert all(a > b - 0.05 for a, b in zip(values, values[1:], strict=False)), values


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [256, 512, 1024])
def test_it_begins_from_nothing_whatever_the_size(name: str, side: int, photo: Image8) -> None:
    image = np.asarray(cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    change = np.abs(damaged(image, name, 0.01).astype(int) - image).mean()
    assert change < (4 if name in CODECS else 1.2)


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("shape", [(256, 256), (33, 200), (50, 20), (2, 3), (1, 40)])
def test_a_mask_covers_all_that_changed_and_grows(name: str, shape: tuple[int, int], photo: Image8) -> None:
    image = np.asarray(cv2.resize(photo, shape[::-1]), np.uint8)
    for seed in range(4):
        before = np.zeros(shape, np.bool_)
        for severity in (0.02, 0.2, *LEVELS.values()):
            result = apply_spec(image, CorruptionSpec.of(name, severity, seed))
            assert result.mask is not None
            assert not ((result.image != image).any(axis=2) & ~result.mask).any()
            assert not (before & ~result.mask).any()
            before = result.mask
    if min(shape) > 32:
        assert before.mean() < 0.95


@pytest.mark.parametrize(("severity", "noise"), [(1 / 3, 0.129), (MID, 0.289), (1.0, 0.577)])
@pytest.mark.parametrize("level", [0, 3, 30, 128, 255])
def test_shot_noise_counts_photons(severity: float, noise: float, level: int) -> None:
    photons = noise**-2
    out = damaged(flat(level), "shot_noise", severity)
    mean = level / 255 * photons
    counts = np.arange(int(mean + 12 * math.sqrt(mean)) + 12)
    log_chance = counts * math.log(max(mean, 1e-30)) - mean - np.array([math.lgamma(k + 1) for k in counts])
    seen = np.minimum(np.floor(counts * 255 / photons + 0.5), 255).astype(int)
    expected = np.bincount(seen, np.exp(log_chance), minlength=256)
    found = np.bincount(out.ravel(), minlength=256) / out.size
    assert np.abs(found - expected).sum() / 2 < 0.005
    levels = np.arange(256)
    average = (expected * levels).sum()
    spread = math.sqrt(max((expected * levels**2).sum() - average**2, 0))
    assert out.mean() == pytest.approx(average, abs=4 * spread / math.sqrt(out.size) + 0.01)
    assert out.std() == pytest.approx(spread, rel=0.005, abs=1e-6)


def test_shot_noise_agrees_with_the_generators_own(photo: Image8) -> None:
    out = damaged(photo, "shot_noise", 1 / 3).astype(float)
    photons = 0.129**-2
    other = np.random.default_rng(0).poisson(photo / 255 * photons) / photons
    assert out.mean() == pytest.approx((np.clip(other, 0, 1) * 255).mean(), rel=0.003)
    assert (out - photo).std() == pytest.approx((np.clip(other, 0, 1) * 255 - photo).std(), rel=0.01)


@pytest.mark.parametrize("level", [40, 128, 200])
def test_shot_noise_of_many_photons_is_the_same_noise(level: int) -> None:
    """The exact and the nearly normal counts meet: mean and spread run on over the change at 1000 photons."""
    for severity in (0.0815, 0.0819):  # 1006 and 996 photons
        out = damaged(flat(level), "shot_noise", severity).astype(float)
        photons = (0.129 * 3 * severity) ** -2
        assert out.mean() == pytest.approx(level, abs=0.05)
        assert out.std() == pytest.approx(math.sqrt(255 * level / photons + 1 / 12), rel=0.01)


@pytest.mark.parametrize("severity", [0.02, *LEVELS.values()])
def test_gaussian_noise_is_normal(severity: float) -> None:
    sigma = float(np.interp(severity, (0, 1 / 3, 2 / 3, 1), (0, 0.07, 0.15, 0.30))) * 255
    found = np.bincount(damaged(flat(128), "gaussian_noise", severity).ravel(), minlength=256) / (512 * 512 * 3)
    below = np.array([0.5 + math.erf((k + 0.5 - 128) / sigma / math.sqrt(2)) / 2 for k in range(255)])
    assert np.abs(np.cumsum(found)[:-1] - below).max() < 0.003


def test_the_other_noises_have_their_strength() -> None:
    assert damaged(flat(100), "speckle_noise").std() == pytest.approx(35, rel=0.01)
    out = damaged(flat(100), "impulse_noise")
    assert (out == 0).mean() == pytest.approx(0.045, rel=0.03)
    assert (out == 255).mean() == pytest.approx(0.045, rel=0.03)
    assert (out == 100).mean() == pytest.approx(0.91, rel=0.01)
    noise = damaged(flat(128), "color_noise", LEVELS["low"]).astype(float) - 128
    luma = noise @ (0.299, 0.587, 0.114)
    assert luma.std() < 1
    assert (noise[..., 0] - luma).std() / 1.403 == pytest.approx(0.06 * 255, rel=0.01)
    assert (noise[..., 2] - luma).std() / 1.773 == pytest.approx(0.06 * 255, rel=0.01)


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise", "color_noise", "impulse_noise"])
def test_noise_grows_instead_of_being_drawn_anew(name: str, photo: Image8) -> None:
    weak, strong = (damaged(photo, name, s).astype(float) - photo for s in (0.5, 0.55))
    assert np.corrcoef(weak.ravel(), strong.ravel())[0, 1] > 0.9


def test_rows_jitter_sideways_only(ramp: Image8) -> None:
    upright = ramp.transpose(1, 0, 2).copy()
    assert np.array_equal(damaged(upright, "row_jitter"), upright)
    shifts = damaged(ramp, "row_jitter", 1.0)[:, 128, 0].astype(float) - 128
    assert shifts.std() == pytest.approx(4.5, rel=0.15)


@pytest.mark.parametrize(("severity", "levels"), [(1 / 3, 20), (MID, 9), (1.0, 4)])
def test_quantisation_leaves_that_many_levels(severity: float, levels: int, ramp: Image8) -> None:
    left = np.unique(damaged(ramp, "color_quantization", severity))
    assert len(left) == levels
    assert left[[0, -1]].tolist() == [0, 255]


def test_exchanged_blocks_are_all_still_there(photo: Image8) -> None:
    out = damaged(photo, "block_exchange", 1.0)
    assert np.array_equal(np.sort(out, axis=None), np.sort(photo, axis=None))
    assert (out != photo).any()


def test_a_repeated_block_shows_an_earlier_one(photo: Image8) -> None:
    out = damaged(photo, "block_repeat", 1.0)
    side = 16

    def block(image: Image8, k: int) -> Image8:
        return image[k // 16 * side :, k % 16 * side :][:side, :side]

    changed = [k for k in range(256) if (block(out, k) != block(photo, k)).any()]
    assert changed
    assert all(any(np.array_equal(block(out, k), block(photo, k - d)) for d in (1, 2, 3) if k >= d) for k in changed)


def test_concealment_is_right_where_the_image_is_a_ramp(ramp: Image8) -> None:
    result = apply_spec(ramp, CorruptionSpec.of("block_interpolate", 1.0, 3))
    error = np.abs(result.image.astype(int) - ramp)
    assert result.mask is not None
    assert error[:, 16:-16].max() <= 1
    assert result.mask.mean() == pytest.approx(0.7, abs=0.01)


def test_scan_lines_darken_whole_rows_and_leave_the_others() -> None:
    rows = damaged(flat(200), "scan_lines", 1.0)
    assert (rows == rows[:, :1, :1]).all()
    values = rows[:, 0, 0]
    assert (values == 200).mean() == pytest.approx(3 / 8, abs=0.01)
    assert values.min() == 10


def test_colour_moves_and_brightness_stays(photo: Image8) -> None:
    gray = np.repeat(photo[..., :1], 3, axis=2)
    for name in ("color_shift", "color_diffusion", "desaturate", "oversaturate"):
        assert np.array_equal(damaged(gray, name, 1.0), gray), name
    plain = damaged(photo, "desaturate", 1.0)
    assert (plain == plain[..., :1]).all()


def test_a_channel_gains_what_another_loses() -> None:
    red, green, blue = damaged(flat(100), "white_balance")[0, 0].astype(float)
    assert green == 100
    assert sorted((red, blue)) == pytest.approx([100 * math.exp(-0.28), 100 * math.exp(0.28)], abs=0.6)


def test_the_tone_curves_have_their_exponents() -> None:
    assert damaged(flat(100), "brighten")[0, 0, 0] == round((100 / 255) ** (1 / 2.3) * 255)
    assert damaged(flat(100), "darken")[0, 0, 0] == round((100 / 255) ** 2.6 * 255)
    assert {abs(int(damaged(flat(128), "mean_shift", MID, k)[0, 0, 0]) - 128) for k in range(8)} == {56}


def test_a_denoiser_removes_a_dot_and_a_sharpener_raises_it() -> None:
    image = flat(100)
    image[250:253, 250:253] = 130
    assert (damaged(image, "oversmooth") == 100).all()
    sharp = damaged(image, "oversharpen")
    assert sharp.max() > 180
    assert sharp.min() < 90


def test_elastic_warp_pulls_by_its_rms() -> None:
    across = np.repeat(np.tile(np.arange(512) // 2, (512, 1)).astype(np.uint8)[..., None], 3, axis=2)
    pulls = [
        2 * (damaged(across, "elastic_transform", MID, seed).astype(float) - across)[64:-64, 64:-64]
        for seed in range(4)
    ]
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(5.5, rel=0.15)
