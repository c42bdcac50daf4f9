"""Measures the embedded CLIP on photos it never saw: does similarity fall as an image changes more?

    python -m ru1_app.training.eval_clip --model DIR --photos DIR

A quadruple is an image, a light and a strong corruption of it (severity 0.2 and 1.0), and another photo.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.images import Image8
from ru1_app.intake import read_file
from ru1_app.scoring.clip import ClipScorer, load_embedded
from ru1_app.training.config import TRAINED
from ru1_app.training.data import SUFFIXES


def ordering(scorer: ClipScorer, photos: Sequence[Image8]) -> dict[str, Any]:
    """Share of quadruples in order, whole and by pair; photo k meets corruption k mod 12 and photo k - 1."""
    clean = scorer.embed(photos)
    views = {}
    for severity in (0.2, 1.0):
        specs = [CorruptionSpec.of(TRAINED[k % len(TRAINED)], severity, k) for k in range(len(photos))]
        damaged = [corrupt(photo, spec) for photo, spec in zip(tqdm(photos), specs, strict=True)]
        views[severity] = scorer.embed(damaged)
    light, strong = ((clean * views[severity]).sum(1) for severity in (0.2, 1.0))
    other = (clean * np.roll(clean, 1, axis=0)).sum(1)
    ordered = (light > strong) & (strong > other)
    return {
        "quadruples": len(photos),
        "in_order": round(float(ordered.mean()), 4),
        "light_above_strong": round(float((light > strong).mean()), 4),
        "strong_above_other": round(float((strong > other).mean()), 4),
        "mean_cosine": {
            "light": round(float(light.mean()), 4),
            "strong": round(float(strong.mean()), 4),
            "other": round(float(other.mean()), 4),
        },
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder of validation photos")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.photos.rglob("*") if p.suffix.lower() in SUFFIXES)
    photos = [read_file(path, Settings()).image for path in paths]
    print(json.dumps(ordering(load_embedded(arguments.model), photos), indent=2))


if __name__ == "__main__":
    main()
