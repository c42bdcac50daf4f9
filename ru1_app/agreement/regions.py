"""How well the boxes agree that raters drew on one image.

Boxes of two raters are paired one to one: as many pairs as can be with an intersection over union (IoU) of 0.5 or more
(the threshold of Everingham et al., "The PASCAL Visual Object Classes challenge", IJCV 88, 2010), and
among these pairings the one with the greatest sum of IoU (Kuhn, "The Hungarian method", 1955). So both figures are the
same whichever rater comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ru1_app.agreement.table import Float
from ru1_app.domain import Region

THRESHOLD = 0.5
_ROUNDING = 1e-9
POINT = 0.04  # side of the box around a point, in fractions of the image


@dataclass(frozen=True, slots=True)
class RegionAgreement:
    """How well the boxes of two raters agree; of several raters, the means over their pairs.

    Attributes:
        pairs: (box of the first, box of the second, IoU in (0, 1]), by the first; empty for several raters.
        mean_iou: sum of the pairs' IoU over pairs and boxes left alone, in [0, 1]: a box without partner counts as 0.
        f1: 2 pairs with IoU >= 0.5 / boxes of both, in [0, 1].
    """

    pairs: tuple[tuple[int, int, float], ...]
    mean_iou: float
    f1: float


def point(x: float, y: float, category: str | None = None, side: float = POINT) -> Region:
    """A point as the small box around it, cut at the image's edge; `x` and `y` in [0, 1], `side` in (0, 1]."""
    half = side / 2
    return Region(max(0.0, x - half), max(0.0, y - half), min(1.0, x + half), min(1.0, y + half), category)


def iou_matrix(left: Sequence[Region], right: Sequence[Region]) -> Float:
    """Intersection over union [len(left), len(right)] of every two boxes, in [0, 1]."""
    a, b = _corners(left)[:, None], _corners(right)[None]
    overlap = (np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])).clip(0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clip(0).prod(-1) for box in (a, b)]
    union = areas[0] + areas[1] - overlap
    ious: Float = overlap / np.where(union > 0, union, 1)
    return ious


def compare(left: Sequence[Region], right: Sequence[Region], *, categories: bool = False) -> RegionAgreement:
    """The agreement of two raters' boxes on one image: 1 where neither drew any, 0 where one did.

    Args:
        left: boxes of one rater.
        right: boxes of the other.
        categories: whether only boxes of the same category can be paired.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    if not left and not right:
        return RegionAgreement((), 1.0, 1.0)
    ious = iou_matrix(left, right)
    if categories:
        same = np.asarray([[one.category == other.category for other in right] for one in left], bool)
        ious = ious * same.reshape(ious.shape)
    close = ious >= THRESHOLD - _ROUNDING
    rows, columns = linear_sum_assignment(ious + close * (min(ious.shape) + 1), maximize=True)
    pairs = tuple((int(i), int(j), float(ious[i, j])) for i, j in zip(rows, columns, strict=True) if ious[i, j] > 0)
    boxes, hits = len(left) + len(right), int(close[rows, columns].sum())
    return RegionAgreement(pairs, sum(iou for _, _, iou in pairs) / (boxes - len(pairs)), 2 * hits / boxes)


def compare_raters(boxes: Mapping[str, Sequence[Region]], *, categories: bool = False) -> RegionAgreement | None:
    """The mean over all pairs of raters of one image, whose boxes are given by rater; of fewer than two, None.

    A rater who looked and drew nothing belongs in `boxes`, with no boxes.
    """
    found = [compare(one, other, categories=categories) for one, other in combinations(boxes.values(), 2)]
    if not found:
        return None
    return RegionAgreement(
        (), sum(pair.mean_iou for pair in found) / len(found), sum(pair.f1 for pair in found) / len(found)
    )


def _corners(boxes: Sequence[Region]) -> Float:
    return np.asarray([(box.x0, box.y0, box.x1, box.y1) for box in boxes], np.float64).reshape(-1, 4)
