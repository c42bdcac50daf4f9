"""What raters say together of each item: the majority, Dawid and Skene's model of raters, the adjudicator. Derived."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median

from ru1_app.agreement.dawid_skene import dawid_skene, majority
from ru1_app.agreement.table import table_of
from ru1_app.domain import Rating, RatingSource, Stage, Verdict
from ru1_app.items import Item, ItemKind
from ru1_app.store.labels_sql import Agreed, Label, Labels

VERDICTS = [verdict.value for verdict in Verdict]
HELD_TRUE = (Verdict.FAITHFUL, Verdict.BENIGN_DETAIL)


def recompute(labels: Labels, now: datetime) -> list[Agreed]:
    """Derive the consensus of every work item again, and keep it."""
    rows = agreed_of(labels.ratings(), now)
    labels.keep_agreed(rows)
    return rows


def agreed_of(judged: Iterable[Label], now: datetime) -> list[Agreed]:
    """The consensus of single items, by id. Visitors' flags are no labels; an adjudicator's judgement settles."""
    items: dict[str, Item] = {}
    blind: dict[str, list[Rating]] = {}
    reveal: dict[str, list[Rating]] = {}
    settled: dict[str, Rating] = {}
    for label in judged:
        rating, id_ = label.rating, label.item.id
        if label.item.kind is not ItemKind.SINGLE or rating.round:
            continue
        items[id_] = label.item
        if rating.source is RatingSource.ADJUDICATOR:
            if id_ not in settled or settled[id_].created_at < rating.created_at:
                settled[id_] = rating
        elif rating.source is RatingSource.RATER and rating.stage is Stage.BLIND:
            blind.setdefault(id_, []).append(rating)
        elif rating.source is RatingSource.RATER and rating.stage is Stage.REVEAL:
            reveal.setdefault(id_, []).append(rating)
    triples = [(id_, r.rater_id, r.verdict.value) for id_, ratings in blind.items() for r in ratings]
    table = table_of(triples, VERDICTS)
    most, modelled = majority(table), dawid_skene(table).best() if triples else {}
    rows = []
    for id_ in sorted(blind.keys() | settled.keys()):
        ratings, last = blind.get(id_, []), settled.get(id_)
        winner = most.get(id_)
        more = winner is not None and winner.winner is not None and winner.share > 0.5
        verdict = last.verdict.value if last else str(winner.winner) if winner and more else None
        model = modelled.get(id_, (None, 0.0))
        rows.append(
            Agreed(
                item_id=id_,
                recovery_id=items[id_].recovery_id,
                verdict=verdict,
                severity=last.severity if last else middle(ratings),
                raters=len(ratings),
                share=_share(ratings, last) if last else winner.share if winner else 0.0,
                modelled=str(model[0]) if model[0] else None,
                certainty=model[1] if ratings else None,
                elusive=elusive(ratings, reveal.get(id_, [])),
                adjudicated=last is not None,
                computed_at=now,
            )
        )
    return rows


def _share(ratings: Sequence[Rating], settled: Rating) -> float:
    """Of the raters, those who say what was settled."""
    return sum(each.verdict is settled.verdict for each in ratings) / max(1, len(ratings))


def middle(ratings: Sequence[Rating]) -> int | None:
    """The median severity, the worse one where two are in the middle."""
    return math.ceil(median(rating.severity for rating in ratings)) if ratings else None


def elusive(blind: Sequence[Rating], reveal: Sequence[Rating]) -> bool:
    """Whether a rater held the recovery true when it was seen blind, and misleading beside the reference."""
    true = {rating.rater_id for rating in blind if rating.verdict in HELD_TRUE}
    return any(rating.rater_id in true and rating.verdict is Verdict.MISLEADING for rating in reveal)
