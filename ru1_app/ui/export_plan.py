"""What a release would hold, as HTML: counts, what is left out, pairs and their bias, the first rows. No Gradio.

Every text of a person or a model is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from ru1_app.domain import Verdict
from ru1_app.export.cases.rows import TRAIN
from ru1_app.export.jobs.releases import Looked
from ru1_app.export.planning.plan import Plan, why_empty
from ru1_app.export.planning.preview import Pair, Recovered, Text
from ru1_app.protocol import load_protocol
from ru1_app.ui.gallery_view import TONES, chip
from ru1_app.ui.view import notice

Thumb = Callable[[str], str]
LOPSIDED, ENOUGH = 0.65, 20  # share and number of pairs from which on a model may learn the by-product


def looked(found: Looked, thumb: Thumb) -> str:
    """What a release would hold."""
    made = found.plan
    if not made.kept:
        return f"<h2>What would go in</h2>{notice(why_empty(made), 'bad')}"
    return (
        f"<h2>What would go in</h2>{_counts(made)}"
        f'<div class="export-three">{_left_out(made)}{_pairs(made)}{_bias(made)}</div>'
        + _shown("Recoveries and their labels", [_recovered(each, thumb) for each in found.preview.rows], "")
        + _shown("Pairs", [_pair(each, thumb) for each in found.preview.pairs], "No pair of recoveries goes in.")
        + _shown("Questions", [_text(each, thumb) for each in found.preview.texts], "No question has a known answer.")
    )


def _counts(made: Plan) -> str:
    found = made.survey
    splits = " · ".join(f"{name} <b>{count:,}</b>" for name, count in train_first(found.splits))
    verdicts = "".join(_verdict_count(name, count) for name, count in found.verdicts.items())
    licenses = ", ".join(f"{escape(name)} {count:,}" for name, count in found.licenses.items())
    return (
        f'<p class="export-big"><b>{made.kept:,}</b> of {made.considered:,} recoveries go in</p>'
        f"<p>{splits} <span class='ru1-quiet'>· {many(found.judgements, 'judgement')} of {_people(found.raters)} · "
        f"licences: {licenses}</span></p><p class='ru1-chips'>{verdicts}</p>"
    )


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _verdict_count(name: str, count: int) -> str:
    known = name in {each.value for each in Verdict}
    return chip(f"{count:,} × {_verdict(Verdict(name) if known else None)}", TONES[name] if known else "open")


def _left_out(made: Plan) -> str:
    nothing = "Nothing: all of them go in."
    return f"<section><h3>Left out</h3>{_reasons(made.excluded, nothing)}</section>"


def _reasons(lost: Mapping[str, int], nothing: str) -> str:
    if not lost:
        return f'<p class="ru1-quiet">{nothing}</p>'
    rows = sorted(lost.items(), key=lambda each: -each[1])
    return f'<ul class="lead-list">{"".join(f"<li><b>{n:,}</b> {escape(why)}</li>" for why, n in rows)}</ul>'


def _pairs(made: Plan) -> str:
    told = made.survey.preferences
    kept = told["kept"]
    words = " and ".join(f"<b>{count:,}</b> by {name}" for name, count in kept.items()) or "<b>No</b> pair"
    return (
        f"<section><h3>Pairs of recoveries</h3><p>{words}</p>"
        f"<p class='ru1-quiet'>Lost on the way:</p>{_reasons(told['lost'], 'none')}</section>"
    )


def _bias(made: Plan) -> str:
    told = made.survey.preferences
    sharp = _lean(told["sharpness"], "the chosen picture is the sharper one", "sharpness")
    long = _lean(told["answer_length"], "the wanted answer is longer than the wrong one", "length")
    return f"<section><h3>What pairs might teach by accident</h3>{sharp}{long}</section>"


def _lean(told: Mapping[str, float], what: str, name: str) -> str:
    count = int(told["pairs"])
    if not count:
        return f'<p class="ru1-quiet">No pair to measure {name} on.</p>'
    share = told["chosen_has_more"]
    warn = count >= ENOUGH and max(share, 1 - share) >= LOPSIDED
    hint = f" <b class='lead-bad'>A model may learn {name} from this.</b>" if warn else ""
    return f"<p>In <b>{round(share * count):,}</b> of {many(count, 'pair')} {what}.{hint}</p>"


def _shown(title: str, cards: Sequence[str], nothing: str) -> str:
    if not cards:
        return f'<h3>{title}</h3><p class="ru1-quiet">{nothing}</p>' if nothing else ""
    return (
        f'<h3>{title} <span class="ru1-quiet">the first {len(cards)}</span></h3>'
        f'<ul class="export-cards">{"".join(f"<li>{card}</li>" for card in cards)}</ul>'
    )


def _recovered(row: Recovered, thumb: Thumb) -> str:
    raters = "1 rater" if row.raters == 1 else f"{row.raters} raters, {row.share:.0%} agree"
    how = {"unconfirmed": "visitors' flags", "adjudicated": "adjudicated"}.get(row.status, raters)
    elusive = chip("Elusive", "elusive", "held true when seen blind, misleading beside the clean image")
    pictures = _pictures(thumb, corrupted=row.corrupted_sha, recovered=row.recovered_sha)
    return (
        f'<a href="cases?case={escape(row.id)}">{pictures}</a>'
        f'<p class="ru1-chips">{_verdict_chip(row.verdict, row.severity)}{elusive if row.elusive else ""}</p>'
        f'<p class="ru1-quiet">{how} · {row.split}</p>'
        f'<p class="ru1-what">{escape(row.corruption or "used as it is")}</p>'
    )


def _pair(pair: Pair, thumb: Thumb) -> str:
    pictures = _pictures(thumb, corrupted=pair.corrupted_sha, chosen=pair.chosen_sha, rejected=pair.rejected_sha)
    chosen, rejected = (_verdict_chip(*side) if side else chip("Not judged alone", "open") for side in pair.sides)
    return (
        f'{pictures}<p class="ru1-chips">{chosen} before {rejected}</p>'
        f'<p class="ru1-quiet">by {pair.origin} of {_people(pair.voters)}, margin {pair.margin:.2f} · {pair.split}</p>'
    )


def _text(text: Text, thumb: Thumb) -> str:
    wrong = f'<dt>rejected</dt><dd class="lead-bad">{escape(text.wrong)}</dd>' if text.wrong else (
        '<dt>rejected</dt><dd class="ru1-quiet">no model gave a wrong answer</dd>'
    )  # fmt: skip
    return (
        f"{_pictures(thumb, corrupted=text.corrupted_sha, recovered=text.recovered_sha)}"
        f'<p class="export-prompt">{escape(text.prompt)}</p><dl class="export-said"><dt>chosen</dt>'
        f'<dd class="lead-good">{escape(text.wanted)}</dd>{wrong}</dl><p class="ru1-quiet">{text.split}</p>'
    )


def _pictures(thumb: Thumb, **shas: str) -> str:
    images = "".join(
        f'<span class="ru1-thumbnail"><img src="{thumb(sha)}" alt="{name.capitalize()} image"><i>{name}</i></span>'
        for name, sha in shas.items()
    )
    return f'<span class="export-pictures" style="--n:{len(shas)}">{images}</span>'


def _verdict_chip(verdict: Verdict | None, severity: int) -> str:
    tone = TONES[verdict] if verdict else "open"
    return chip(f"{_verdict(verdict)} {severity}" if verdict else _verdict(None), tone, "verdict and severity")


def _verdict(verdict: Verdict | None) -> str:
    return load_protocol().verdict(verdict.value).label if verdict else "No majority"


def many(count: int, what: str) -> str:
    """A number with its noun."""
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def train_first(splits: Mapping[str, int]) -> list[tuple[str, int]]:
    """The splits in the order in which people name them."""
    return sorted(splits.items(), key=lambda each: (each[0] != TRAIN, each[0]))
