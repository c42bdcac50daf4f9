"""Shapes the lead's report into HTML: small plots, each with its numbers as text beside it. No Gradio.

Whatever a person wrote is escaped here. Figures that are missing say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from html import escape

from ru1_app.agreement.table import Agreement
from ru1_app.items import ItemState
from ru1_app.rating.lead import Overview
from ru1_app.rating.reports import FieldAgreement, RaterRow, Report
from ru1_app.store.gallery_sql import Card
from ru1_app.ui import gallery_view, lead_plots

Thumb = Callable[[str], str]
DAYS = 30  # of the chart
RARE = (
    "Alpha sets what raters agreed on against what chance alone would give. Where a flag is rare, chance alone gives "
    "nearly full agreement, so a few disagreements bring alpha down although raters almost always say the same; AC1 "
    "stays near the percentage. Read both, with the number of items: the bars are 95 % intervals."
)


def page(overview: Overview, thumb: Thumb) -> str:
    """The whole of the lead's page."""
    report = overview.report
    return (
        _top(overview)
        + _section("progress", "Progress", _progress(report))
        + _section("agreement", "Agreement", _agreement(report))
        + _section("raters", "Raters", _raters(report.raters, overview.names))
        + _section(
            "disputed",
            _counted("Disputed", len(report.disputed)),
            _cases(
                overview.disputed,
                thumb,
                "Raters differ and the overlap is spent: an adjudicator settles these.",
                "Nothing is disputed.",
                "disputed=1",
            ),
        )  # fmt: skip
        + _section(
            "elusive",
            _counted("Elusive", len(report.elusive)),
            _cases(
                overview.elusive,
                thumb,
                "Held true when seen blind, misleading beside the clean image.",
                "Nothing elusive was found so far.",
                "elusive=1",
            ),
        )  # fmt: skip
        + _section("skips", _counted("Skipped", len(overview.skips)), _skips(overview))
        + _section("overlap", "Overlap of an item", _overlap())
    )


def _top(overview: Overview) -> str:
    lines, wrong = overview.audit
    chain = f"chain broken: {escape(wrong)}" if wrong else "chain verifies"
    kept = (
        f"{overview.kept_at:%Y-%m-%d %H:%M} UTC, {overview.kept:,} items"
        if overview.kept_at
        else "never made: the gallery finds nothing by it yet"
    )
    return (
        f'<div class="lead-top"><p><b>Audit log</b> <span class="lead-{"bad" if wrong else "good"}">{lines:,} lines, '
        f"{chain}</span></p><p><b>Consensus</b> {kept} "
        '<button type="button" class="ru1-button" data-lead="recompute">Make it again</button></p>'
        f'<p class="lead-quiet">As of {overview.report.made_at:%Y-%m-%d %H:%M} UTC '
        '<button type="button" class="ru1-button" data-lead="refresh">Refresh</button></p></div>'
    )


def _section(name: str, title: str, body: str) -> str:
    return f'<section class="lead-part" id="lead-{name}"><h2>{title}</h2>{body}</section>'


def _counted(title: str, count: int) -> str:
    return f'{title} <span class="lead-count">{count:,}</span>'


def _progress(report: Report) -> str:
    counts = [(gallery_view.STATES[state], state.value, report.states.get(state.value, 0)) for state in ItemState]
    total = sum(count for *_, count in counts)
    if not total:
        return '<p class="lead-quiet">The queue is empty. Fill it with <code>ru1 queue fill</code>.</p>'
    done = sum(report.states.get(state, 0) for state in ("done", "adjudicated"))
    words = f"<b>{done:,}</b> of {total:,} items are judged ({done / total:.0%})."
    days = _days(report.per_day)
    most = f"{sum(report.per_day.values()):,} judgements in all, {days[-1][1]:,} on the last day"
    return (
        f"<p>{words}</p>{lead_plots.shares(counts)}"
        f"<h3>Judgements a day</h3>{lead_plots.days(days)}<p class='lead-quiet'>{most}; gold and repeats count too.</p>"
    )


def _days(per_day: Mapping[str, int]) -> list[tuple[str, int]]:
    """The last days in order, those without a judgement too."""
    if not per_day:
        return [(datetime.now(UTC).date().isoformat(), 0)]
    last = date.fromisoformat(max(per_day))
    first = max(date.fromisoformat(min(per_day)), last - timedelta(days=DAYS - 1))
    span = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day.isoformat(), per_day.get(day.isoformat(), 0)) for day in span]


def _agreement(report: Report) -> str:
    rows = "".join(_field(row) for row in report.fields)
    regions = "No two raters marked regions on one item so far."
    if report.regions is not None:
        regions = (
            f"Regions: F1 <b>{report.regions:.2f}</b> at IoU 0.5, mean IoU <b>{report.regions_iou or 0:.2f}</b>, over "
            "pairs of raters who both found fault."
        )
    return (
        '<table class="lead-table lead-fields"><thead><tr><th>Field</th><th>Items</th><th>Say the same</th>'
        f'<th class="lead-plot">{lead_plots.scale()}</th><th>Alpha</th><th>AC1</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f'<p>{regions}</p><p class="lead-quiet">{RARE}</p>'
    )


