"""Where a recovery is unsure: deviation, share and boxes."""

from __future__ import annotations

import numpy as np
import pytest

from ru1_app.domain import UncertaintyKind
from ru1_app.uncertainty import deviation, least_sure, summarise


def test_the_deviation_is_that_of_the_draws() -> None:
    draws = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
    assert deviation(list(draws)) == pytest.approx(draws.astype(float).std(axis=0).mean(axis=2), abs=1e-3)
    assert not deviation([draws[0], draws[0]]).any()
    with pytest.raises(ValueError, match="two draws"):
        deviation([draws[0]])


def test_boxes_lie_around_the_least_sure_parts_worst_first() -> None:
    levels = np.full((200, 300), 2.0, np.float32)
    levels[20:60, 30:80] = 30
    levels[120:170, 200:270] = 60
    first, second = least_sure(levels, 16.0)
    assert (first.x0, first.y0, first.x1, first.y1) == pytest.approx((200 / 300, 0.6, 0.9, 0.85), abs=0.03)
    assert (second.x0, second.y0, second.x1, second.y1) == pytest.approx((0.1, 0.1, 80 / 300, 0.3), abs=0.03)


def test_a_plateau_is_no_part_and_a_spot_on_it_is() -> None:
    assert least_sure(np.full((100, 100), 20, np.float32), 16.0) == ()
    spot = np.full((100, 100), 20, np.float32)
    spot[30:60, 30:60] = 60
    (box,) = least_sure(spot, 16.0)
    assert box.x0 == pytest.approx(0.3, abs=0.05)
    assert box.x1 == pytest.approx(0.6, abs=0.05)


def test_the_share_counts_pixels_above_what_its_kind_calls_unsure() -> None:
    levels = np.zeros((10, 10), np.float32)
    levels[:2] = 12
    assert summarise(levels, UncertaintyKind.DEVIATION).share == pytest.approx(0.2)
    assert summarise(levels, UncertaintyKind.PREDICTED).share == 0
