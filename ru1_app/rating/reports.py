"""How far the labels are and how far they agree: what a lead looks at, and each rater's own figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from ru1_app.agreement.ac1 import ac1, percent_agreement
from ru1_app.agreement.alpha import Metric, alpha
from ru1_app.agreement.intervals import wilson
from ru1_app.agreement.regions import compare_raters, point
from ru1_app.agreement.table import Agreement, Triple, table_of, undefined
from ru1_app.domain import Rating, RatingSource, Region, Stage
from ru1_app.gold import gold_key_from, grade
from ru1_app.items import Item, ItemKind, Person, Purpose, Role, TurnState
from ru1_app.protocol import load_protocol
from ru1_app.rating.consensus import VERDICTS, agreed_of
from ru1_app.rating.people import need
from ru1_app.rating.policy import chosen
from ru1_app.store.labels_sql import Agreed, Label, Labels
from ru1_app.store.sql import Store


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    """How far raters agree on one field."""

    field: str
    label: str
    percent: Agreement
    alpha: Agreement
    ac1: Agreement


@dataclass(frozen=True, slots=True)
class RaterRow:
    """One rater's figures. `right` of `gold` silent gold items were judged rightly; the interval is Wilson's."""

    rater_id: str
    judged: int
    skipped: int
    median_seconds: float | None
    gold: int
    right: int
    low: float
    high: float
    with_majority: float | None  # share of items with a majority on which the rater said the same
    with_self: float | None  # share of items judged twice that got the same verdict twice
    days: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """Of all labels, at one moment."""

    states: dict[str, int]
    per_day: dict[str, int]
    fields: tuple[FieldAgreement, ...]
    regions: float | None  # mean F1 at IoU 0.5 over pairs of raters who both found fault
    regions_iou: float | None
    raters: tuple[RaterRow, ...]
    agreed: tuple[Agreed, ...]
    disputed: tuple[str, ...]  # recoveries
    made_at: datetime

    @property
    def elusive(self) -> tuple[Agreed, ...]:
        """Held true when blind, misleading beside the reference."""
        return tuple(row for row in self.agreed if row.elusive)


class Reports:
    """Made from the labels whenever they are asked for."""

    def __init__(self, store: Store) -> None:
        self._labels = Labels(store.database)

    def report(self, person: Person) -> Report:
        """Everything.

        Raises:
            Forbidden: the person is no lead.
        """
        need(person, Role.LEAD)
        return self.whole()

    def whole(self) -> Report:
        """The same, for the command line, which asks nobody's leave."""
        judged = list(self._labels.ratings((Purpose.WORK, Purpose.GOLD)))
        work = [label for label in judged if label.item.purpose is Purpose.WORK]
        now = datetime.now(UTC)
        agreed = agreed_of(work, now)
        first = [each for each in work if _first(each.rating)]
        regions = region_agreement(first)
        return Report(
            states=self._labels.states(),
            per_day=dict(
                sorted(Counter(f"{e.rating.created_at:%Y-%m-%d}" for e in judged if _blind(e.rating)).items())
            ),
            fields=tuple([*field_agreement(first, work), self._pairs()]),
            regions=regions[0] if regions else None,
            regions_iou=regions[1] if regions else None,
            raters=tuple(rater_rows(judged, agreed, self._labels.turns())),
            agreed=tuple(agreed),
            disputed=tuple(sorted({e.item.recovery_id for e in work if e.item.state.value == "disputed"})),
            made_at=now,
        )

    def stats(self, person: Person) -> dict[str, Any]:
        """A rater's own figures; a lead's team figures too. Plain values, for the API."""
        need(person, Role.RATER)
        turns = self._labels.turns().get(person.id, {})
        mine = {
            "judged": sum(turns.get(state.value, 0) for state in (TurnState.RATED, TurnState.DONE)),
            "skipped": turns.get(TurnState.SKIPPED.value, 0),
        }
        team = None
        if person.role.may(Role.LEAD):
            report = self.whole()
            team = {
                "states": report.states,
                "per_day": report.per_day,
                "agreement": {
                    row.field: {name: asdict(getattr(row, name)) for name in ("percent", "alpha", "ac1")}
                    for row in report.fields
                },
                "regions_f1": report.regions,
                "raters": [asdict(row) for row in report.raters],
                "elusive": [row.recovery_id for row in report.elusive],
                "disputed": list(report.disputed),
            }
        return {"mine": mine, "team": team}

    def _pairs(self) -> FieldAgreement:
        votes = [(item, vote) for item, vote in self._labels.votes() if not vote.round]
        triples = [(item.id, vote.rater_id, chosen(vote, item.recovery_id)) for item, vote in votes]
        return _field("pair", "Which of two is more faithful", triples, Metric.NOMINAL)


