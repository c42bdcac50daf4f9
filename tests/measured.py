"""Small real runs of the benchmark: three drawn pictures as photos, the shipped models, two corruptions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

from ru1_app.cli import cli
from ru1_app.config import ROOT
from ru1_app.evaluation.inputs import Photos
from ru1_app.evaluation.measure import Models
from ru1_app.evaluation.plan import Plan
from ru1_app.evaluation.run import Folders, Job, load, measure, read
from ru1_app.images import write_png
from ru1_app.scenes import render, sample_scene

Run = dict[str, Any]
HOME = ROOT / "assets" / "models"
PLAN = Plan(scenes=2, photos_per_cell=2, scenes_per_cell=2, covered=1, draws=2, only=("gaussian_noise", "fog"))
LATENCY = {
    "side": 384, "threads": 2, "cores": 4, "processor": "A processor", "recover_seconds": 0.4321, "run_seconds": 1.5,
    "peak_mb": 812.4,
}  # fmt: skip


class Bench(NamedTuple):
    """The photos' folder, the shipped models, and the run of both."""

    folder: Path
    job: Job
    models: Models
    full: Run

    def path(self, name: str) -> Path:
        """The file of a run; its journal lies beside it."""
        return self.folder / f"{name}.json"


def make_bench(folder: Path) -> Bench:
    """Measure the shipped models."""
    (folder / "photos").mkdir()
    for number in range(3):
        write_png(folder / "photos" / f"{number}.png", render(sample_scene(7 + number))[96:288, 96:288])
    models = load(Folders(HOME / "recoverer", HOME / "answerer", HOME / "clip"), threads=1)
    job = Job("full", PLAN, Photos.below(folder / "photos"), lambda: dict(LATENCY))
    return Bench(folder, job, models, measure(job, models, folder / "full.json"))


def measure_weaker(bench: Bench) -> tuple[Run, Run]:
    """The run of a recoverer whose changes are halved, by `ru1 eval embedded`, and what that printed."""
    from safetensors.torch import load_file, save_file

    home, out = bench.folder / "weaker", bench.path("no_rl")
    shutil.copytree(HOME / "recoverer", home)
    weights = home / "net" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["change.weight"] = tensors["change.weight"] * 0.5
    save_file(tensors, weights, {"format": "pt"})
    words = [
        "--photos", str(bench.folder / "photos"), "--recoverer", str(home), "--out", str(out), "--name=no_rl",
        "--corruption=gaussian_noise", "--corruption=fog", "--scenes=2", "--photos-per-cell=2", "--scenes-per-cell=2",
        "--covered=1", "--draws=2", "--no-latency",
    ]  # fmt: skip
    environ = {"RU1_MODELS_DIR": str(HOME)}
    done = CliRunner().invoke(cli, ["eval", "embedded", *words, "--json"], env=environ)
    assert done.exit_code == 0, (done.output, done.exception)
    return read(out), json.loads(done.stdout)
