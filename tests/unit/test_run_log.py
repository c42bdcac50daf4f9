"""What a run says of itself, also after it was cut and when others train beside it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from ru1_app.training.run_log import RunLog, read_log


def write(folder: Path, steps: range, *, after: int = 0, every: int = 1) -> None:
    """The log of a run that goes on after a step."""
    log = RunLog(folder, every, after)
    for step in steps:
        log.add(step, {"loss": float(step), "gain": torch.tensor(2.0 * step)})
    log.close()


def test_rows_are_means_over_the_steps_since_the_last_one(tmp_path: Path) -> None:
    write(tmp_path, range(1, 6), every=2)
    assert read_log(tmp_path / "log.csv") == {"step": [2, 4], "loss": [1.5, 3.5], "gain": [3, 7]}


@pytest.mark.parametrize("after", [0, 3, 6])
def test_no_step_appears_twice_after_a_kill(tmp_path: Path, after: int) -> None:
    """The first run came to step 6, but its last checkpoint is of an earlier one."""
    write(tmp_path, range(1, 7))
    write(tmp_path, range(after + 1, 9), after=after)
    found = read_log(tmp_path / "log.csv")
    assert found["step"] == found["loss"] == list(range(1, 9))


def test_a_row_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, range(1, 4))
    with (tmp_path / "log.csv").open("a") as file:
        file.write("3,")
    write(tmp_path, range(4, 5), after=3)
    assert read_log(tmp_path / "log.csv")["step"] == [1, 2, 3, 4]


def test_a_value_stands_under_its_name_when_the_run_goes_on_with_others(tmp_path: Path) -> None:
    write(tmp_path, range(1, 3))
    log = RunLog(tmp_path, 1, 2)
    log.add(3, {"error": 7.0, "gain": 6.0})
    log.close()
    found = read_log(tmp_path / "log.csv")
    assert found["gain"] == [2, 4, 6]
    assert found["loss"] == pytest.approx([1, 2, float("nan")], nan_ok=True)
    assert "error" not in found


def test_tensorboard_forgets_later_steps_too(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write(tmp_path, range(1, 7))
    time.sleep(1.1)  # its files are read in the order of the second in which they were begun
    write(tmp_path, range(4, 9), after=3)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(1, 9))


def test_a_silent_log_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "main", range(1, 4))
    before = (tmp_path / "main/log.csv").read_bytes()
    for folder in (tmp_path / "main", tmp_path / "none"):
        log = RunLog(folder, 1, 0, silent=True)
        log.add(1, {"loss": 1.0})
        log.samples(1, torch.zeros(1, 3, 8, 8))
        log.close()
    assert (tmp_path / "main/log.csv").read_bytes() == before
    assert not (tmp_path / "main/samples").exists()
    assert not (tmp_path / "none").exists()
