"""The three figures of the page, from the summary of a run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ru1_app.corruptions import LEVELS
from ru1_app.evaluation.page import Row
from ru1_app.evaluation.show import number
from ru1_app.evaluation.svg import Point, Scale, around, box, curve, document, line, text, upright
from ru1_app.evaluation.table import CONDITIONS
from ru1_app.evaluation.targets import Targets

WIDTH = 760
_PITCH = 17  # pixels from bar to bar
_COLOURS = dict(zip(CONDITIONS, ("grey", "blue", "orange"), strict=True))
_CURVES = {"random": "grey dotted", "deviation": "orange dashed", "predicted": "blue", "oracle": "ink"}
_CURVE_NAMES = {
    "random": "at random",
    "deviation": "deviation of draws",
    "predicted": "predicted map",
    "oracle": "the error itself",
}


def gains(corruptions: Mapping[str, Row], targets: Targets) -> str | None:
    """PSNR gain of each corruption of photos at mid severity, greatest first; None where none was measured."""
    found = {name: row.get("psnr/gain") for name, row in corruptions.items()}
    known = sorted(((name, row) for name, row in found.items() if row), key=lambda pair: (-pair[1]["mean"], pair[0]))
    if not known:
        return None
    ends = [end for _, row in known for end in (row["mean"], row["low"], row["high"]) if end is not None]
    top, bottom = 66, 66 + _PITCH * len(known)
    x = Scale(*around([*ends, *(targets.psnr.get(name, 0) for name, _ in known)], 8), 150, WIDTH - 24)
    title = "PSNR gain by corruption, photos at mid severity"
    parts = [text((16, 24), title, kind="title"), *_bar_legend()]
    for tick in x.ticks(8):
        parts.append(line((x(tick), top), (x(tick), bottom), "grid" if tick else "axis"))
        parts.append(text((x(tick), bottom + 16), number(tick, 0 if x.ticks(8)[1] % 1 == 0 else 1), "middle"))
    for k, (name, row) in enumerate(known):
        parts += _bar(x, top + _PITCH * (k + 0.5), name, row, targets.psnr.get(name))
    parts.append(text((x((x.low + x.high) / 2), bottom + 36), "PSNR gain, dB", "middle"))
    return document(WIDTH, bottom + 48, title, parts)


def _bar(x: Scale, middle: float, name: str, row: Row, target: float | None) -> Iterator[str]:
    yield text((142, middle + 4), name, "end")
    yield box((x(0), middle - 6), (x(row["mean"]), middle + 6), "blue" if row["mean"] >= 0 else "orange")
    if row["low"] is not None:
        yield line((x(row["low"]), middle), (x(row["high"]), middle), "whisker")
        yield from (line((x(row[end]), middle - 3), (x(row[end]), middle + 3), "whisker") for end in ("low", "high"))
    if target is not None:
        yield line((x(target), middle - 7.5), (x(target), middle + 7.5), "mark")


def _bar_legend() -> list[str]:
    places = ((150, "gain", "blue"), (230, "loss", "orange"))
    parts = [part for x, said, kind in places for part in (box((x, 38), (x + 14, 50), kind), text((x + 20, 48), said))]
    parts += [line((310, 44), (330, 44), "whisker"), text((338, 48), "95 % interval")]
    return [*parts, line((450, 37), (450, 51), "mark"), text((460, 48), "target")]


def sparsification(run: Row) -> str | None:
    """The mean error that is left when the least sure pixels are taken away; None where it was not measured."""
    found = run["summary"]["uncertainty"]["curves"]
    if not found:
        return None
    shown = [name for name in _CURVES if name in found]
    removed = [100 * share for share in found["removed"]]
    x = Scale(0, 100, 64, WIDTH - 24)
    y = Scale(*around(value for name in shown for value in found[name]), 330, 72)
    title = "Error left when the least sure pixels are taken away"
    parts = [text((16, 24), title, kind="title"), *_frame(x, y, "pixels taken away, %", "mean error of the rest")]
    parts += [text((x(tick), y.start + 18), number(tick, 0), "middle") for tick in x.ticks(10)]
    for k, name in enumerate(shown):
        parts.append(curve([(x(r), y(v)) for r, v in zip(removed, found[name], strict=True)], _CURVES[name]))
        at = 64 + 165 * k
        parts += [curve([(at, 46), (at + 30, 46)], _CURVES[name]), text((at + 36, 50), _CURVE_NAMES[name])]
    return document(WIDTH, 380, title, parts)


def answers(run: Row) -> str:
    """Right answers from the corrupted scene, the recovered one, and both, clean and at each level."""
    found = run["summary"]["answers"]
    groups = [("clean", found["clean"]), *((level, found["levels"][level]) for level in LEVELS)]
    y = Scale(0, 100, 330, 72)
    title = "Right answers by level, and by what the answerer sees"
    room = Scale(0, len(groups), 64, WIDTH - 24)
    parts = [text((16, 24), title, kind="title"), *_frame(room, y, "level of the corruption", "right answers, %")]
    for k, (level, row) in enumerate(groups):
        parts.append(text((room(k + 0.5), y.start + 18), level, "middle"))
        parts += _group(room(k + 0.5), y, [(_COLOURS[c], row.get(f"right/{c}")) for c in CONDITIONS])
    for k, condition in enumerate(CONDITIONS):
        at = 64 + 120 * k
        parts += [box((at, 40), (at + 14, 52), _COLOURS[condition]), text((at + 20, 50), condition)]
    at = 64 + 120 * len(CONDITIONS)
    parts += [line((at, 46), (at + 20, 46), "whisker"), text((at + 28, 50), "95 % interval")]
    return document(WIDTH, 380, title, parts)


def _group(middle: float, y: Scale, bars: Sequence[tuple[str, Row | None]], width: float = 38) -> Iterator[str]:
    for k, (colour, row) in enumerate(bars):
        left = middle + (k - len(bars) / 2) * width
        if not row:
            continue
        yield box((left + 2, y(0)), (left + width - 2, y(100 * row["mean"])), colour)
        if row["low"] is not None:
            at, ends = left + width / 2, [y(100 * row[end]) for end in ("low", "high")]
            yield line((at, ends[0]), (at, ends[1]), "whisker")
            yield from (line((at - 4, end), (at + 4, end), "whisker") for end in ends)


def _frame(x: Scale, y: Scale, below: str, beside: str) -> Iterator[str]:
    """Grid, figures and names of the axes; the figures of the x axis are the caller's."""
    digits = 0 if y.high > 10 else 1
    for tick in y.ticks(5):
        yield line((x.start, y(tick)), (x.end, y(tick)), "grid" if tick else "axis")
        yield text((x.start - 8, y(tick) + 4), number(tick, digits), "end")
    ends: tuple[Point, Point] = ((x.start, y.start), (x.start, y.end))
    yield line(*ends, "axis")
    yield text(((x.start + x.end) / 2, y.start + 38), below, "middle")
    yield upright((20, (y.start + y.end) / 2), beside)
