"""Markdown and the cells of its tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ru1_app.evaluation.show import interval, number

Row = Mapping[str, Any]
LABELS = {"psnr": "PSNR, dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "clip": "CLIP cosine", "reward": "reward"}
"""What the scores are called, in the order of the tables."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table whose first columns, `words` of them, are words and whose others are figures."""
    rule = [*["---"] * words, *["---:"] * (len(heads) - words)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def code(word: str) -> str:
    """A name of the program."""
    return f"`{word}`"


def page(blocks: Iterable[str]) -> str:
    """Paragraphs, headings and tables with an empty line between them; what is empty is left out."""
    return "\n\n".join(filter(None, blocks)) + "\n"


def digits(name: str) -> int:
    """How many digits after the point a score is shown with."""
    return 2 if name == "psnr" else 3


def score(rows: Row, name: str, side: str) -> str:
    """The mean of a score on one side, `recovered` say, with its interval; a gain has its sign."""
    return interval(rows.get(f"{name}/{side}"), digits(name), sign=side == "gain")


def mean(rows: Row, name: str, side: str) -> str:
    """The same without the interval."""
    return number(rows.get(f"{name}/{side}", {}).get("mean"), digits(name), sign=side == "gain")


def percent(rows: Row, column: str, *, sign: bool = False) -> str:
    """A share as percent, or a difference of shares as percentage points, with its interval."""
    return interval(rows.get(column), 1, sign=sign, factor=100)


def told_from_0(row: Row | None) -> str:
    """Whether 0 lies outside of the interval; nothing can be told without one."""
    if not row or row.get("low") is None:
        return "–"
    return "yes" if row["low"] > 0 or row["high"] < 0 else "no"


def and_list(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
