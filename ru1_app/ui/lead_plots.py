"""The plots of the lead's page as SVG, drawn into the page's own colours (`lead.css`). Pure; each says its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ru1_app.agreement.table import Agreement
from ru1_app.evaluation.svg import Scale, box, line, nice_step, text

WIDTH, ROW = 220.0, 34.0
LEAST = -0.25  # of the scale of coefficients; what lies below is drawn at the edge
SCALE = Scale(LEAST, 1.0, 8, WIDTH - 8)


def shares(counts: Sequence[tuple[str, str, int]]) -> str:
    """A bar of parts, each (label, kind, count), with a legend that has the numbers."""
    total = sum(count for *_, count in counts) or 1
    parts = "".join(
        f'<i class="lead-state-{kind}" style="flex-grow:{count}" '
        f'title="{escape(label)}: {count:,} ({count / total:.0%})"></i>'
        for label, kind, count in counts
        if count
    )
    legend = "".join(
        f'<li><i class="lead-state-{kind}"></i>{escape(label)} <b>{count:,}</b></li>' for label, kind, count in counts
    )
    return f'<div class="lead-shares" aria-hidden="true">{parts}</div><ul class="lead-legend">{legend}</ul>'


def days(per_day: Sequence[tuple[str, int]]) -> str:
    """Bars of a count for each day, in order."""
    left, top, height, foot = 34.0, 14.0, 120.0, 22.0
    slot = min(40.0, max(16.0, 640 / max(1, len(per_day))))
    width = left + slot * len(per_day) + 10
    most = max(count for _, count in per_day) or 1
    step = max(1.0, nice_step(most / 3))
    up = Scale(0, max(step, -(-most // step) * step), top + height, top)
    parts = [line((left, up(k * step)), (width - 6, up(k * step)), "grid") for k in range(int(up.high / step) + 1)]
    parts += [
        text((left - 6, up(k * step) + 4), f"{k * step:,.0f}", "end", "small") for k in range(int(up.high / step) + 1)
    ]
    every = max(1, -(-len(per_day) * 46 // int(slot * len(per_day))))
    for number, (day, count) in enumerate(per_day):
        x = left + slot * number
        bar = box((x + 2, up(0)), (x + slot - 2, up(count)), "bar") if count else ""
        parts.append(f"<g><title>{day}: {count:,} judgements</title>{bar}{_catch(x, top, slot, height)}</g>")
        if number % every == 0:
            parts.append(text((x + slot / 2, top + height + 16), day[5:], "middle", "small"))
    told = ", ".join(f"{day}: {count}" for day, count in per_day if count) or "none"
    return f'<div class="lead-scroll">{_figure(width, top + height + foot, f"Judgements a day. {told}", parts)}</div>'


def _catch(x: float, y: float, width: float, height: float) -> str:
    """An unseen place to point at: a small bar is hard to hit."""
    return box((x, y), (x + width, y + height), "catch")


def scale() -> str:
    """The scale above the plots of a table, with what the two marks are."""
    parts = [text((SCALE(k), 27), f"{k:g}".replace("-", "−"), "middle", "small") for k in (0.0, 0.5, 1.0)]
    parts += [_mark((12, 8), "alpha"), text((22, 12), "alpha", "start", "small")]
    parts += [_mark((72, 8), "ac1"), text((82, 12), "AC1, both with intervals", "start", "small")]
    return _figure(WIDTH, 32, "Scale of the plots below, from −0.25 to 1: a dot is alpha, a square is AC1", parts)


def intervals(label: str, alpha: Agreement, ac1: Agreement) -> str:
    """A dot for alpha above a square for AC1, each on its interval."""
    parts = [line((SCALE(k), 2), (SCALE(k), ROW - 2), "grid") for k in (0.0, 0.5, 1.0)]
    told = []
    for name, kind, found, y in (("alpha", "alpha", alpha, ROW * 0.32), ("AC1", "ac1", ac1, ROW * 0.7)):
        if found.value is None:
            told.append(f"{name} none")
            continue
        told.append(f"{name} {found.value:.2f}")
        if found.low is not None and found.high is not None:
            told[-1] += f" from {found.low:.2f} to {found.high:.2f}"
            parts.append(line((_at(found.low), y), (_at(found.high), y), f"whisker {kind}"))
        parts.append(_mark((_at(found.value), y), kind))
    return _figure(WIDTH, ROW, f"{label}: {', '.join(told)}", parts)


def share(value: float, low: float, high: float, label: str) -> str:
    """A share of 0-1 as a tick on the bar of its interval."""
    along = Scale(0, 1, 2, 98)
    parts = [box((2, 5), (98, 11), "rail"), box((along(low), 4), (along(high), 12), "reach")]
    parts.append(line((along(value), 1), (along(value), 15), "tick"))
    return _figure(100, 16, f"{label}: {value:.0%} right on gold, 95 % interval from {low:.0%} to {high:.0%}", parts)


def _at(value: float) -> float:
    return SCALE(max(LEAST, min(1.0, value)))


def _mark(at: tuple[float, float], kind: str) -> str:
    x, y = at
    if kind == "alpha":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="alpha"/>'
    return box((x - 4, y - 4), (x + 4, y + 4), "ac1")


def _figure(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="lead-figure" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
