"""Shapes the gallery into HTML: the cards, the filter controls. No Gradio; every text of a person is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from ru1_app.domain import RatingSource
from ru1_app.items import ItemState
from ru1_app.protocol import load_protocol
from ru1_app.store.gallery_sql import Card, Said

Thumb = Callable[[str], str]
TONES = {"faithful": "good", "benign_detail": "mild", "misleading": "bad", "unusable": "poor", "cannot_tell": "open"}
STATES = {
    ItemState.OPEN: "Being judged", ItemState.DONE: "Judged", ItemState.DISPUTED: "Disputed",
    ItemState.ADJUDICATED: "Adjudicated", ItemState.RETIRED: "Retired",
}  # fmt: skip
SOURCES = {
    RatingSource.VISITOR: "Visitors", RatingSource.RATER: "Raters", RatingSource.ADJUDICATOR: "Adjudicators",
}  # fmt: skip
ORDERS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "severe": "Most severe first",
    "unsure": "Least sure first",
}


def cards(found: Sequence[Card], thumb: Thumb) -> str:
    """List items with the corrupted and the recovered image side by side."""
    return "".join(_card(card, thumb) for card in found)


def _card(card: Card, thumb: Thumb) -> str:
    what = escape(card.corruption or "used as it is")
    images = "".join(
        f'<span class="ru1-thumbnail"><img src="{thumb(sha)}" alt="{word} image" loading="lazy">'
        f"<i>{word.lower()}</i></span>"
        for word, sha in (("Corrupted", card.corrupted_sha), ("Recovered", card.recovered_sha))
    )
    asked = f'<span class="ru1-asked">{escape(card.question)}</span>' if card.question else ""
    said = f"<q>{escape(card.comment)}</q>" if card.comment else ""
    model = escape(card.model) if card.model else "model hidden"
    return (
        f'<li class="ru1-case-card"><a href="cases?case={escape(card.id)}"><span class="ru1-two">{images}</span>'
        f'<span class="ru1-chips">{chips(card)}</span><span class="ru1-what">{what}</span>{asked}{said}'
        f'<span class="ru1-meta">{model} · <time datetime="{card.created_at.isoformat()}">'
        f"{card.created_at:%Y-%m-%d}</time></span></a></li>"
    )


def chips(card: Card) -> str:
    """What was said of a case, in a few words."""
    if card.waiting:
        return chip("Waits for your judgement", "open")
    parts = []
    if card.agreed:
        how = "adjudicated" if card.item and card.item.state is ItemState.ADJUDICATED else "agreed"
        parts.append(chip(f"{_verdict(card.agreed)} {card.severity if card.severity is not None else ''}".strip(),
                          f"{TONES[card.agreed]} ru1-solid", f"{how}: verdict and severity"))  # fmt: skip
    if card.elusive:
        parts.append(chip("Elusive", "elusive", "held true when seen blind, misleading beside the clean image"))
    if card.item and card.item.state not in (ItemState.DONE, ItemState.ADJUDICATED):
        tone = "disputed" if card.item.state is ItemState.DISPUTED else "open"
        parts.append(chip(STATES[card.item.state], tone, "state in the rating queue"))
    parts += [_said(each) for each in card.said]
    return "".join(parts) or chip("Not judged", "open")


def chip(text: str, tone: str, title: str = "") -> str:
    """A short word in a frame; its colour is said by its text too."""
    own = f' title="{escape(title)}"' if title else ""
    return f'<span class="ru1-verdict ru1-tone-{tone}"{own}>{escape(text)}</span>'


def _said(said: Said) -> str:
    who = {"visitor": ("visitor", "visitors"), "rater": ("rater", "raters")}.get(said.source, ("adjudicator",) * 2)
    count = f"{said.count} × " if said.count > 1 else ""
    return chip(f"{count}{_verdict(said.verdict)}", TONES[said.verdict], f"{said.count} {who[said.count > 1]}")


def _verdict(code: str) -> str:
    return load_protocol().verdict(code).label


def controls() -> str:
    """The filters. Counts, corruptions, models and scores are filled in by the page's script."""
    words = load_protocol()
    orders = _options(ORDERS.items())
    steps = [(str(term.value), str(term.value)) for term in words.severities]
    return (
        '<form class="ru1-filters" aria-label="Filters">'
        f'<label class="ru1-field">Order <select name="order">{orders}</select></label>'
        '<label class="ru1-field">Words in the question <input name="text" type="search" maxlength="200"></label>'
        + _group(
            "Verdict",
            _checks("verdict", [(term.code, term.label) for term in words.verdicts])
            + '<label class="ru1-field">said by <select name="verdict_of"><option value="">any judgement</option>'
            '<option value="consensus">the raters together</option></select></label>'
            + _range("Severity, 3 is worst", _select("severity_low", steps), _select("severity_high", steps))
            + _check("elusive", "1", "Elusive only", "Held true when seen blind, misleading beside the clean image")
            + _check("disputed", "1", "Disputed only", "Raters do not agree"),
            opened=True,
        )
        + _group("What is wrong", _checks("category", [(term.code, term.label) for term in words.categories]))
        + _group(
            "Answer",
            _check("flip", "1", "Right when corrupted, wrong with both", "The recovery turned a right answer wrong")
            + "<p>What a person said of it:</p>"
            + _checks("impact", [(term.code, term.label) for term in words.impacts]),
        )
        + _group(
            "Corruption",
            '<div data-fill="corruption"></div>'
            + _range("Severity 0–1", _number("strength_low", "0", "1"), _number("strength_high", "0", "1")),
        )
        + _group("Model", '<div data-fill="model"></div>')
        + _group(
            "Score",
            '<label class="ru1-field">Score <select name="score"><option value="">none</option></select></label>'
            + _range("Value", _number("score_low"), _number("score_high")),
        )
        + _group(
            "Queue and people",
            "<p>State in the queue:</p>"
            + _checks("state", [(state.value, label) for state, label in STATES.items()])
            + "<p>Judged by:</p>"
            + _checks("source", [(source.value, label) for source, label in SOURCES.items()]),
        )
        + _group("Day", _range("Day (UTC)", _day("since"), _day("until")))
        + '<button type="reset" class="ru1-button">Clear all filters</button></form>'
    )


