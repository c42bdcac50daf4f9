"""Work in a thread as a generator, and images fitted to a network and back."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ru1_app.models.background import Line, in_background
from ru1_app.models.fit import Fit, padded, resized


def test_what_is_sent_comes_in_order_and_an_error_after_it() -> None:
    def work(line: Line[int]) -> None:
        line.send(1)
        line.send(2)
        raise KeyError("seven")

    stream = in_background(work)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(KeyError, match="seven"):
        next(stream)


def test_closing_ends_the_work_before_it_returns() -> None:
    ended = threading.Event()

    def work(line: Line[int]) -> None:
        try:
            while True:
                line.send(0)
        finally:
            ended.set()

    stream = in_background(work)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert ended.is_set()


def test_work_that_waits_for_a_lock_can_be_closed() -> None:
    lock = threading.Lock()

    def work(line: Line[str]) -> None:
        line.send("waiting")
        line.wait_for(lock)
        line.send("never")

    with lock:
        stream = in_background(work)
        assert next(stream) == "waiting"
        stream.close()  # type: ignore[attr-defined]
    assert not lock.locked()


@pytest.mark.parametrize("size", [(53, 70), (8, 8), (1, 1), (1, 9), (5, 2)])
def test_padding_mirrors_and_is_cut_off_again(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    fit = Fit.of(image, 8)
    assert fit.given.shape[0] % 8 == fit.given.shape[1] % 8 == 0
    assert np.array_equal(fit.back(fit.given), image)
    larger = np.repeat(np.repeat(fit.given, 4, 0), 4, 1)
    assert np.array_equal(fit.back(larger), image)
    if size == (53, 70):
        assert np.array_equal(fit.given[53], np.pad(image, ((0, 0), (0, 2), (0, 0)), mode="reflect")[51])


def test_a_longest_side_is_kept_to() -> None:
    image = np.zeros((100, 400, 3), np.uint8)
    fit = Fit.of(image, 16, max_side=200)
    assert fit.scaled == (50, 200)
    assert fit.given.shape == (64, 208, 3)
    assert fit.back(fit.given).shape == image.shape
    assert Fit.of(image, 16, max_side=1000).scaled == (100, 400)


def test_shrinking_takes_the_mean_over_areas() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[::2, ::2] = 200
    assert np.array_equal(resized(image, (2, 2)), np.full((2, 2, 3), 50, np.uint8))
    assert padded(image, 4).shape == image.shape
