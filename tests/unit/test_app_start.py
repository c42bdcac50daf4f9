"""The page answers before any model library is loaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ru1_app.config import ROOT

HEAVY = ("torch", "diffusers", "transformers", "open_clip", "datasets")
SCRIPT = f"""
import sys
from ru1_app.config import Settings
from ru1_app.ui.launch import prepare
settings = Settings.from_env()
prepare(settings)
from ru1_app.ui.layout import create_ui
from ru1_app.wiring import wire
demo = create_ui(wire(settings))
names = [fn.api_name for fn in demo.fns.values() if fn.api_visibility == "public"]
print("heavy", *(name for name in {HEAVY!r} if name in sys.modules))
print("public", *names)
print("warned", "lost when the Space restarts" in str(demo.config))
"""


def built(data: Path, **environ: str) -> list[list[str]]:
    """The last three lines that the script printed, in words."""
    own = {**os.environ, "RU1_DATA_DIR": str(data), **environ}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=own, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[-3:]]


@pytest.mark.service
def test_building_the_page_loads_no_model_library_and_opens_documented_calls_only(tmp_path: Path) -> None:
    (_, *heavy), (_, *public), warned = built(tmp_path / "data")
    assert heavy == []
    table = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "docs" / "rating.md").read_text("utf-8"), flags=re.MULTILINE)
    documented = {name for row in table for name in re.findall(r"`(\w+)`", row)}
    assert set(public) == documented
    assert warned == ["warned", "False"]
    assert not (tmp_path / "data" / "ru1.sqlite3").exists()


@pytest.mark.service
def test_a_space_says_that_its_disk_is_lost_on_restart(tmp_path: Path) -> None:
    assert built(tmp_path / "data", SPACE_ID="team/ru1")[-1] == ["warned", "True"]


@pytest.mark.service
@pytest.mark.parametrize("words", [["-m", "ru1_app", "serve"], ["app.py"]])
def test_a_port_that_is_taken_is_said_in_one_sentence(words: list[str], tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        environ = {**os.environ, "RU1_DATA_DIR": str(tmp_path / "data"), "RU1_PORT": port}
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environ, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Nothing can listen at 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
