"""What the export page asks for, to and from its address, and in words. No Gradio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ru1_app.errors import InvalidInput, Ru1Error
from ru1_app.export.cases.selection import Selection
from ru1_app.protocol import load_protocol
from ru1_app.store.filters import CONSENSUS, Filters
from ru1_app.store.views_sql import View
from ru1_app.ui import gallery_view

MAX_QUERY = 8000  # characters


@dataclass(frozen=True, slots=True)
class Cases:
    """Which cases are asked for: filters, and the saved view that they are of, if they are of one."""

    filters: Filters
    view: View | None
    licenses: tuple[str, ...]

    @property
    def query(self) -> str:
        """The cases as parameters of the gallery's address."""
        return urlencode({"view": self.view.slug} if self.view else self.filters.to_query())


def cases_of(query: str, view: Callable[[str], View]) -> Cases:
    """Which cases an address asks for; `view` gives the saved view of a slug. The rest of the form may be half typed.

    Raises:
        InvalidInput: a filter is none; the message says what is allowed.
        NotFound: there is no such view.
    """
    pairs = _pairs(query)
    given = dict(pairs)
    saved = view(given["view"]) if given.get("view") else None
    licenses = tuple(sorted({value for name, value in pairs if name == "license"}))
    return Cases(saved.filters if saved else Filters.from_query(pairs), saved, licenses)


def asked_of(query: str, view: Callable[[str], View]) -> tuple[Selection, tuple[str, ...]]:
    """The selection and the formats that an address asks for.

    Raises:
        InvalidInput: a value is none; the message says what is allowed.
        NotFound: there is no such view.
    """
    cases, pairs = cases_of(query, view), _pairs(query)
    given = dict(pairs)
    values: dict[str, Any] = {name: True for name in ("adjudicated", "visitors", "benchmarks") if given.get(name)}
    values |= {"elusive": True} if given.get("only_elusive") else {}
    numbers = {"raters": "least_raters", "agree": "least_agreement", "test": "test_share", "seed": "split_seed"}
    for name, field in numbers.items():
        if given.get(name):
            number = _whole(name, given[name])
            values[field] = number / 100 if name in ("agree", "test") else number
    formats = tuple(dict.fromkeys(value for name, value in pairs if name == "format"))
    return Selection(filters=cases.filters, licenses=cases.licenses, **values), formats


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(str(query)[:MAX_QUERY].lstrip("?"), max_num_fields=500)
    except ValueError as error:
        raise InvalidInput("The address asks for too much. Take filters away.") from error


def _whole(name: str, text: str) -> int:
    what = {"raters": "The least number of raters", "agree": "The agreement in per cent",
            "test": "The share of the test split in per cent", "seed": "The seed of the split"}[name]  # fmt: skip
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise InvalidInput(f"{what} is a whole number from 0, not {text[:32]!r}.")
    if name in ("agree", "test") and int(text) > 100:
        raise InvalidInput(f"{what} lies from 0 to 100, not at {text}.")
    return int(text)


def filter_words(filters: Filters) -> list[str]:
    """Each filter in words, as a chip."""
    protocol = load_protocol()
    by = " by the raters together" if filters.verdict_of == CONSENSUS else ""
    words = [
        _any("Verdict", [protocol.verdict(code).label for code in filters.verdict]) + by if filters.verdict else "",
        _range(f"Severity{by}", filters.severity_low, filters.severity_high),
        _any("What is wrong", [protocol.category(code).label for code in filters.category]),
        _any("Answer", [protocol.impact(code).label for code in filters.impact]),
        "Right when corrupted, wrong with both" if filters.flip else "",
        _any("Corruption", filters.corruption),
        _range("Strength", filters.strength_low, filters.strength_high),
        _any("Model", filters.model),
        _range(f"Score {filters.score}", filters.score_low, filters.score_high) if filters.score else "",
        f"Has {filters.score}" if filters.score and filters.score_low is filters.score_high is None else "",
        _any("State", [label for state, label in gallery_view.STATES.items() if state.value in filters.state]),
        _any("Judged by", [label for source, label in gallery_view.SOURCES.items() if source.value in filters.source]),
        "Elusive by the kept consensus" if filters.elusive else "",
        "Disputed" if filters.disputed else "",
        f"Question has “{filters.text}”" if filters.text else "",
        _range("Day", filters.since, filters.until),
    ]
    return [each for each in words if each]


def _any(name: str, values: Sequence[str]) -> str:
    return f"{name}: {' or '.join(values)}" if values else ""


def _range(name: str, low: Any, high: Any) -> str:
    if low is None and high is None:
        return ""
    if low == high:
        return f"{name} {low}"
    return (
        f"{name} {low} to {high}"
        if None not in (low, high)
        else f"{name} {'from' if high is None else 'up to'} {high if low is None else low}"
    )


def selection_words(raw: Mapping[str, Any]) -> list[str]:
    """What a release was selected by, in words; what is usual is left out."""
    try:
        chosen = Selection.from_dict(raw)
    except Ru1Error:
        return [f"{name} {value}" for name, value in raw.items()]
    usual = Selection()
    words = [
        "visitors' flags alone" if chosen.flags_only else "visitors' flags too" if chosen.visitors else "",
        f"{chosen.least_raters} raters or more" if chosen.least_raters > 1 else "",
        f"{chosen.least_agreement:.0%} of them agree or more" if chosen.least_agreement else "",
        "adjudicated only" if chosen.adjudicated else "",
        "elusive only" if chosen.elusive else "",
        f"licence {' or '.join(chosen.licenses)}" if chosen.licenses else "",
        "pictures of benchmarks in train too" if chosen.benchmarks else "",
        f"{chosen.test_share:.0%} of the sources are test" if chosen.test_share != usual.test_share else "",
        f"split seed {chosen.split_seed}" if chosen.split_seed else "",
    ]
    return [*filter_words(chosen.filters), *(each for each in words if each)] or ["every judged case"]
