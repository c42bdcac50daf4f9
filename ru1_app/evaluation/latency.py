"""Time and memory of one recovery and of one whole run of the page's pipeline, in a process of its own.

    python -m ru1_app.evaluation.latency RECOVERER ANSWERER CLIP [--threads 2]

prints one JSON object. The picture is a drawn scene of 384x384 under gaussian noise at mid severity, one step.
Memory is the most that this process ever held in RAM; the page's own part (Gradio) is not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ru1_app.config import ROOT
from ru1_app.errors import ModelFailed
from ru1_app.evaluation.run import Folders, load

if TYPE_CHECKING:
    from ru1_app.evaluation.journal import Row

SIDE = 384
REPEATS = 7
THREADS = 2


def in_fresh_process(folders: Folders, threads: int = THREADS) -> Row:
    """What `main` prints, from a process that did nothing before.

    Raises:
        ModelFailed: it did not end well; the message has the last line that it wrote.
    """
    words = [sys.executable, "-m", __name__, *map(str, (folders.recoverer, folders.answerer, folders.clip))]
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RU1_THREADS")}
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [*words, "--threads", str(threads)], capture_output=True, text=True, check=False,
        env={**os.environ, **limits, "PYTHONPATH": paths},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise ModelFailed(f"Time and memory could not be measured: {last}. Leave them out with --no-latency.")
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median seconds of `repeats` calls after one that warms up."""
    work()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 4)


def peak_mb() -> float | None:
    """The most memory that this process held, in MB; None where the system does not say.

    Not `getrusage`: its peak is inherited from the process that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        return None
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return round(int(lines[0].split()[1]) * 1024 / 1e6, 1) if lines else None


def measure(folders: Folders, threads: int) -> Row:
    """Seconds of a recovery, of a recovery with all scores and three answers, and memory."""
    import torch

    from ru1_app.corruptions import LEVELS, CorruptionSpec, corrupt
    from ru1_app.evaluation.inputs import scene
    from ru1_app.intake import Intake
    from ru1_app.models.base import RecoverRequest
    from ru1_app.pipeline import Pipeline, RunRequest
    from ru1_app.scoring import scorers_with

    torch.set_num_threads(threads)
    models = load(folders, threads)
    _, image, asked = scene(0)
    assert image.shape == (SIDE, SIDE, 3)
    spec = CorruptionSpec.of("gaussian_noise", LEVELS["mid"], 0)
    scorers = scorers_with(models.clip)
    pipeline = Pipeline(lambda name: models.recoverer, lambda name: models.answerer, lambda: scorers)
    request, bad = RunRequest(Intake(image, "0" * 64, "scene"), spec, asked[0].question), corrupt(image, spec)
    return {
        "side": SIDE,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "processor": processor(),
        "recover_seconds": timed(lambda: list(models.recoverer.recover(RecoverRequest(bad)))),
        "run_seconds": timed(lambda: list(pipeline.run(request))),
        "peak_mb": peak_mb(),
    }


def processor() -> str:
    """What the processor calls itself, or nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("recoverer", "answerer", "clip"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--threads", type=int, default=THREADS)
    given = parser.parse_args()
    print(json.dumps(measure(Folders(given.recoverer, given.answerer, given.clip), given.threads)))


if __name__ == "__main__":
    main()
