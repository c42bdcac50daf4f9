"""How sure a figure is, and whether a map says where the error is: against cases that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ru1_app.errors import InvalidInput
from ru1_app.evaluation.answering import worst_first
from ru1_app.evaluation.bootstrap import estimates, mean_of_groups, paired, resamples
from ru1_app.evaluation.svg import Scale, around
from ru1_app.evaluation.targets import targets_of, verdict
from ru1_app.evaluation.unsure import REMOVED, ause, cells, ranks, sparsification, spearman, spearman_interval


def test_the_interval_holds_the_mean_of_gaussians_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = estimates({"x": rng.normal(3, 2, 40)}, np.arange(40))["x"]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 3 <= found.high
    assert 0.90 <= held / 400 <= 0.98


def test_the_interval_of_a_gaussian_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    found = estimates({"x": values}, np.arange(400))["x"]
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


def test_values_of_one_image_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, 30)
    found = estimates({"x": np.repeat(images, 20)}, np.repeat(np.arange(30), 20))["x"]
    alone = estimates({"x": images}, np.arange(30))["x"]
    assert found[:3] == alone[:3]
    assert (found.n, found.clusters) == (600, 30)


def test_pairs_are_far_surer_than_their_two_sides() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(0, 10, 50)
    after = before + rng.normal(0.3, 0.1, 50)
    difference = paired(before, after, np.arange(50))
    assert difference is not None
    assert difference.excludes_0
    assert difference.mean == pytest.approx(0.3, abs=0.05)
    alone = estimates({"x": after}, np.arange(50))["x"]
    assert not alone.excludes_0


def test_the_interval_of_a_difference_holds_0_about_as_often_as_it_says_where_there_is_none() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(300):
        found = paired(rng.normal(0, 1, 40), rng.normal(0, 1, 40), np.arange(40))
        assert found is not None
        wrong += found.excludes_0
    assert wrong / 300 <= 0.1


def test_missing_values_are_left_out_and_one_image_has_no_interval() -> None:
    values = np.array([1.0, np.nan, 3.0])
    found = estimates({"x": values, "none": np.full(3, np.nan)}, np.array(["a", "b", "a"]))
    assert found == {"x": (2.0, None, None, 2, 1)}


def test_the_same_seed_draws_the_same_images() -> None:
    assert np.array_equal(resamples(7), resamples(7))
    assert not np.array_equal(resamples(7), resamples(7, seed=1))
    assert (resamples(7).sum(1) == 7).all()


def test_rank_correlation_is_that_of_scipy_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, 300).astype(float)
    y = x + rng.integers(0, 12, 300)
    assert np.array_equal(ranks(x), stats.rankdata(x))
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert spearman(x, -(x**3)) == pytest.approx(-1)
    assert spearman(x, np.ones(300)) is None


def test_the_interval_of_a_rank_correlation_holds_it_and_narrows_with_more_images() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for images in (10, 160):
        x = rng.normal(size=images * 20)
        y = x + rng.normal(size=images * 20)
        found = spearman_interval(x, y, np.repeat(np.arange(images), 20))
        assert found is not None
        assert found[0] < stats.spearmanr(x, y).statistic < found[1]
        widths.append(found[1] - found[0])
    assert widths[1] < 0.4 * widths[0]
    assert spearman_interval(np.arange(5.0), np.arange(5.0), np.zeros(5)) is None


def test_resampled_ranks_are_those_of_the_repeated_values() -> None:
    x, y = np.array([1.0, 2.0, 2.0, 5.0]), np.array([4.0, 3.0, 9.0, 9.0])
    found = spearman_interval(np.tile(x, 2), np.tile(y, 2), np.repeat([0, 1], 4))
    assert found == pytest.approx((stats.spearmanr(x, y).statistic,) * 2, abs=1e-5)


def test_a_perfect_map_has_the_oracles_curve() -> None:
    error = np.random.default_rng(0).gamma(2, 3, 1000)
    curve, oracle = sparsification(error, 7 * error), sparsification(error, error)
    assert curve == pytest.approx(oracle)
    assert ause(curve, oracle) == pytest.approx(0)
    assert (np.diff(oracle) <= 0).all()
    assert oracle[0] == 1


def test_a_constant_map_takes_pixels_away_at_random() -> None:
    error = np.sort(np.random.default_rng(0).gamma(2, 3, 1000))
    assert sparsification(error, np.ones(1000)) == pytest.approx(np.ones(len(REMOVED)))


def test_a_reversed_map_is_worse_than_none() -> None:
    error = np.random.default_rng(0).gamma(2, 3, 1000)
    oracle = sparsification(error, error)
    assert ause(sparsification(error, -error), oracle) > ause(np.ones(len(REMOVED)), oracle) > 0


def test_half_of_the_error_in_a_tenth_of_the_pixels_is_seen_at_once() -> None:
    error = np.r_[np.full(10, 9.0), np.ones(90)]
    curve = sparsification(error, error)
    assert curve[REMOVED.index(0.1)] == pytest.approx(1 / 1.8)
    assert not sparsification(np.zeros(10), np.arange(10.0)).any()


def test_maps_are_compared_as_means_over_squares() -> None:
    field = np.kron(np.arange(6.0).reshape(2, 3), np.ones((4, 4)))
    assert cells(field) == pytest.approx(np.arange(6.0))


def test_a_verdict_says_when_the_interval_leaves_it_open() -> None:
    row = {"mean": 2.0, "low": 1.0, "high": 3.0}
    said = [verdict(row, target) for target in (0.5, 1.5, 2.5, 3.5)]
    assert said == ["met", "met, within the interval", "not met, within the interval", "not met"]
    assert verdict({"mean": 2.0, "low": None, "high": None}, 1.5) == "met"
    assert verdict(None, 1) == verdict(row, None) == "–"
    with pytest.raises(InvalidInput, match="cpu or gpu"):
        targets_of("abacus")


def test_the_most_misleading_corruption_stands_first() -> None:
    shares = {"a": (0.1, 0.3), "b": (0.2, 0.0), "c": (0.1, 0.4), "d": (0.1, 0.3)}
    found = {
        name: {"all": {f"misleading/{c}": {"mean": v} for c, v in zip(("recovered", "both"), pair, strict=True)}}
        for name, pair in shares.items()
    }
    assert worst_first(found) == ["b", "c", "a", "d"]
    assert worst_first({**found, "none": {"all": {}}})[-1] == "none"


def test_a_scale_holds_its_values_and_has_round_ticks() -> None:
    assert around([0.3, 12.2, -0.4], 8) == (-2, 14)
    low, high = around([])
    assert low == 0 < high
    scale = Scale(-2, 14, 100, 260)
    assert (scale(-2), scale(0), scale(14)) == (100, 120, 260)
    assert scale.ticks(8) == [-2, 0, 2, 4, 6, 8, 10, 12, 14]


def test_groups_that_differ_do_not_widen_the_interval_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b"], 40)
    values = np.where(groups == "a", 0.0, 10.0) + rng.normal(size=80)
    found = mean_of_groups(values, groups, np.arange(80))
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.mean == pytest.approx((values[:40].mean() + values[40:].mean()) / 2, abs=1e-4)
    assert found.high - found.low == pytest.approx(2 * 1.96 / np.sqrt(80), rel=0.2)
    assert mean_of_groups(values, groups, np.where(groups == "a", -1, np.arange(80))) == (
        found.mean,
        None,
        None,
        80,
        41,
    )
    assert mean_of_groups(np.full(3, np.nan), groups[:3], np.arange(3)) is None
