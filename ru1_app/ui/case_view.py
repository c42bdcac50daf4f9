"""Shapes flagged cases into HTML. No Gradio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from ru1_app.domain import Case, PairKind, Rating, Recovery, UncertaintyKind
from ru1_app.images import from_png
from ru1_app.protocol import load_protocol
from ru1_app.ui import answers_view, view

Blob = Callable[[str], bytes]
THUMBNAIL = 160  # longest side in the list
PAIRS = {
    PairKind.CORRUPTED_REFERENCE: "corrupted → clean",
    PairKind.RECOVERED_REFERENCE: "recovered → clean",
    PairKind.RECOVERED_CORRUPTED: "recovered → corrupted (agreement with the input, not quality)",
    PairKind.RECORRUPTED_CORRUPTED: "recovered, corrupted again → corrupted (consistency)",
    PairKind.CORRUPTED_ALONE: "corrupted, alone",
    PairKind.RECOVERED_ALONE: "recovered, alone",
}


def listing(cases: Sequence[Case], total: int, blob: Blob) -> str:
    """The newest cases as a list with permalinks."""
    if not cases:
        return view.notice("No recovery has been flagged yet. Recover an image and flag it under the result.")
    rows = "".join(_row(case, blob) for case in cases)
    head = f"{total} flagged recoveries" if total != 1 else "1 flagged recovery"
    more = f", the newest {len(cases)} are shown" if total > len(cases) else ""
    return f'<p class="ru1-small">{head}{more}.</p><ul class="ru1-list-cases">{rows}</ul>'


def _row(case: Case, blob: Blob) -> str:
    rating = case.ratings[-1]
    verdict = load_protocol().verdict(rating.verdict.value).label
    image = view.image_uri(view.reduced(from_png(blob(case.recovery.image_sha)), THUMBNAIL))
    what = escape(case.sample.corruption or "used as it is")
    said = f"<q>{escape(rating.comment)}</q>" if rating.comment else ""
    return (
        f'<li><a href="cases?case={escape(case.id)}"><img src="{image}" alt="Recovered image" loading="lazy">'
        f"<span><b>{escape(verdict)}</b> · severity {rating.severity}<br>{what} · {escape(case.recovery.model.id)}"
        f'<br><span class="ru1-small">{rating.created_at:%Y-%m-%d %H:%M} UTC {said}</span></span></a></li>'
    )


def detail(case: Case, blob: Blob) -> str:
    """Everything stored of one case."""
    sample = case.sample
    pictures = [view.picture(view.png_uri(blob(sample.corrupted_sha)), "Corrupted image", "corrupted")]
    pictures.append(_recovered(case, blob))
    if sample.reference_sha:
        pictures.append(view.picture(view.png_uri(blob(sample.reference_sha)), "Clean image", "clean reference"))
    return (
        f'<p><a href="cases">All cases</a></p><h3>Case {escape(case.id[:12])}</h3>'
        f'<div class="ru1-draws ru1-case">{"".join(pictures)}</div>'
        f"<h4>Judgements</h4>{''.join(_rating(rating) for rating in case.ratings)}"
        f"<h4>Answers</h4>{answers_view.answers(case)}<h4>Scores</h4>{_scores(case)}"
        f"<h4>How to make it again</h4>{_origin(case)}"
    )


def _recovered(case: Case, blob: Blob) -> str:
    boxes = "".join(
        f'<span class="ru1-mark" style="left:{r.x0:.2%};top:{r.y0:.2%};width:{r.x1 - r.x0:.2%};'
        f'height:{r.y1 - r.y0:.2%}"></span>'
        for rating in case.ratings
        for r in rating.regions
    )
    image = view.png_uri(blob(case.recovery.image_sha))
    return (
        f'<figure class="ru1-picture"><span class="ru1-marked"><img src="{image}" alt="Recovered image">{boxes}</span>'
        "<figcaption>recovered</figcaption></figure>"
    )


def _rating(rating: Rating) -> str:
    words = load_protocol()
    verdict = words.verdict(rating.verdict.value).label
    kinds = ", ".join(words.category(code).label for code in rating.categories) or "no category"
    impact = words.impact(rating.answer_impact.value).label
    said = f"<blockquote>{escape(rating.comment)}</blockquote>" if rating.comment else ""
    return (
        f'<div class="ru1-card"><p><b>{escape(verdict)}</b> · severity {rating.severity} · {escape(kinds)} · '
        f"answer: {escape(impact)}</p>{said}"
        f'<p class="ru1-small">{escape(rating.source.value)}, {rating.created_at:%Y-%m-%d %H:%M} UTC, '
        f"taxonomy {escape(rating.taxonomy_version)}, guidelines {escape(rating.guideline_version)}</p></div>"
    )


def _scores(case: Case) -> str:
    rows = "".join(
        f"<tr><th>{escape(record.score.scorer.replace('_', ' ').upper())}</th><td>{PAIRS[record.pair]}</td><td>"
        f"{escape(record.score.reason or '–') if record.score.value is None else f'{record.score.value:.4f}'}</td>"
        f"<td>{escape(record.model or '')}</td></tr>"
        for record in case.scores
    )
    return f'<table class="ru1-table"><tbody>{rows}</tbody></table>'


def _unsure(recovery: Recovery) -> str:
    found = recovery.uncertainty
    if found is None:
        return "not known"
    kind = "deviation over the draws" if found.kind is UncertaintyKind.DEVIATION else "error that the model expects"
    return f"{found.share:.0%} of the image ({kind}), {len(found.regions)} boxes"


def _origin(case: Case) -> str:
    recovery = case.recovery
    rows = {
        "corruption": case.sample.corruption or "none: used as it is",
        "image from": case.sample.source,
        "model": f"{recovery.model.id}, revision {recovery.model.revision}",
        "engine": recovery.model.engine,
        "seed and settings": f"seed {recovery.seed}, "
        + ", ".join(f"{name} {value}" for name, value in sorted(recovery.settings.items())),
        "unsure": _unsure(recovery),
        "app": recovery.app_version,
        "case id": case.id,
    }
    cells = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
    return f'<table class="ru1-table"><tbody>{cells}</tbody></table>'