def _field(row: FieldAgreement) -> str:
    if row.percent.value is None:
        reason = escape(row.percent.reason or "not enough judgements")
        return f'<tr><th>{escape(row.label)}</th><td colspan="5" class="lead-quiet">{reason}</td></tr>'
    return (
        f'<tr><th>{escape(row.label)}</th><td data-name="Items">{row.percent.units:,}</td>'
        f'<td data-name="Say the same">{row.percent.value:.0%}</td>'
        f'<td class="lead-plot">{lead_plots.intervals(row.label, row.alpha, row.ac1)}</td>'
        f'<td data-name="Alpha">{_figure(row.alpha)}</td><td data-name="AC1">{_figure(row.ac1)}</td></tr>'
    )


def _figure(found: Agreement) -> str:
    if found.value is None:
        return f'<span class="lead-quiet" title="{escape(found.reason or "")}">none</span>'
    if found.low is None or found.high is None:
        return f"{_signed(found.value)}"
    return f'{_signed(found.value)} <span class="lead-quiet">[{_signed(found.low)}, {_signed(found.high)}]</span>'


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _raters(rows: Sequence[RaterRow], names: Mapping[str, str]) -> str:
    if not rows:
        return '<p class="lead-quiet">Nobody has judged anything yet.</p>'
    body = "".join(_rater(row, names) for row in rows)
    heads = (
        "Rater", "Judged", "Skipped", "Median time", "Right on gold", "With the majority", "With oneself", "Days",
    )  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f'<table class="lead-table lead-raters"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        '<p class="lead-quiet">The bar is the 95 % interval (Wilson) of the share of gold items judged rightly; few '
        "items give a wide bar. With oneself: the same verdict on items served twice.</p>"
    )


def _rater(row: RaterRow, names: Mapping[str, str]) -> str:
    known = names.get(row.rater_id, "forgotten")
    name = escape(known)
    seen = row.judged + row.skipped
    skipped = f"{row.skipped:,} <span class='lead-quiet'>({row.skipped / seen:.0%})</span>" if row.skipped else "0"
    time = f"{row.median_seconds:.0f} s" if row.median_seconds is not None else "–"
    gold = '<span class="lead-quiet">none judged</span>'
    if row.gold:
        told = f"{row.right / row.gold:.0%} ({row.right} of {row.gold})"
        gold = f"{lead_plots.share(row.right / row.gold, row.low, row.high, known)} {told}"
    cells = (
        ("Judged", f"{row.judged:,}"), ("Skipped", skipped), ("Median time", time), ("Right on gold", gold),
        ("With the majority", _percent(row.with_majority)), ("With oneself", _percent(row.with_self)),
        ("Days", str(len(row.days))),
    )  # fmt: skip
    body = "".join(f'<td data-name="{label}">{value}</td>' for label, value in cells)
    short = escape(row.rater_id[:8])
    return f'<tr><th>{name} <span class="lead-quiet" title="{escape(row.rater_id)}">{short}</span></th>{body}</tr>'


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _cases(found: Sequence[Card], thumb: Thumb, what: str, nothing: str, query: str) -> str:
    if not found:
        return f'<p class="lead-quiet">{nothing}</p>'
    cards = gallery_view.cards(found, thumb)
    settle = cards.replace('"><span class="ru1-two">', '#settle"><span class="ru1-two">')
    return (
        f'<p class="lead-quiet">{what} A picture leads to the case, with the form that settles it. '
        f'<a href="cases?{query}">Show in the gallery</a></p><ul class="ru1-cards lead-cards">{settle}</ul>'
    )


def _skips(overview: Overview) -> str:
    if not overview.skips:
        return '<p class="lead-quiet">Nothing was skipped.</p>'
    counts: dict[str, int] = {}
    for _, _, reason in overview.skips:
        counts[reason or "(erased)"] = counts.get(reason or "(erased)", 0) + 1
    most = "".join(
        f"<li><b>{count}</b> {escape(reason)}</li>" for reason, count in sorted(counts.items(), key=lambda e: -e[1])
    )
    rows = "".join(
        f'<li><a href="cases?case={escape(item)}">{escape(item[:10])}</a> '
        f"{escape(overview.names.get(rater, rater[:8]))}: {escape(reason or '(erased)')}</li>"
        for item, rater, reason in overview.skips
    )
    one_by_one = f'<details><summary>The newest, one by one</summary><ul class="lead-list">{rows}</ul></details>'
    return f'<ul class="lead-list">{most}</ul>{one_by_one}'


def _overlap() -> str:
    return (
        '<form class="lead-overlap"><label>Item or case <input name="id" type="text" required maxlength="64"></label>'
        '<label>Raters wanted <input name="raters" type="number" min="1" max="20" value="5" required></label>'
        '<button type="submit" class="ru1-button ru1-strong">Change</button><span role="status"></span></form>'
        '<p class="lead-quiet">A finished item is opened again where it should have more raters than it had.</p>'
    )
