"""Loaded models: each once, shared, put out least recently used first."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from ru1_app.errors import ModelFailed
from ru1_app.models.residents import Residents, memory_budget_gb


class Model:
    """Something that can be seen to be gone."""


def test_a_model_is_made_once_also_by_many_threads() -> None:
    made: list[Model] = []
    residents = Residents(lambda: None)

    def take() -> None:
        residents.take(("a", "x"), lambda: made.append(Model()) or made[-1])

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_the_least_recently_used_goes_first() -> None:
    residents = Residents(lambda: 10)
    for name in "abc":
        residents.take((name,), Model, 3)
    residents.take(("a",), Model, 3)
    residents.take(("d",), Model, 3)
    assert residents.keys == [("c",), ("a",), ("d",)]
    assert not residents.holds("b")


def test_a_large_model_puts_all_others_out_and_is_loaded_anyway() -> None:
    residents = Residents(lambda: 10)
    residents.take(("scorers",), Model)  # takes no memory worth naming: it stays
    residents.take(("a",), Model, 4)
    residents.take(("huge",), Model, 40)
    assert residents.keys == [("scorers",), ("huge",)]


def test_what_a_run_holds_lives_on_and_the_rest_is_freed() -> None:
    residents = Residents(lambda: 5)
    held = residents.take(("a",), Model, 3)
    gone = weakref.ref(residents.take(("b",), Model, 2))
    alive = weakref.ref(held)
    residents.take(("c",), Model, 5)
    gc.collect()
    assert gone() is None
    assert alive() is held


def test_when_memory_runs_out_all_others_go_and_it_is_tried_once_more() -> None:
    residents = Residents(lambda: None)
    residents.take(("a",), Model, 3)
    tries: list[int] = []

    def make() -> Model:
        tries.append(len(residents.keys))
        if len(tries) == 1:
            raise ModelFailed("There is not enough memory.")
        return Model()

    residents.take(("b",), make, 3)
    assert tries == [1, 0]


def test_when_it_fails_alone_the_advice_is_passed_on() -> None:
    residents = Residents(lambda: None)

    def make() -> Model:
        raise ModelFailed("There is not enough memory. Quantise it.")

    with pytest.raises(ModelFailed, match="Quantise it"):
        residents.take(("a",), make, 3)
    assert residents.keys == []


def test_the_budget_is_what_the_machine_has() -> None:
    assert 0.5 < memory_budget_gb() < 10_000
