"""Fixtures that every test may use. No test reaches the network or writes outside its own folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

from ru1_app.config import ROOT, Settings
from ru1_app.images import Image8

if TYPE_CHECKING:
    from tests.measured import Bench, Run

# How long one example takes says more of the machine than of the code.
hypothesis.settings.register_profile("ru1", deadline=None)
hypothesis.settings.load_profile("ru1")

SHARED = ROOT.parent / "shared"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data folder of the test's own."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def photo() -> Image8:
    """A free photo that ships with scikit-image, 256x256 RGB uint8."""
    from skimage import data
    from skimage.transform import resize

    return (resize(data.astronaut(), (256, 256), anti_aliasing=True) * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def validation_photos() -> Path:
    """The shared validation photos; the test is skipped where they are absent."""
    folder = SHARED / "data" / "val"
    if not folder.is_dir():
        pytest.skip("the shared validation photos are not here")
    return folder


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A small run of the shipped models, measured once."""
    from tests.measured import make_bench

    return make_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def weaker(bench: Bench) -> tuple[Run, Run]:
    """The run of a weaker recoverer on the same pictures, and what the command printed."""
    from tests.measured import measure_weaker

    return measure_weaker(bench)