def field_agreement(first: Sequence[Label], work: Iterable[Label]) -> list[FieldAgreement]:
    """Agreement on the fields of first blind judgements, and on the answer's impact."""
    answers = [e for e in work if e.rating.stage is Stage.ANSWER and e.rating.source is RatingSource.RATER]
    answers = [e for e in answers if not e.rating.round]
    rows = [
        _field("verdict", "Verdict", _said(first, lambda r: r.verdict.value), Metric.NOMINAL, VERDICTS),
        _field("severity", "Severity", _said(first, lambda r: float(r.severity)), Metric.ORDINAL, [0.0, 1.0, 2.0, 3.0]),
        _field("answer_impact", "Answer impact", _said(answers, lambda r: r.answer_impact.value), Metric.NOMINAL),
        _field("supported", "Supported by the input", _said(answers, lambda r: r.supported_by_input), Metric.NOMINAL),
    ]
    for term in load_protocol().categories:
        marked = _said(first, lambda r, code=term.code: float(code in r.categories))
        rows.append(_field(f"category/{term.code}", term.label, marked, Metric.NOMINAL, [0.0, 1.0]))
    return rows


def region_agreement(first: Iterable[Label]) -> tuple[float, float] | None:
    """Mean F1 at IoU 0.5 and mean IoU of regions, over the items in which two raters or more found fault."""
    marked: dict[str, dict[str, list[Region]]] = defaultdict(dict)
    for label in first:
        if label.rating.severity > 1:
            marked[label.item.id][label.rating.rater_id] = [_shape(region) for region in label.rating.regions]
    found = [each for boxes in marked.values() if (each := compare_raters(boxes)) and any(boxes.values())]
    if not found:
        return None
    return sum(each.f1 for each in found) / len(found), sum(each.mean_iou for each in found) / len(found)


def rater_rows(judged: Sequence[Label], agreed: Iterable[Agreed], turns: dict[str, dict[str, int]]) -> list[RaterRow]:
    """The rater table, those with the most judgements first."""
    by_rater: dict[str, list[Label]] = defaultdict(list)
    for label in judged:
        if label.rating.source is RatingSource.RATER and label.rating.stage is Stage.BLIND:
            by_rater[label.rating.rater_id].append(label)
    verdicts = {row.item_id: row.verdict for row in agreed if row.verdict and row.raters > 1}
    rows = [_rater(id_, labels, verdicts, turns.get(id_, {})) for id_, labels in by_rater.items()]
    return sorted(rows, key=lambda row: (-row.judged, row.rater_id))


def _rater(rater_id: str, labels: Sequence[Label], verdicts: Mapping[str, str], turns: Mapping[str, int]) -> RaterRow:
    gold = [graded(each.item, each.rating) for each in labels if each.item.purpose is Purpose.GOLD]
    times = [each.rating.duration_ms / 1000 for each in labels if each.rating.duration_ms]
    own = [each for each in labels if each.item.id in verdicts and not each.rating.round]
    same = [each.rating.verdict.value == verdicts[each.item.id] for each in own]
    low, high = wilson(sum(gold), len(gold))
    return RaterRow(
        rater_id=rater_id,
        judged=len(labels),
        skipped=turns.get(TurnState.SKIPPED.value, 0),
        median_seconds=median(times) if times else None,
        gold=len(gold),
        right=sum(gold),
        low=low,
        high=high,
        with_majority=sum(same) / len(same) if same else None,
        with_self=_with_self(labels),
        days=_by_day(labels),
    )


def graded(item: Item, rating: Rating) -> bool:
    """Whether a gold item was judged rightly."""
    if item.key is None:
        return False
    key = gold_key_from(item.key)
    return grade(key, rating.verdict.value, rating.categories, rating.severity, rating.regions).passed


def _with_self(labels: Sequence[Label]) -> float | None:
    rounds: dict[str, dict[int, str]] = defaultdict(dict)
    for each in labels:
        rounds[each.item.id][each.rating.round] = each.rating.verdict.value
    twice = [said[0] == said[1] for said in rounds.values() if len(said) == 2]
    return sum(twice) / len(twice) if twice else None


def _by_day(labels: Iterable[Label]) -> dict[str, int]:
    return dict(sorted(Counter(f"{each.rating.created_at:%Y-%m-%d}" for each in labels).items()))


def _first(rating: Rating) -> bool:
    return _blind(rating) and not rating.round


def _blind(rating: Rating) -> bool:
    return rating.source is RatingSource.RATER and rating.stage is Stage.BLIND


def _said(labels: Iterable[Label], value: Any) -> list[Triple]:
    single = (each for each in labels if each.item.kind is ItemKind.SINGLE)
    return [(each.item.id, each.rating.rater_id, value(each.rating)) for each in single]


def _field(
    name: str, label: str, triples: Sequence[Triple], metric: Metric, values: Sequence[Any] | None = None
) -> FieldAgreement:
    if not triples:
        nothing = undefined("Nothing has been judged yet.")
        return FieldAgreement(name, label, nothing, nothing, nothing)
    table = table_of(triples, values)
    return FieldAgreement(name, label, percent_agreement(table), alpha(table, metric), ac1(table))


def _shape(region: Region) -> Region:
    return point(region.x0, region.y0, region.category) if region.x0 == region.x1 else region
