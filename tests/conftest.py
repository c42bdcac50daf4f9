"""Fixtures that every test may use. No test reaches the network or writes outside its own folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

from ru1_app.config import ROOT, Settings
from ru1_app.images import Image8

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
