"""What the rating page or a client sends, as checked domain values. Pure; each refusal says what is allowed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ru1_app.domain import AnswerImpact, Case, Condition, Rating, RatingSource, Region, Stage, Verdict
from ru1_app.errors import InvalidInput
from ru1_app.flagging import check_comment, check_regions, derive_impact
from ru1_app.images import digest
from ru1_app.items import Item, PairChoice, PairVote, Supported, Turn
from ru1_app.protocol import Protocol, check_judgement

REQUEST = re.compile(r"[0-9a-f-]{8,64}")
LONGEST = 24 * 3600 * 1000  # milliseconds
MAX_DRAFT = 20_000  # bytes as JSON
MAX_REASON = 200
GLOBAL = range(1, 6)
CONFIDENCE = range(1, 4)


@dataclass(frozen=True, slots=True)
class Context:
    """Whose judgement of what, and when."""

    item: Item
    turn: Turn
    case: Case
    now: datetime
    shown_at: datetime | None
    protocol: Protocol
    supersedes: str | None = None
    source: RatingSource = RatingSource.RATER


def rating_of(form: Mapping[str, Any], stage: Stage, context: Context) -> Rating:
    """A judgement of one stage, as sent.

    Raises:
        InvalidInput: a field is missing, of another kind, or breaks a rule of the taxonomy.
    """
    _check_form(form)
    make = _answer if stage is Stage.ANSWER else _judged
    values = make(form, context)
    if stage is Stage.REVEAL:
        values["global_rating"] = _whole(form, "global_rating", GLOBAL, "The rating beside the clean image")
    return Rating(
        id=judgement_id(form.get("request_id"), context.item.id, context.turn, stage.value, context.source.value),
        recovery_id=context.item.recovery_id,
        source=context.source,
        stage=stage,
        comment=check_comment(_text(form, "comment").strip()),
        rater_id=context.turn.rater_id,
        taxonomy_version=context.protocol.taxonomy_version,
        guideline_version=context.protocol.guideline_version,
        created_at=context.now,
        consent=True,
        item_id=context.item.id,
        round=context.turn.round,
        shown_at=context.shown_at,
        duration_ms=_duration(form),
        supersedes=context.supersedes,
        **values,
    )


def vote_of(form: Mapping[str, Any], sides: tuple[str, str], context: Context) -> PairVote:
    """A choice between two recoveries; `sides` are the ids shown left and right.

    Raises:
        InvalidInput: a field is missing or of another kind.
    """
    _check_form(form)
    return PairVote(
        id=judgement_id(form.get("request_id"), context.item.id, context.turn, "pair", context.source.value),
        item_id=context.item.id,
        rater_id=context.turn.rater_id,
        left_id=sides[0],
        right_id=sides[1],
        choice=PairChoice(_word(form, "choice", [each.value for each in PairChoice], "choice")),
        comment=check_comment(_text(form, "comment").strip()),
        created_at=context.now,
        duration_ms=_duration(form),
        round=context.turn.round,
        supersedes=context.supersedes,
    )


def judgement_id(request: Any, item_id: str, turn: Turn, stage: str, source: str) -> str:
    """The id that a request gives its judgement: the same request again is the same judgement."""
    if not isinstance(request, str) or not REQUEST.fullmatch(request):
        raise InvalidInput("The judgement has no request id of 8 to 64 hexadecimal digits. Reload the page.")
    return digest("/".join((source, turn.rater_id, item_id, stage, str(turn.round), request)).encode())[:32]


def reason_of(text: Any) -> str:
    """Why an item is skipped."""
    if not isinstance(text, str) or not 0 < len(text.strip()) <= MAX_REASON:
        raise InvalidInput(f"Say why you skip it, in 1 to {MAX_REASON} characters.")
    return check_comment(text.strip())


def draft_of(body: Any) -> dict[str, Any]:
    """What is filled in, to be kept as it is.

    Raises:
        InvalidInput: it is no object, it is too large, or JSON cannot say it.
    """
    if body is None:
        return {}
    if not isinstance(body, Mapping):
        raise InvalidInput("A draft must be an object with a value for each field. Reload the page.")
    try:
        size = len(json.dumps(body, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("The draft holds a value that cannot be stored. Reload the page.") from error
    if size > MAX_DRAFT:
        raise InvalidInput(f"The draft has {size} bytes; up to {MAX_DRAFT} are kept.")
    return dict(body)


def impact_of(case: Case) -> AnswerImpact:
    """What the recovery did to the answer, as far as the stored answers tell."""
    asked = case.sample.question
    if asked is None:
        return AnswerImpact.NOT_APPLICABLE
    said = {record.condition: record.answered.choice for record in case.answers}
    expected = asked.expected if asked.options else None
    return derive_impact(expected, said.get(Condition.CORRUPTED), said.get(Condition.BOTH))


def _judged(form: Mapping[str, Any], context: Context) -> dict[str, Any]:
    protocol = context.protocol
    verdict = _word(form, "verdict", [term.code for term in protocol.verdicts], "verdict")
    severity = _whole(form, "severity", range(4), "The severity")
    categories = _categories(form.get("categories", {}))
    check_judgement(protocol, verdict, categories, severity, AnswerImpact.UNKNOWN.value)
    found = regions_of(form.get("regions", []))
    check_regions(protocol, verdict, found, points=True)
    return {
        "verdict": Verdict(verdict),
        "severity": severity,
        "categories": categories,
        "regions": found,
        "answer_impact": impact_of(context.case),
        "confidence": _whole(form, "confidence", CONFIDENCE, "The confidence"),
    }


def _answer(form: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The answer stage says nothing of the verdict; the row repeats the blind one, which `supersedes` never touches."""
    blind = next(
        (
            rating
            for rating in reversed(context.case.ratings)
            if rating.rater_id == context.turn.rater_id
            and rating.stage is Stage.BLIND
            and rating.round == context.turn.round
        ),
        None,
    )
    if blind is None:
        raise InvalidInput("Judge the two images first; the answer comes after.")
    impacts = [term.code for term in context.protocol.impacts]
    return {
        "verdict": blind.verdict,
        "severity": blind.severity,
        "categories": {},
        "regions": (),
        "answer_impact": AnswerImpact(_word(form, "answer_impact", impacts, "answer impact")),
        "confidence": blind.confidence,
        "supported_by_input": _word(form, "supported_by_input", [e.value for e in Supported], "support by the input"),
    }


