"""CPU milliseconds of every corruption at mid, 512x512 and 1024x1024, one thread, beside two libraries.

References: imagecorruptions 1.1.2 and albumentations 2.0.8, each in a virtual environment of its own, made with pip
on the first run; the limits of 60 ms and 300 ms. Median of 5 after one to warm up, contenders in turn. Goals: the
ids shared with imagecorruptions 6 times faster in sum, with and without its glass_blur; those shared with
albumentations not slower in sum; none above 60 ms at 512 but jpeg2000.

python benchmarks/corruptions.py [--json] [--venvs FOLDER] [--ids a,b]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
from common import row, show
from skimage import data

from ru1_app.config import ROOT
from ru1_app.corruptions import CORRUPTIONS, entry_of

PINS = {
    "imagecorruptions": [
        "setuptools==80.9.0", "numpy==1.26.4", "scipy==1.11.4", "scikit-image==0.21.0",
        "opencv-python-headless==4.9.0.80", "pillow==10.4.0", "imagecorruptions==1.1.2",
    ],
    "albumentations": ["albumentations==2.0.8", "opencv-python-headless==5.0.0.93", "numpy==2.4.6"],
}  # fmt: skip
LIMITS = {512: 60.0, 1024: 300.0}
EXEMPT = "jpeg2000"
SUMS = [
    ("imagecorruptions", None, 1 / 6),
    ("imagecorruptions", "glass_blur", 1 / 6),  # theirs is a Python loop over pixels that outweighs all others
    ("albumentations", None, 1.0),
]  # library, id left out, goal for the ratio
ROUNDS = 5
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Contender:
    """One library in a process of its own, asked for one call at a time."""

    def __init__(self, library: str, python: Path | str, photo: Path) -> None:
        worker = Path(__file__).parent / "workers" / "corruptions.py"
        alone = os.environ | dict.fromkeys(THREADS, "1") | {"NO_ALBUMENTATIONS_UPDATE": "1"}
        self.process = subprocess.Popen(
            [python, worker, library, photo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone
        )
        self.names = set(self._read())

    def milliseconds(self, name: str, size: int) -> float:
        """Of one call; not a number where the library fails."""
        assert self.process.stdin is not None
        print(name, size, file=self.process.stdin, flush=True)
        answer = self._read()
        if "error" in answer:
            print(f"{name} {size}: {answer['error']}", file=sys.stderr)
        return float(answer.get("milliseconds", "nan"))

    def _read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def python_of(library: str, folder: Path) -> Path:
    """The interpreter of the library's environment, which is made where it is missing or has other pins."""
    home = folder / library
    python, mark = home / "bin" / "python", home / "pins"
    pins = PINS[library]
    if not mark.is_file() or mark.read_text() != "\n".join(pins):
        print(f"making {home}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *pins[:-1]], check=True, stdout=sys.stderr)
        # without dependencies: imagecorruptions asks for the OpenCV with windows beside the one without
        last = [] if library == "albumentations" else ["--no-deps", "--no-build-isolation"]
        subprocess.run([*install, *last, pins[-1]], check=True, stdout=sys.stderr)
        mark.write_text("\n".join(pins))
    return python


def measure(contenders: dict[str, Contender], names: list[str], size: int) -> dict[str, dict[str, float]]:
    """Median milliseconds by name and library; of what takes over a second, one call."""
    medians: dict[str, dict[str, float]] = {}
    for name in names:
        times: dict[str, list[float]] = {x: [] for x, contender in contenders.items() if name in contender.names}
        for _ in range(1 + ROUNDS):
            for library, taken in times.items():
                if not (taken and taken[-1] > 1000):
                    taken.append(contenders[library].milliseconds(name, size))
        medians[name] = {library: statistics.median(taken[1:] or taken) for library, taken in times.items()}
    return medians


def rows_of(medians: dict[str, dict[str, float]], size: int) -> list[dict[str, Any]]:
    """Each name beside each reference that has it, or else beside the limit; then the sums and the slowest."""
    rows = []
    for name, times in medians.items():
        references = {x: times[x] for x in PINS if times.get(x, 0) > 0} or {"limit": LIMITS[size]}
        rows += [row(f"{name} {size}, {x}", times["ru1"], "ms", reference) for x, reference in references.items()]
    for library, left_out, goal in SUMS:
        shared = [times for name, times in medians.items() if times.get(library, 0) > 0 and name != left_out]
        if shared:
            without = f" without {left_out}" if left_out else ""
            title = f"sum of {len(shared)} at {size}{without} (goal {goal:.3f}), {library}"
            rows.append(row(title, sum(t["ru1"] for t in shared), "ms", sum(t[library] for t in shared)))
    others = {name: times["ru1"] for name, times in medians.items() if name != EXEMPT}
    if others:
        slowest = max(others, key=others.__getitem__)
        rows.append(row(f"slowest but {EXEMPT} at {size}: {slowest}, limit", others[slowest], "ms", LIMITS[size]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venvs", type=Path, default=ROOT / "build" / "bench-venvs")
    parser.add_argument("--ids", default=",".join(CORRUPTIONS))
    options, _ = parser.parse_known_args()
    pythons: dict[str, Path | str] = {"ru1": sys.executable}
    pythons |= {library: python_of(library, options.venvs) for library in PINS}
    photo = options.venvs / "photo.npy"
    np.save(photo, data.astronaut())
    contenders = {library: Contender(library, python, photo) for library, python in pythons.items()}
    names = [name for name in options.ids.split(",") if entry_of(name)]
    show([line for size in LIMITS for line in rows_of(measure(contenders, names, size), size)], parser)


main()
