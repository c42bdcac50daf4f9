"""The Space folder holds what a Space needs, and its `app.py` runs from there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ru1_app.config import ROOT
from tests.server import Server

sys.path.insert(0, str(ROOT / "spaces_config"))
from build import build, requirements

pytestmark = [pytest.mark.service, pytest.mark.weights]


def test_the_assembled_folder_starts(tmp_path: Path) -> None:
    space = build(tmp_path / "space")
    front = (space / "README.md").read_text("utf-8")
    assert front.startswith("---\ntitle: ")
    assert "sdk: gradio" in front
    assert len(re.search(r"short_description: (.*)", front)[1]) <= 60
    assert "gradio==" not in (space / "requirements.txt").read_text("utf-8")
    with Server(tmp_path / "data", folder=space) as server:
        assert server.get("/").status == 200
        assert server.get("/cases").status == 200


def test_zerogpu_gets_a_torch_it_has() -> None:
    text = requirements("torch==2.15.0\ntorchvision==0.29.2\ngradio==6.31.0\nnumpy==2.4.6\n", zerogpu=True)
    assert text == "torch==2.13.0\ntorchvision==0.28.0\nnumpy==2.4.6\n"


def test_a_filled_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(SystemExit, match="not empty"):
        build(tmp_path)


def test_building_the_page_leaves_torch_alone() -> None:
    code = (
        "import sys; from ru1_app.config import Settings; from ru1_app.wiring import wire\n"
        "from ru1_app.ui.layout import create_ui\n"
        "create_ui(wire(Settings())); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
