"""Which recoveries a release takes, and why it leaves the others out.

One is taken for its label, or for a preference between it and another one that is taken: so that each is in some row.
What was only voted on, and is in no preference, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from ru1_app.domain import Case
from ru1_app.export.cases.reasons import label_for, why_barred, why_unlabelled
from ru1_app.export.cases.rows import Row
from ru1_app.export.cases.selection import Selection
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.store.release_sql import Chosen, Group, Released
from ru1_app.store.sql import Store

PART = "release"
ALONE = "voted on only, and the other one is left out"
UNDECIDED = "voted on only, and neither is preferred"
NO_LABEL = "voted on only"  # where labels of one kind are asked for
LATER = "judged later"
Rivals = Mapping[str, set[str]]
"""The recoveries that people saw beside each recovery, by id."""


def choose(
    store: Store, selection: Selection, until: datetime, tally: Tally, progress: Callable[[int, int], None]
) -> Source:
    """Walk over everything that the filters let through, and keep what the selection takes.

    `tally` learns why recoveries are left out and which pairs are lost to which rule; `progress` is told how many
    recoveries were looked at, and of how many.
    """
    source = Source(store, selection, (), until)
    candidates = Released(store.database).judged(selection.filters, flags_only=selection.flags_only)
    kept: list[Chosen] = []
    done = 0
    for group in Released(store.database).groups(candidates):
        kept += [(group.sample.id, row.case.id) for row in _taken(source, group, tally)]
        done += len(group.cases)
        progress(done, len(candidates))
    return replace(source, chosen=kept)


def _taken(source: Source, group: Group, tally: Tally) -> Iterator[Row]:
    rivals = _rivals(source, group)
    reasons = {case.id: _why_not(source, case, rivals) for case in group.cases}
    found = source.rows_of(replace(group, cases=tuple(case for case in group.cases if not reasons[case.id])), tally)
    there = {row.case.id for row in found.rows}
    preferred = {row.case.id for pair in found.preferences for row in (pair.chosen, pair.rejected)}
    for row in found.rows:
        if row.label is not None or row.case.id in preferred:
            yield row
        else:
            lonely = UNDECIDED if rivals[row.case.id] & there else ALONE
            reasons[row.case.id] = why_unlabelled(row.case, source.selection, source.until) or lonely
    for reason in filter(None, reasons.values()):
        tally.lose(PART, reason)


def _rivals(source: Source, group: Group) -> Rivals:
    found: dict[str, set[str]] = {}
    for each in source.votes_of(group):
        pair = {each.vote.left_id, each.vote.right_id}
        for id_ in pair:
            found.setdefault(id_, set()).update(pair - {id_})
    return found


def _why_not(source: Source, case: Case, rivals: Rivals) -> str | None:
    """Why a recovery is left out whatever becomes of its pairs; None where it may stay."""
    selection, until = source.selection, source.until
    if barred := why_barred(case, selection, until):
        return barred
    if label_for(case, selection, until) is None:
        if case.id not in rivals:
            return why_unlabelled(case, selection, until) or LATER
        if selection.adjudicated or selection.elusive:
            return why_unlabelled(case, selection, until) or NO_LABEL
    return None if source.store.has_images(case) else "an image is missing or damaged"
