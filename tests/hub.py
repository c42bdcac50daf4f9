"""A model of the hub without the hub: a folder laid into the hub's own cache, read in a process that is offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ru1_app.config import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def ref_from_hub(folder: Path, cache: Path, module: str) -> str:
    """What `module` names the model "owner/tiny" that has the files of `folder`, as text."""
    repository = cache / "models--owner--tiny"
    shutil.copytree(folder, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(COMMIT)
    code = f"from {module} import load; print(load('owner/tiny').ref)"
    environment = {**os.environ, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout
