"""Shapes a case into HTML: its images, what was said of it, how to make it again. No Gradio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from ru1_app.domain import Case, PairKind, Rating, RatingSource, Recovery, ScoreRecord, Stage, UncertaintyKind
from ru1_app.protocol import load_protocol
from ru1_app.rating.gallery import Look
from ru1_app.scoring.risk import NAME as RISK
from ru1_app.ui import answers_view, gallery_view, risk_view, settle_view, view

Blob = Callable[[str], bytes]
WAITING = "You have not judged this yet: what others said, the clean image and the scores are shown once you have."
STAGES = {
    Stage.OPEN: "With everything in view", Stage.BLIND: "Blind", Stage.ANSWER: "Answer",
    Stage.REVEAL: "Beside the clean image",
}  # fmt: skip
PAIRS = {
    PairKind.CORRUPTED_REFERENCE: "corrupted → clean",
    PairKind.RECOVERED_REFERENCE: "recovered → clean",
    PairKind.RECOVERED_CORRUPTED: "recovered → corrupted (agreement with the input, not quality)",
    PairKind.RECORRUPTED_CORRUPTED: "recovered, corrupted again → corrupted (consistency)",
    PairKind.CORRUPTED_ALONE: "corrupted, alone",
    PairKind.RECOVERED_ALONE: "recovered, alone",
}


def detail(case: Case, blob: Blob, look: Look | None = None) -> str:
    """What may be read of one case; without `look`, everything that is stored."""
    sample, seen = case.sample, look.seen if look else None
    ratings = seen.ratings if seen else case.ratings
    pictures = [view.picture(view.png_uri(blob(sample.corrupted_sha)), "Corrupted image", "corrupted")]
    pictures.append(_recovered(case, blob, ratings))
    head = f'<p><a href="cases">All cases</a></p><h3>Case {escape(case.id[:12])}</h3>'
    if seen and seen.waiting:
        return f'{head}<div class="ru1-draws ru1-case">{"".join(pictures)}</div>{view.notice(WAITING)}' + _forms(look)
    if sample.reference_sha and (seen is None or seen.reference):
        pictures.append(view.picture(view.png_uri(blob(sample.reference_sha)), "Clean image", "clean reference"))
    return (
        f'{head}<div class="ru1-draws ru1-case">{"".join(pictures)}</div>'
        f"<h4>Judgements</h4>{judgements(ratings, look)}{_forms(look)}"
        f"<h4>Answers</h4>{answers_view.answers(case)}<h4>Scores</h4>{_scores(case)}"
        f"<h4>How to make it again</h4>{_origin(case)}"
    )


def _forms(look: Look | None) -> str:
    return settle_view.forms(look) if look else ""


def _recovered(case: Case, blob: Blob, ratings: Sequence[Rating]) -> str:
    boxes = "".join(
        f'<span class="ru1-mark" style="left:{r.x0:.2%};top:{r.y0:.2%};width:{r.x1 - r.x0:.2%};'
        f'height:{r.y1 - r.y0:.2%}"></span>'
        for rating in ratings
        for r in rating.regions
    )
    image = view.png_uri(blob(case.recovery.image_sha))
    return (
        f'<figure class="ru1-picture"><span class="ru1-marked"><img src="{image}" alt="Recovered image">{boxes}</span>'
        "<figcaption>recovered</figcaption></figure>"
    )


def judgements(ratings: Sequence[Rating], look: Look | None) -> str:
    """What the raters say together, then each judgement with the pseudonym of who made it."""
    parts = []
    agreed = look.agreed if look else None
    if agreed and agreed.verdict:
        how = "An adjudicator settled it" if agreed.adjudicated else f"{agreed.share:.0%} of {agreed.raters} raters"
        elusive = " · elusive: held true when seen blind, misleading beside the clean image" if agreed.elusive else ""
        parts.append(
            f'<div class="ru1-card ru1-together"><p><b>Together: {_verdict(agreed.verdict)}</b> · severity '
            f'{agreed.severity}</p><p class="ru1-small">{how}{elusive}</p></div>'
        )
    elif look and look.item:
        state = gallery_view.STATES[look.item.state]
        parts.append(
            view.small(f"In the rating queue: {state.lower()}, {look.item.count} of {look.item.overlap} raters.")
        )
    names = look.names if look else {}
    people: dict[tuple[str, str, int], list[Rating]] = {}
    for rating in sorted(ratings, key=lambda each: (each.source.value, each.rater_id, each.round, each.created_at)):
        people.setdefault((rating.source.value, rating.rater_id, rating.round), []).append(rating)
    parts += [_judge(own, names) for own in people.values()]
    if look and look.seen.hidden:
        one = look.seen.hidden == 1
        parts.append(view.small(f"{look.seen.hidden} {'judgement is' if one else 'judgements are'} not shown to you."))
    return "".join(parts) or view.small("Nobody has judged this yet.")


def _judge(own: Sequence[Rating], names: Mapping[str, str]) -> str:
    """What one person said, stage after stage."""
    first = own[0]
    again = " · second time" if first.round else ""
    versions = f"taxonomy {escape(first.taxonomy_version)}, guidelines {escape(first.guideline_version)}"
    return (
        f'<div class="ru1-card"><p class="ru1-small ru1-by"><b>{who(first, names)}</b>{again} · '
        f"{first.created_at:%Y-%m-%d %H:%M} UTC · {versions}</p>{''.join(_stage(each) for each in own)}</div>"
    )


def _stage(rating: Rating) -> str:
    words = load_protocol()
    impact = escape(words.impact(rating.answer_impact.value).label)
    kinds = ", ".join(words.category(code).label for code in rating.categories)
    if rating.stage is Stage.ANSWER:
        told = [impact, f"supported by the input: {escape(rating.supported_by_input or 'not said')}"]
    else:
        told = [
            f"<b>{_verdict(rating.verdict.value)}</b>",
            f"severity {rating.severity}",
            escape(kinds) or "no category",
        ]
        told += [f"answer: {impact}"] if rating.stage is Stage.OPEN else []
        told += [f"hallucinated {rating.global_rating} of 5"] if rating.global_rating is not None else []
        told += [f"confidence {rating.confidence} of 3"] if rating.confidence is not None else []
    said = f"<blockquote>{escape(rating.comment)}</blockquote>" if rating.comment else ""
    return f'<p><span class="ru1-small">{STAGES[rating.stage]}:</span> {" · ".join(told)}</p>{said}'


def who(rating: Rating, names: Mapping[str, str]) -> str:
    """Who judged: a pseudonym, and for leads the name."""
    if rating.source is RatingSource.VISITOR:
        return "visitor"
    name = f" ({escape(names[rating.rater_id])})" if rating.rater_id in names else ""
    return f"{rating.source.value} {escape(rating.rater_id[:8])}{name}"


def _verdict(code: str) -> str:
    return escape(load_protocol().verdict(code).label)


def _scores(case: Case) -> str:
    rows = "".join(_score(record) for record in case.scores)
    return f'<table class="ru1-table"><tbody>{rows}</tbody></table>'


def _score(record: ScoreRecord) -> str:
    score = record.score
    name, pair = score.scorer.replace("_", " ").upper(), PAIRS[record.pair]
    value = escape(score.reason or "–") if score.value is None else f"{score.value:.4f}"
    if score.scorer == RISK:
        name, pair = "Hallucination risk", "from both images, by a model of raters' judgements"
        value = value if score.value is None else risk_view.percent(score.value)
    return f"<tr><th>{escape(name)}</th><td>{pair}</td><td>{value}</td><td>{escape(record.model or '')}</td></tr>"


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