def regions_of(raw: Any) -> tuple[Region, ...]:
    """Boxes and points as sent.

    Raises:
        InvalidInput: they are no list, or one is not four finite numbers.
    """
    if not isinstance(raw, list):
        raise InvalidInput("The regions must be a list. Reload the page.")
    found = []
    for box in raw:
        corners = [box.get(name) for name in ("x0", "y0", "x1", "y1")] if isinstance(box, Mapping) else []
        numbers = [_number(v) for v in corners if isinstance(v, int | float) and not isinstance(v, bool)]
        category = box.get("category") if isinstance(box, Mapping) else None
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or not isinstance(category, str | None):
            raise InvalidInput("A box did not arrive whole. Remove it and draw it again.")
        found.append(Region(numbers[0], numbers[1], numbers[2], numbers[3], category or None))
    return tuple(found)


def _number(value: float) -> float:
    """A number of any length; one that no float holds is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _check_form(form: Any) -> None:
    if not isinstance(form, Mapping):
        raise InvalidInput("A judgement must be an object with a value for each field. Reload the page.")


def _categories(raw: Any) -> dict[str, int]:
    if not isinstance(raw, Mapping) or not all(isinstance(code, str) for code in raw):
        raise InvalidInput("The categories must name a severity each. Reload the page.")
    return dict(raw)


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name) or ""
    if not isinstance(value, str):
        raise InvalidInput(f"The {name} must be a text.")
    return value


def _word(form: Mapping[str, Any], name: str, words: list[str], label: str) -> str:
    value = form.get(name)
    if value in (None, ""):
        raise InvalidInput(f"Choose the {label} first.")
    if not isinstance(value, str) or value not in words:
        raise InvalidInput(f"{str(value)[:64]!r} is not a known {label}; use one of {', '.join(words)}.")
    return value


def _whole(form: Mapping[str, Any], name: str, allowed: range, label: str) -> int:
    value = form.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise InvalidInput(f"{label} must be a whole number from {allowed[0]} to {allowed[-1]}.")
    return value


def _duration(form: Mapping[str, Any]) -> int | None:
    value = form.get("duration_ms")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise InvalidInput("The time taken must be milliseconds, at most a day.")
    return int(value)
