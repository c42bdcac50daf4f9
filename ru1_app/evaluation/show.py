"""Runs and comparisons as lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ru1_app.evaluation.table import CONDITIONS, SCORES

Row = Mapping[str, Any]


def number(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """A figure with its digits; a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return text.replace("-", "−")


def interval(row: Row | None, digits: int = 3, *, sign: bool = False, factor: float = 1) -> str:
    """`0.812 (0.800 to 0.824)`; without the interval where there is none."""
    if not row or row.get("mean") is None:
        return "–"
    mean = number(row["mean"] * factor, digits, sign=sign)
    if row.get("low") is None:
        return mean
    low, high = (number(row[end] * factor, digits, sign=sign) for end in ("low", "high"))
    return f"{mean} ({low} to {high})"


def lines(run: Row) -> list[str]:
    """The main figures of a run."""
    found, head = run["summary"], run["header"]
    out = [f"{head['name']}: recoverer {head['recoverer']['revision']}, answerer {head['answerer']['revision']}"]
    for part in ("photos", "scenes"):
        for level, row in {"clean": found[part]["clean"], **found[part]["levels"]}.items():
            told = "  ".join(f"{name} {_change(row, name)}" for name in SCORES)
            out.append(f"{part:7} {level:5}  {told}")
    for level, row in {"clean": found["answers"]["clean"], **found["answers"]["levels"]}.items():
        right = "  ".join(f"{c} {interval(row.get(f'right/{c}'), 1, factor=100)} %" for c in CONDITIONS)
        misled = interval(row.get("misleading/recovered"), 1, factor=100)
        found_gone = interval(row.get("cannot_tell_gone/both"), 1, factor=100)
        out.append(f"answers {level:5}  {right}  misleading {misled} %  cannot tell where it is gone {found_gone} %")
    for way, row in found["covered"].items():
        for told in ("gone", "seen"):
            shares = "  ".join(
                f"{c} {interval(row.get(f'cannot_tell_{told}/{c}'), 1, factor=100)} %" for c in CONDITIONS
            )
            out.append(f"covered, {way}, {told}: cannot tell  {shares}")
    for kind, row in found["uncertainty"]["maps"].items():
        out.append(f"{kind}: rank correlation with the error {interval(row['pooled'], 2)}")
    if found["latency"]:
        took = found["latency"]
        out.append(f"recovery {took['recover_seconds']} s, whole run {took['run_seconds']} s, {took['peak_mb']} MB")
    return out


def comparison(found: Row) -> list[str]:
    """The differences, with whether they can be told from 0."""
    out = [f"{found['second']['name']} minus {found['first']['name']}"]
    for part in ("photos", "scenes", "answers"):
        for level, rows in found[part].items():
            for column, row in rows.items():
                verdict = "excludes 0" if row["excludes_0"] else "includes 0"
                out.append(f"{part:7} {level:5} {column:18} {interval(row, 4, sign=True):32} {verdict}")
    return out


def _change(row: Row, name: str) -> str:
    digits = 1 if name == "psnr" else 3
    before, after = (row.get(f"{name}/{side}", {}).get("mean") for side in ("corrupted", "recovered"))
    return f"{number(before, digits)} → {number(after, digits)}"
