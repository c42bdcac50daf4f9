"""Every stage of training learns, tiny: losses fall and rewards rise."""

from __future__ import annotations

from pathlib import Path

import pytest

from ru1_app.training.smoke import Learned, smoke


@pytest.mark.weights
def test_every_stage_learns(tmp_path: Path) -> None:
    learned = list(smoke(tmp_path))
    assert {each.stage for each in learned} == {"stage I", "stage II", "stage III"}
    assert all(each.passed for each in learned), "\n".join(map(str, learned))


@pytest.mark.parametrize(("before", "after", "higher", "passed"), [
    (0.1, 0.2, True, True), (0.2, 0.1, True, False), (0.2, 0.1, False, True), (0.1, 0.1, True, False),
    (0.1, 0.1, False, False),
])  # fmt: skip
def test_standing_still_is_not_learning(before: float, after: float, higher: bool, passed: bool) -> None:
    assert Learned("stage I", "x", before, after, higher).passed is passed


@pytest.mark.parametrize(("after", "higher", "passed"), [
    (0.16, True, True), (0.14, True, False), (0.04, False, True), (0.06, False, False), (0.04, True, False),
])  # fmt: skip
def test_what_may_be_chance_is_not_learning(after: float, higher: bool, passed: bool) -> None:
    assert Learned("stage II", "x", 0.1, after, higher, chance=0.05).passed is passed
