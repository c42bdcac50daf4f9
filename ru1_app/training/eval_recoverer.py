"""Measures a recoverer on photos it never saw: the corruptions of `REPORTED` at low, mid and high, and clean input.

    python -m ru1_app.training.eval_recoverer --model DIR --photos DIR [--every 1] [--write]

Per cell the mean SSIM and PSNR of corrupted and recovered; over the mid cells the correlation (Pearson,
pixels pooled, one value per 4x4 cell) of the predicted scale with the true error, which decides
whether the page shows the uncertainty map. `--write` puts `evaluation.json` beside the weights.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from ru1_app.config import Settings
from ru1_app.corruptions import LEVELS, CorruptionSpec, CorruptionStep, corrupt
from ru1_app.images import Image8
from ru1_app.intake import read_file
from ru1_app.models.base import Recovered, Recoverer, RecoverRequest
from ru1_app.models.embedded.adapter import load
from ru1_app.scoring.base import Pair
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.ssim import SSIM
from ru1_app.training.config import REPORTED
from ru1_app.training.data import SUFFIXES

SCORERS = (SSIM, PsnrScorer())


class Correlation:
    """Pooled Pearson correlation, fed in parts."""

    def __init__(self) -> None:
        self._sums = np.zeros(6)

    def add(self, x: Any, y: Any) -> None:
        """Two arrays of one shape."""
        a, b = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
        self._sums += [a.size, a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum()]

    @property
    def value(self) -> float | None:
        """In [-1, 1]; None when either side never varied."""
        n, a, b, aa, bb, ab = self._sums
        spread = (n * aa - a * a) * (n * bb - b * b)
        return float((n * ab - a * b) / np.sqrt(spread)) if spread > 0 else None


def recover(recoverer: Recoverer, image: Image8, steps: int) -> Recovered:
    """The recovery of one image."""
    events = recoverer.recover(RecoverRequest(image, seed=0, steps=steps))
    return next(event for event in events if isinstance(event, Recovered))


def measure(
    recoverer: Recoverer,
    photos: Sequence[Image8],
    step: CorruptionStep | None,
    steps: int,
    unsure: Correlation | None,
) -> dict[str, float]:
    """Mean SSIM and PSNR before and after for one cell; photo k is corrupted with seed k."""
    before: list[Pair] = []
    after: list[Pair] = []
    for seed, clean in enumerate(photos):
        damaged = clean if step is None else corrupt(clean, CorruptionSpec((step,), seed))
        done = recover(recoverer, damaged, steps)
        before.append(Pair(damaged, clean))
        after.append(Pair(done.images[0], clean))
        if unsure is not None and done.uncertainty is not None:
            unsure.add(_cells(done.uncertainty), _cells(_error(done.images[0], clean)))
    row: dict[str, float] = {}
    for scorer in SCORERS:
        for side, pairs in (("corrupted", before), ("recovered", after)):
            values = [s.value for s in scorer.score(pairs) if s.value is not None]
            if values:
                row[f"{scorer.spec.name}_{side}"] = round(float(np.mean(values)), 4)
    return row


def _error(image: Image8, clean: Image8) -> Any:
    return np.abs(image.astype(np.float32) - clean.astype(np.float32)).mean(2)


def _cells(field: Any) -> Any:
    height, width = field.shape
    return cv2.resize(field, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)


def evaluate(recoverer: Recoverer, photos: Sequence[Image8], *, steps: int = 1) -> dict[str, Any]:
    """All cells, the means over the corruptions per level, clean input, and the map's correlation."""
    unsure = Correlation()
    cells: dict[str, dict[str, Any]] = {}
    for name in tqdm(REPORTED, unit="corruption"):
        cells[name] = {
            level: measure(recoverer, photos, CorruptionStep(name, severity), steps, unsure if level == "mid" else None)
            for level, severity in LEVELS.items()
        }
    gains = {
        level: round(
            float(np.mean([r[level]["ssim_recovered"] - r[level]["ssim_corrupted"] for r in cells.values()])),
            4,
        )
        for level in LEVELS
    }
    return {
        "photos": len(photos),
        "steps": steps,
        "model": recoverer.ref.revision,
        "mean_ssim_gain": gains,
        "clean": measure(recoverer, photos, None, steps, None),
        "corruptions": cells,
        "uncertainty": {
            "correlation": None if unsure.value is None else round(unsure.value, 4),
            "level": "mid",
        },
    }


def table(result: dict[str, Any]) -> str:
    """The result as a Markdown table for the model card; PSNR is inf where no photo was changed at all."""
    lines = ["| corruption | " + " | ".join(f"SSIM {x} | PSNR {x}" for x in LEVELS) + " |", "|---" * 7 + "|"]
    for name, levels in result["corruptions"].items():
        cells = [
            f"{row['ssim_corrupted']:.3f} → {row['ssim_recovered']:.3f} | "
            f"{row.get('psnr_corrupted', math.inf):.1f} → {row.get('psnr_recovered', math.inf):.1f}"
            for row in levels.values()
        ]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder of validation photos")
    parser.add_argument("--every", type=int, default=1, help="use every n-th photo")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write evaluation.json into the model folder")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.photos.rglob("*") if p.suffix.lower() in SUFFIXES)[:: arguments.every]
    photos = [read_file(path, Settings()).image for path in paths]
    result = evaluate(load(arguments.model, show_uncertainty=True), photos, steps=arguments.steps)
    print(table(result))
    print(json.dumps({key: value for key, value in result.items() if key != "corruptions"}, indent=2))
    if arguments.write:
        (arguments.model / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
