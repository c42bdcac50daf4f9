"""Two runs on the same inputs, row by row: what changed, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ru1_app.corruptions import LEVELS
from ru1_app.errors import InvalidInput
from ru1_app.evaluation.bootstrap import Estimate, paired
from ru1_app.evaluation.plan import Part
from ru1_app.evaluation.table import CONDITIONS, SCORES, Table, answers, scores

ALL = "all"
Document = Mapping[str, Any]


def compare(first: Document, second: Document) -> dict[str, Any]:
    """Differences `second - first` of recoveries and answers, by level and over all levels, each with its interval.

    Raises:
        InvalidInput: the runs had other inputs or another CLIP, or share no row.
    """
    comparable(first, second)
    out: dict[str, Any] = {"first": _who(first), "second": _who(second)}
    for part in (Part.PHOTOS, Part.SCENES):
        one, two = aligned(scores(first["cells"], part), scores(second["cells"], part))
        out[part.value] = _levels(one, two, [f"{name}/recovered" for name in SCORES])
    one, two = aligned(answers(first["cells"]), answers(second["cells"]))
    out["answers"] = _levels(one, two, [f"right/{condition}" for condition in CONDITIONS])
    return out


def comparable(first: Document, second: Document) -> None:
    """Refuse runs that did not see the same pictures, or whose CLIP scores have another scale.

    Raises:
        InvalidInput: they differ; the message says in what.
    """
    one, two = ({**run["header"]["inputs"], "clip": run["header"]["clip"]} for run in (first, second))
    if other := [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)]:
        told = "; ".join(f"{name} is {one.get(name)!r} and {two.get(name)!r}" for name in sorted(other))
        raise InvalidInput(f"The runs cannot be compared: {told}. Measure both with the same settings and CLIP.")


def aligned(first: Table, second: Table) -> tuple[Table, Table]:
    """The rows that both have, in one order.

    Raises:
        InvalidInput: there is none.
    """
    places = {key: row for row, key in enumerate(second.keys())}
    shared = [(row, places[key]) for row, key in enumerate(first.keys()) if key in places]
    if not shared:
        raise InvalidInput("The runs cannot be compared: they share no measurement. Measure both to their end.")
    return first.take([row for row, _ in shared]), second.take([row for _, row in shared])


def difference(first: Table, second: Table, column: str, other: str = "") -> Estimate | None:
    """The mean of `second`'s column (`other`, if given) minus `first`'s, of aligned tables."""
    return paired(first.columns[column], second.columns[other or column], first.images)


def relative(first: Table, second: Table, column: str) -> Estimate | None:
    """The same as a share of the first run's mean, 0.01 = 1 % higher."""
    found, base = difference(first, second, column), first.estimates().get(column)
    if found is None or base is None or base.mean == 0:
        return None
    low, high = (None if end is None else end / base.mean for end in (found.low, found.high))
    return Estimate(found.mean / base.mean, low, high, found.n, found.clusters)


def _levels(one: Table, two: Table, columns: Sequence[str]) -> dict[str, Any]:
    found = {}
    for level, names in {**{level: [level] for level in LEVELS}, ALL: [*LEVELS]}.items():
        a, b = one.where(levels=names), two.where(levels=names)
        pairs = {column: difference(a, b, column) for column in columns}
        found[level] = {
            column: {**estimate.as_dict(), "excludes_0": estimate.excludes_0}
            for column, estimate in pairs.items()
            if estimate is not None
        }
    return found


def _who(run: Document) -> dict[str, Any]:
    head = run["header"]
    return {"name": head["name"], **{part: head[part]["revision"] for part in ("recoverer", "answerer")}}
