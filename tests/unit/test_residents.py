"""Loaded models: each once, shared, put out least recently used first."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest

from ru1_app.errors import ModelFailed
from ru1_app.models import residents as residents_module
from ru1_app.models.residents import Residents, memory_budget_gb, weights_gb


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


def test_what_is_held_is_given_out_while_another_is_loaded() -> None:
    residents, loading, go_on = Residents(lambda: None), threading.Event(), threading.Event()
    held = residents.take(("a",), Model)

    def slow() -> Model:
        loading.set()
        assert go_on.wait(10)
        return Model()

    thread = threading.Thread(target=residents.take, args=(("b",), slow))
    thread.start()
    assert loading.wait(10)
    assert residents.take(("a",), Model) is held
    assert not residents.holds("b")
    go_on.set()
    thread.join()
    assert residents.holds("b")


def test_the_second_try_is_made_without_what_the_first_had_loaded() -> None:
    residents = Residents(lambda: None)
    residents.take(("other",), Model, 1)
    half: list[weakref.ref[Model]] = []
    alive: list[bool] = []

    def make() -> Model:
        alive.extend(ref() is not None for ref in half)
        model = Model()
        if not half:
            half.append(weakref.ref(model))
            raise ModelFailed("There is not enough memory.")
        return model

    residents.take(("big",), make)
    assert alive == [False]


def test_models_of_unknown_size_go_too_when_memory_runs_out() -> None:
    residents, tries = Residents(lambda: None), []
    residents.take(("unknown",), Model)

    def make() -> Model:
        tries.append(residents.keys)
        if len(tries) == 1:
            raise ModelFailed("There is not enough memory.")
        return Model()

    residents.take(("big",), make)
    assert tries == [[("unknown",)], []]


def test_a_container_s_limit_is_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, none = tmp_path / "limit", tmp_path / "none"
    limit.write_text("2000000000\n")
    none.write_text("max\n")
    monkeypatch.setattr(residents_module, "CONTAINER", (none, limit, tmp_path / "missing"))
    assert memory_budget_gb() == pytest.approx(1.8)


def test_the_size_of_a_folder_is_that_of_its_weights(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "model.safetensors").write_bytes(b"0" * 3_000_000)
    (tmp_path / "README.md").write_text("words")
    assert weights_gb(str(tmp_path)) == pytest.approx(0.003)
    assert weights_gb("owner/name") == 0
