"""The forms below a case: an adjudicator settles it, a lead changes its overlap. No Gradio; `gallery.js` sends them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ru1_app.flagging import MAX_COMMENT
from ru1_app.items import Item
from ru1_app.protocol import load_protocol
from ru1_app.rating.gallery import Look
from ru1_app.rating.lead import RATERS

SURE = ((1, "1 guessing"), (2, "2 fairly sure"), (3, "3 certain"))
FALSE = ((1, "1 nothing"), (2, "2"), (3, "3"), (4, "4"), (5, "5 all of it"))


def forms(look: Look) -> str:
    """What this person may do with the case."""
    if look.item is None:
        return ""
    return (_settle(look, look.item) if look.settles else "") + (_overlap(look, look.item) if look.leads else "")


def _settle(look: Look, item: Item) -> str:
    words = load_protocol()
    verdicts = "".join(
        f'<label class="ru1-pick" title="{escape(term.definition)}"><input type="radio" name="verdict" '
        f'value="{term.code}" required><span>{escape(term.label)}</span></label>'
        for term in words.verdicts
    )
    kinds = "".join(
        f'<label class="ru1-pick" title="{escape(term.definition)}"><input type="checkbox" name="category" '
        f'value="{term.code}"><span>{escape(term.label)}</span></label>'
        for term in words.categories
    )
    severities = [(term.value, f"{term.value} {term.label.lower()}") for term in words.severities]
    return (
        f'<form class="ru1-settle" id="settle" data-settle="{escape(item.id)}" data-case="{escape(look.case.id)}">'
        "<h4>Adjudicate</h4><p class='ru1-small'>"
        "Your judgement stands beside those of the raters and settles the item.</p>"
        f"<fieldset><legend>Verdict</legend>{verdicts}</fieldset>"
        f"<fieldset><legend>What is wrong</legend>{kinds}</fieldset>"
        f'<div class="ru1-row">{_select("severity", "Severity", severities)}{_select("confidence", "Confidence", SURE)}'
        f"{_select('global_rating', 'Hallucinated, 1 to 5', FALSE)}</div>"
        '<label class="ru1-field">Comment '
        f'<textarea name="comment" rows="2" maxlength="{MAX_COMMENT}"></textarea></label>'
        '<p class="ru1-bad-word" role="alert"></p>'
        '<button type="submit" class="ru1-button ru1-strong">Adjudicate</button></form>'
    )


def _overlap(look: Look, item: Item) -> str:
    return (
        f'<form class="ru1-settle ru1-inline" data-overlap="{escape(item.id)}" data-case="{escape(look.case.id)}">'
        f'<label>Raters wanted <input name="raters" type="number" min="{RATERS[0]}" max="{RATERS[-1]}" '
        f'value="{item.overlap}" required></label><button type="submit" class="ru1-button">Change the overlap</button>'
        f'<span class="ru1-small">{item.count} have judged it.</span><p class="ru1-bad-word" role="alert"></p></form>'
    )


def _select(name: str, label: str, choices: Iterable[tuple[int, str]]) -> str:
    options = "".join(f'<option value="{value}">{escape(text)}</option>' for value, text in choices)
    return (
        f'<label class="ru1-field">{label} <select name="{name}" required><option value="">choose</option>{options}'
        "</select></label>"
    )
