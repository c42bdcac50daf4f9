"""The annotation protocol: the words and rules of `annotations/` as typed values. Pure, read once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ru1_app.config import ROOT
from ru1_app.domain import AnswerImpact, Verdict
from ru1_app.errors import InvalidInput, Unavailable

FOLDER = ROOT / "annotations"

T = TypeVar("T", bound="Term")


@dataclass(frozen=True, slots=True)
class Term:
    """A code with the label a person sees and its definition."""

    code: str
    label: str
    definition: str


@dataclass(frozen=True, slots=True)
class VerdictTerm(Term):
    """A verdict and what may go with it: severities `low..high`, and whether categories apply."""

    low: int
    high: int
    default: int
    categories: bool


@dataclass(frozen=True, slots=True)
class SeverityTerm:
    """A step of the severity scale in words."""

    value: int
    label: str
    definition: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything a person judges with, under the two versions that every rating names."""

    taxonomy_version: str
    guideline_version: str
    verdicts: tuple[VerdictTerm, ...]
    categories: tuple[Term, ...]
    severities: tuple[SeverityTerm, ...]
    impacts: tuple[Term, ...]
    guidelines: str  # Markdown without the front matter

    def verdict(self, code: str) -> VerdictTerm:
        """The verdict of that code; an unknown one raises `InvalidInput` naming those there are."""
        return _find(self.verdicts, code, "verdict")

    def category(self, code: str) -> Term:
        """The category of that code, or `InvalidInput`."""
        return _find(self.categories, code, "category")

    def impact(self, code: str) -> Term:
        """The answer impact of that code, or `InvalidInput`."""
        return _find(self.impacts, code, "answer impact")


@cache
def load_protocol(folder: Path = FOLDER) -> Protocol:
    """Read `taxonomy.json` and `guidelines.md`; a missing or broken file raises `Unavailable`."""
    raw = taxonomy(folder)
    version, body = _front_matter(_read(folder / "guidelines.md"))
    try:
        protocol = Protocol(
            taxonomy_version=raw["version"],
            guideline_version=version,
            verdicts=tuple(_verdict(entry) for entry in raw["verdicts"]),
            categories=tuple(Term(**entry) for entry in raw["categories"]),
            severities=tuple(SeverityTerm(**entry) for entry in raw["severities"]),
            impacts=tuple(Term(**entry) for entry in raw["answer_impacts"]),
            guidelines=body,
        )
    except (KeyError, TypeError) as error:
        raise Unavailable(f"taxonomy.json is not a taxonomy RU1 can read: {error}.") from error
    _check_codes(protocol)
    return protocol


@cache
def taxonomy(folder: Path = FOLDER) -> Mapping[str, Any]:
    """`taxonomy.json` as it is, for pages and files that carry it along. Do not change the returned value."""
    return _read_json(folder / "taxonomy.json")


@cache
def record_schema(folder: Path = FOLDER) -> Mapping[str, Any]:
    """The JSON Schema of one exported record. Do not change the returned value."""
    return _read_json(folder / "record.schema.json")


def check_judgement(
    protocol: Protocol, verdict: str, categories: Mapping[str, int], severity: int, impact: str
) -> None:
    """Refuse, with `InvalidInput`, a judgement whose codes are unknown or that breaks a rule."""
    term = protocol.verdict(verdict)
    protocol.impact(impact)
    _check_severity(protocol, severity, "severity")
    for code, own in categories.items():
        label = protocol.category(code).label
        _check_severity(protocol, own, f"severity of {label!r}")
    if not term.low <= severity <= term.high:
        allowed = str(term.low) if term.low == term.high else f"from {term.low} to {term.high}"
        raise InvalidInput(f"{term.label!r} goes with severity {allowed}, not {severity}.")
    if categories and not term.categories:
        names = " or ".join(repr(each.label) for each in protocol.verdicts if each.categories)
        raise InvalidInput(f"{term.label!r} takes no categories; choose {names}, or clear them.")


def _check_severity(protocol: Protocol, value: int, name: str) -> None:
    allowed = [term.value for term in protocol.severities]
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise InvalidInput(f"The {name} is {repr(value)[:64]}; it must be a whole number from 0 to {max(allowed)}.")


def _find(terms: tuple[T, ...], code: str, kind: str) -> T:
    for term in terms:
        if term.code == code:
            return term
    raise InvalidInput(f"{code[:64]!r} is not a known {kind}; use one of {', '.join(t.code for t in terms)}.")


def _verdict(entry: Mapping[str, Any]) -> VerdictTerm:
    scale = entry["severity"]
    return VerdictTerm(
        code=entry["code"],
        label=entry["label"],
        definition=entry["definition"],
        low=scale["min"],
        high=scale["max"],
        default=scale["default"],
        categories=entry["categories"],
    )


def _check_codes(protocol: Protocol) -> None:
    """The data and the enums of `domain` are two lists of the same words; they must not drift."""
    pairs = ((protocol.verdicts, Verdict), (protocol.impacts, AnswerImpact))
    for terms, words in pairs:
        if [term.code for term in terms] != [word.value for word in words]:
            raise Unavailable(f"taxonomy.json does not list the words of {words.__name__} in their order.")


def _front_matter(text: str) -> tuple[str, str]:
    head = re.match(r"---\n(.*?)\n---\n", text, flags=re.DOTALL)
    version = re.search(r'^version: "?([^"\n]+)"?$', head.group(1), flags=re.MULTILINE) if head else None
    if head is None or version is None:
        raise Unavailable("guidelines.md does not begin with front matter that names its version.")
    return version.group(1), text[head.end() :].lstrip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"The annotation protocol cannot be read: {path.name}: {error.strerror}.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(_read(path))
    except ValueError as error:
        raise Unavailable(f"{path.name} is not JSON: {error}.") from error
    return value
