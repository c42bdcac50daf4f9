"""Small figures as SVG text: scales, shapes, a document. Pure: the same call gives the same text.

A figure stands on a ground of its own, and its colours follow the reader's light or dark setting, so that it can be
read on either. Lengths are in pixels from the upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Point = tuple[float, float]
STYLE = """
.ground{fill:#fff;stroke:#d0d7de}text{fill:#1f2328;font:12px system-ui,sans-serif}.title{font-weight:600;font-size:14px}
.grid{stroke:#d8dee4}.axis{stroke:#59636e}.whisker{stroke:#1f2328;stroke-width:1.3}.mark{stroke:#1f2328;stroke-width:3}
.curve{fill:none;stroke-width:2.2}.dashed{stroke-dasharray:7 4}.dotted{stroke-dasharray:2 4}
.grey{fill:#8c959f}.blue{fill:#4a9bd4}.orange{fill:#e0822f}
.curve.grey{fill:none;stroke:#6e7781}.curve.blue{fill:none;stroke:#0072b2}.curve.orange{fill:none;stroke:#c05a00}
.curve.ink{stroke:#1f2328}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117;stroke:#3d444d}text{fill:#f0f6fc}.grid{stroke:#2f363d}.axis{stroke:#9198a1}
.whisker,.mark,.curve.ink{stroke:#f0f6fc}.grey{fill:#6e7681}.blue{fill:#2f7fb8}.orange{fill:#c56a1c}
.curve.grey{stroke:#9198a1}.curve.blue{stroke:#58b0ea}.curve.orange{stroke:#f0953f}
}
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 6) -> list[float]:
        """Round values within the range, some `about` of them."""
        step = nice_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def nice_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is `least` or more."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def around(values: Iterable[float], about: int = 6) -> tuple[float, float]:
    """The round range that holds 0 and all values."""
    found = [0.0, *values]
    low, high = min(found), max(found)
    step = nice_step((high - low or 1) / about)
    return math.floor(low / step) * step, max(math.ceil(high / step), math.floor(low / step) + 1) * step


def line(start: Point, end: Point, kind: str) -> str:
    """A straight line."""
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="{kind}"/>'


def box(one: Point, other: Point, kind: str) -> str:
    """A filled rectangle between two opposite corners."""
    (x1, x2), (y1, y2) = (sorted(pair) for pair in zip(one, other, strict=True))
    return f'<rect x="{_n(x1)}" y="{_n(y1)}" width="{_n(x2 - x1)}" height="{_n(y2 - y1)}" class="{kind}"/>'


def text(at: Point, said: str, anchor: str = "start", kind: str = "") -> str:
    """Words; `anchor` is start, middle or end."""
    own = f' class="{kind}"' if kind else ""
    return f'<text x="{_n(at[0])}" y="{_n(at[1])}" text-anchor="{anchor}"{own}>{escape(said)}</text>'


def upright(at: Point, said: str) -> str:
    """Words that are read from below, around their middle."""
    x, y = map(_n, at)
    return f'<text x="{x}" y="{y}" text-anchor="middle" transform="rotate(-90 {x} {y})">{escape(said)}</text>'


def curve(points: Sequence[Point], kind: str) -> str:
    """A line through points."""
    return f'<polyline points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}" class="curve {kind}"/>'


def document(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """The whole figure with its title, which is also what a screen reader says."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" role="img" aria-labelledby="title">'
    )
    ground = f'<rect x="0.5" y="0.5" width="{_n(width - 1)}" height="{_n(height - 1)}" rx="6" class="ground"/>'
    named = f'<title id="title">{escape(title)}</title>'
    return "\n".join([head, named, f"<style>{STYLE}</style>", ground, *parts, "</svg>", ""])


def _n(value: float) -> str:
    """At most one digit after the point, and never `-0`."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
