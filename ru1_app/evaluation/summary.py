"""The figures of a run: means with intervals, by level, by corruption, by kind of question; uncertainty pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ru1_app.corruptions import LEVELS
from ru1_app.evaluation import unsure
from ru1_app.evaluation.bootstrap import DIGITS, estimates
from ru1_app.evaluation.journal import Row
from ru1_app.evaluation.measure import MAPS
from ru1_app.evaluation.plan import CHAINS, CLEAN, NONE, PAINT, Part
from ru1_app.evaluation.table import Cells, Table, answers, scores, texts

ALL = "all"


def summary(cells: Cells) -> dict[str, Any]:
    """Everything that a report shows of one run; the same cells give the same figures."""
    photos, scenes, asked = scores(cells, Part.PHOTOS), scores(cells, Part.SCENES), answers(cells)
    written, covered = texts(cells), answers(cells, Part.COVERED)
    kinds = list(dict.fromkeys(map(str, asked.kinds)))
    return {
        "photos": {**_grouped(photos), "corruptions": _by_corruption(photos)},
        "scenes": {**_grouped(scenes), "corruptions": _by_corruption(scenes)},
        "answers": {
            **_grouped(asked),
            "corruptions": _by_corruption(asked),
            "kinds": {kind: _grouped(asked.where(kind=kind)) for kind in kinds},
        },
        "covered": {
            "corrupted": _plain(covered.where(named=CHAINS)),
            "painted": _plain(covered.where(corruption=PAINT)),
        },
        "texts": {CLEAN: _plain(written.where(levels=[NONE])), "mid": _plain(written.where(levels=["mid"]))},
        "uncertainty": uncertainty(
            [item for name, rows in cells.items() if name.startswith(Part.UNSURE) for item in rows]
        ),
        "latency": next(iter(cells.get("latency", ())), None),
    }


def _plain(table: Table) -> dict[str, Any]:
    return {name: value.as_dict() for name, value in table.estimates().items()}


def _grouped(table: Table) -> dict[str, Any]:
    """Clean input, each level, and all levels together."""
    levels = {level: _plain(table.where(levels=[level])) for level in LEVELS}
    return {CLEAN: _plain(table.where(levels=[NONE])), "levels": levels | {ALL: _plain(table.where(levels=[*LEVELS]))}}


def _by_corruption(table: Table) -> dict[str, Any]:
    names = [name for name in dict.fromkeys(map(str, table.corruptions)) if name != CLEAN]
    return {
        name: {level: _plain(own.where(levels=[level])) for level in LEVELS} | {ALL: _plain(own)}
        for name in names
        for own in [table.where(corruption=name)]
    }


def uncertainty(items: Sequence[Row]) -> dict[str, Any]:
    """Rank correlation and sparsification of each map: means over images, and of squares pooled over all images."""
    kinds = [kind for kind in MAPS if items and all(kind in item["squares"] for item in items)]
    return {"images": len(items), "maps": {kind: _map(items, kind) for kind in kinds}, "curves": _curves(items, kinds)}


def _map(items: Sequence[Row], kind: str) -> dict[str, Any]:
    names = np.array([item["id"] for item in items])
    columns = {
        "spearman": np.array([item["spearman"][kind] for item in items], np.float64),
        "ause": np.array([item["ause"][kind] for item in items], np.float64),
        "ause_random": np.array([item["ause_random"] for item in items], np.float64),
    }
    x, y, clusters = _pooled(items, kind), _pooled(items, "error"), np.repeat(names, _sizes(items))
    pooled, interval = unsure.spearman(x, y), unsure.spearman_interval(x, y, clusters)
    low, high = interval or (None, None)
    return {
        "per_image": {name: value.as_dict() for name, value in estimates(columns, names).items()},
        "pooled": {
            "mean": None if pooled is None else round(pooled, DIGITS), "low": low, "high": high,
            "n": len(x), "clusters": len(set(names)),
        },
    }  # fmt: skip


def _curves(items: Sequence[Row], kinds: Sequence[str]) -> Mapping[str, Any]:
    """The sparsification of the pooled squares, for the figure; `random` is 1 throughout."""
    if not items:
        return {}
    error = _pooled(items, "error")
    found = {kind: unsure.sparsification(error, _pooled(items, kind)) for kind in kinds}
    found["oracle"] = unsure.sparsification(error, error)
    rows = {name: np.round(curve, DIGITS).tolist() for name, curve in found.items()}
    area = {name: round(unsure.ause(found[name], found["oracle"]), DIGITS) for name in kinds}
    area["random"] = round(unsure.ause(np.ones_like(found["oracle"]), found["oracle"]), DIGITS)
    return {"removed": list(unsure.REMOVED), **rows, "random": [1.0] * len(unsure.REMOVED), "ause": area}


def _pooled(items: Sequence[Row], name: str) -> unsure.Values:
    return np.concatenate([np.asarray(item["squares"][name], np.float64) for item in items])


def _sizes(items: Sequence[Row]) -> list[int]:
    return [len(item["squares"]["error"]) for item in items]
