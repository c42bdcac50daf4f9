"""Where a recovery is unsure: the deviation of several draws, the share of unsure area, and boxes around it.

Maps are float32 [H, W] in grey levels (0-255). They say where a model hesitates; a model that is sure of
something wrong has no mark there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ru1_app.domain import Region, Uncertainty, UncertaintyKind
from ru1_app.images import Image8

Map = NDArray[np.float32]
UNSURE = {UncertaintyKind.PREDICTED: 16.0, UncertaintyKind.DEVIATION: 10.0}  # levels from which a pixel counts
"""The error of the embedded recoverer is about 1.0 times its predicted scale and 1.6 times its deviation."""
MAX_REGIONS = 5
LEAST_AREA = 0.002  # of the image; smaller spots get no box


def deviation(draws: Sequence[Image8]) -> Map:
    """Standard deviation over K >= 2 RGB uint8 draws [H, W, 3] per pixel, mean over channels."""
    if len(draws) < 2:
        raise ValueError("a deviation needs at least two draws")
    total = np.zeros(draws[0].shape, np.float64)
    squares = np.zeros(draws[0].shape, np.float64)
    for draw in draws:
        values = draw.astype(np.float64)
        total += values
        squares += values * values
    variance = squares / len(draws) - (total / len(draws)) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0)).mean(axis=-1), np.float32)


def summarise(values: Any, kind: UncertaintyKind) -> Uncertainty:
    """The share of unsure pixels of a map [H, W] in levels, and boxes around the least sure parts, worst first."""
    levels = np.asarray(values, np.float32)
    share = float((levels >= UNSURE[kind]).mean())
    return Uncertainty(kind, round(share, 4), least_sure(levels, UNSURE[kind]))


def least_sure(levels: Map, threshold: float) -> tuple[Region, ...]:
    """Boxes around connected parts of the smoothed map that reach `threshold`, by their summed excess.

    Where a large part of the image does, the threshold rises to the map's 90th percentile, so that boxes
    point at something.
    """
    height, width = levels.shape
    smooth = cv2.GaussianBlur(levels, (0, 0), max(min(height, width) / 64, 0.5))
    cut = max(threshold, float(np.percentile(smooth, 90)) + 1e-3)  # a plateau does not count as standing out
    count, labels, stats, _ = cv2.connectedComponentsWithStats((smooth >= cut).astype(np.uint8))
    excess = np.bincount(labels.ravel(), weights=(smooth - cut).ravel(), minlength=count)
    big = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= LEAST_AREA * height * width]
    worst = sorted(big, key=lambda k: -excess[k])[:MAX_REGIONS]
    return tuple(_region(stats[k], width, height) for k in worst)


def _region(stats: Any, width: int, height: int) -> Region:
    left, top, wide, high = (int(value) for value in stats[:4])
    x0, y0, x1, y1 = left / width, top / height, (left + wide) / width, (top + high) / height
    return Region(round(x0, 4), round(y0, 4), round(x1, 4), round(y1, 4))
