"""A release of many judgements: bounded memory, nothing half after SIGKILL, the same bytes twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ru1_app.config import ROOT
from ru1_app.export import differences
from ru1_app.export.release import UNFINISHED
from ru1_app.store.sql import Store
from tests.masses import fill

RATINGS = 4_500
FORMATS = "tables,trl_preference,flow_grpo"

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masses")
    store = Store(f"sqlite:///{folder}/ru1.sqlite3", folder / "blobs")
    fill(store, RATINGS, pictures=40, side=32)
    store.close()
    return folder


def worker(home: Path, name: str) -> subprocess.Popen[str]:
    arguments = [f"sqlite:///{home}/ru1.sqlite3", str(home / "blobs"), str(home / "releases"), FORMATS, name]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.export_worker", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_a_killed_export_leaves_nothing_and_the_next_two_are_equal(home: Path) -> None:
    process = worker(home, "killed")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["share"] > 0.3:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert [path.name for path in (home / "releases").iterdir() if not path.name.startswith(UNFINISHED)] == []
    told = []
    for name in ("first", "second"):
        process = worker(home, name)
        assert process.stdout is not None
        *_, last = process.stdout
        assert process.wait() == 0
        process.stdout.close()
        told.append(json.loads(last))
        assert differences(home / "releases" / name) == []
    assert told[0]["done"] == told[1]["done"]
    assert sorted(path.name for path in (home / "releases").iterdir()) == ["first", "second"]  # what was left is swept
    assert told[0]["rows"]["tables"] == RATINGS // 3
    assert told[0]["judgements"] == RATINGS
    assert told[0]["most"] - told[0]["before"] < 200
