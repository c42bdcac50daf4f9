"""The form of the export page as HTML. No Gradio; every text of a person is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ru1_app.export import FORMATS, Selection
from ru1_app.export.cases.selection import MOST_RATERS, UNKNOWN
from ru1_app.export.formats.format import Format
from ru1_app.store.views_sql import View
from ru1_app.ui.export_query import Cases, filter_words

IMAGES = ("diffusion_dpo", "flow_grpo", "reward_points", "vha")
PLAIN = ("tables", "imagefolder", "webdataset", "labels_csv")
GROUPS = {
    "text": ("Text", "What a vision-language model should answer"),
    "image": ("Images", "Which recoveries are good, for recoverers and reward models"),
    "plain": ("Any use", "The labels as they are"),
}
FIRST = "tables"  # the format that is ticked where nothing else is asked for


def form() -> str:
    """The form; what depends on who asks is filled in by the page's script."""
    usual = Selection()
    return (
        '<form class="export-form" novalidate><div class="export-two">'
        '<section class="export-part"><h2>Which cases</h2><div data-fill="cases"></div></section>'
        '<section class="export-part"><h2>How sure the labels must be</h2><fieldset class="export-sure"><legend '
        'class="ru1-hidden">How sure the labels must be</legend><div class="export-numbers">'
        + _number("raters", "Raters at least", usual.least_raters, 1, MOST_RATERS)
        + _number("agree", "Of them agree, % at least", round(100 * usual.least_agreement), 0, 100)
        + "</div>"
        + _check("adjudicated", "Adjudicated only", "Only what an adjudicator settled")
        + _check("only_elusive", "Elusive only", "Held true when seen blind, misleading beside the clean image")
        + _check("visitors", "Visitors' flags too", "What only visitors flagged, marked as unconfirmed")
        + "</fieldset></section></div>"
        '<details class="export-part export-more"><summary>Licences and splits</summary><div class="export-two">'
        '<fieldset><legend>Licence of the picture</legend><div data-fill="licenses"></div></fieldset>'
        '<fieldset><legend>Splits</legend><div class="export-numbers">'
        + _number("test", "Test split, % of the sources", round(100 * usual.test_share), 0, 100)
        + _number("seed", "Seed of the split", usual.split_seed, 0, 2**32 - 1)
        + "</div>"
        + _check(
            "benchmarks",
            "Benchmark pictures may be trained on",
            "Else pictures that models are measured on are in the test split alone",
        )  # fmt: skip
        + "</fieldset></div></details>"
        f'<section class="export-part"><h2>Formats</h2>{_formats()}</section>'
        '<div class="export-bar"><button type="submit" class="ru1-button">Look first</button>'
        '<button type="button" class="ru1-button ru1-strong" data-export="make">Make the release</button>'
        '<span class="ru1-quiet" data-fill="picked" role="status"></span></div></form>'
    )


def cases(asked: Cases, views: Sequence[View], *, whole: bool) -> str:
    """Which cases: a saved view, or the filters of the address as chips; `whole`: of all that were judged."""
    chosen = asked.view.slug if asked.view else ""
    plain = "These filters" if asked.filters.to_query() and not asked.view else "No view"
    options = "".join(
        f'<option value="{escape(each.slug)}"{" selected" if each.slug == chosen else ""}>{escape(each.name)}</option>'
        for each in views
    )
    chips = "".join(f'<li class="ru1-chip">{escape(words)}</li>' for words in filter_words(asked.filters))
    every = (
        "Every judged case: nothing is filtered." if whole else "Every case that visitors flagged and no rater judged."
    )
    told = f'<ul class="export-chips">{chips}</ul>' if chips else f"<p>{every}</p>"
    clear = '<button type="button" class="ru1-button" data-export="clear">Take every case</button>' if chips else ""
    return (
        f'<label class="ru1-field">Saved view <select name="view"><option value="">{plain}</option>{options}</select>'
        f'</label>{told}<p class="ru1-row"><a class="ru1-button" href="cases?{escape(asked.query)}">Change in the '
        f"gallery</a>{clear}</p>"
    )


def licenses(asked: Cases, names: Sequence[str | None]) -> str:
    """The licences there are; none ticked is all of them."""
    known = dict.fromkeys([*(name or UNKNOWN for name in names), *asked.licenses])
    boxes = "".join(_check("license", name, value=name, on=name in asked.licenses) for name in known)
    return (boxes or "<p>No picture is stored yet.</p>") + '<p class="ru1-quiet">None ticked: any licence.</p>'


def group_of(name: str) -> str:
    """The group of a format by its name; what is neither for images nor plain is text."""
    return "image" if name in IMAGES else "plain" if name in PLAIN else "text"


def _formats() -> str:
    parts = []
    for group, (title, what) in GROUPS.items():
        cards = "".join(_format(each) for each in FORMATS.values() if group_of(each.name) == group)
        if cards:
            parts.append(
                f'<fieldset class="export-group"><legend>{title} <span class="ru1-quiet">{what}</span></legend>'
                f'<div class="export-formats">{cards}</div></fieldset>'
            )
    return "".join(parts)


def _format(each: Format) -> str:
    on = " checked" if each.name == FIRST else ""
    return (
        f'<div class="export-format"><label class="ru1-pick"><input type="checkbox" name="format" value="{each.name}"'
        f"{on}><b>{escape(each.title)}</b></label><details open><summary><code>{each.name}</code> "
        f"{_words(each.consumer)}</summary><p>{_words(each.trains)}</p>"
        f"<p class='ru1-quiet'><b>But:</b> {_words(each.cannot)}</p></details></div>"
    )


def _words(text: str) -> str:
    """A text in which names stand between backticks."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def _check(name: str, label: str, title: str = "", value: str = "1", *, on: bool = False) -> str:
    told = f'<small class="ru1-quiet">{escape(title)}</small>' if title else ""
    checked = " checked" if on else ""
    return (
        f'<label class="ru1-pick"><input type="checkbox" name="{name}" value="{escape(value)}"{checked}>'
        f"<span>{escape(label)} {told}</span></label>"
    )


def _number(name: str, label: str, value: int, least: int, most: int) -> str:
    return (
        f'<label class="ru1-field">{escape(label)} <input name="{name}" type="number" inputmode="numeric" '
        f'value="{value}" min="{least}" max="{most}" step="1"></label>'
    )