def _group(title: str, body: str, *, opened: bool = False) -> str:
    state = " open" if opened else ""
    return (
        f'<details class="ru1-group"{state}><summary>{title}<b class="ru1-active"></b></summary>'
        f'<fieldset><legend class="ru1-hidden">{title}</legend>{body}</fieldset></details>'
    )


def _checks(name: str, terms: Iterable[tuple[str, str]]) -> str:
    return "".join(_check(name, code, label) for code, label in terms)


def _check(name: str, value: str, label: str, title: str = "") -> str:
    own = f' title="{escape(title)}"' if title else ""
    return (
        f'<label class="ru1-pick"{own}><input type="checkbox" name="{name}" value="{value}">'
        f'<span>{escape(label)}</span><data data-of="{name}:{value}"></data></label>'
    )


def _options(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<option value="{value}">{escape(label)}</option>' for value, label in pairs)


def _select(name: str, steps: Iterable[tuple[str, str]]) -> str:
    return f'<select name="{name}" aria-label="{_end(name)}"><option value="">any</option>{_options(steps)}</select>'


def _number(name: str, least: str = "", most: str = "") -> str:
    limits = f' min="{least}" max="{most}"' if least else ""
    return f'<input name="{name}" type="number" step="any"{limits} placeholder="any" aria-label="{_end(name)}">'


def _day(name: str) -> str:
    return f'<input name="{name}" type="date" aria-label="{_end(name)}">'


def _end(name: str) -> str:
    what = {"strength": "Severity of the corruption", "score": "Value of the score", "severity": "Severity"}
    low = name.endswith("_low") or name == "since"
    return f"{what.get(name.partition('_')[0], 'Day')} {'from' if low else 'up to'}"


def _range(label: str, low: str, high: str) -> str:
    return f'<div class="ru1-range"><span>{label}</span>{low}<i>to</i>{high}</div>'
