"""What writers of formats read: the rows of a release, group by group, and the bytes of their images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ru1_app.domain import Case, RatingSource
from ru1_app.export.labels import Label, label_of
from ru1_app.export.preferences import preferences
from ru1_app.export.rows import Preference, Row, RowGroup, split_of
from ru1_app.export.selection import UNKNOWN, Selection
from ru1_app.export.tally import Tally
from ru1_app.store.release_sql import Chosen, Group, Released, Vote
from ru1_app.store.sql import Store

PART = "release"
Progress = Callable[[int], None]
"""Called with how many cases have been read; it may raise to stop."""


@dataclass(frozen=True, slots=True)
class Source:
    """The cases of one release. Every walk gives the same groups in the same order: `until` cuts off what came later.

    `chosen` are the recoveries that survived the selection.
    """

    store: Store
    selection: Selection
    chosen: Sequence[Chosen]
    until: datetime
    progress: Progress = lambda _: None

    def groups(self, tally: Tally | None = None) -> Iterator[RowGroup]:
        """The samples with their rows and preferences; `tally` learns which pairs were lost to which rule."""
        done = 0
        for group in Released(self.store.database).groups(self.chosen):
            yield self._rows(group, tally or Tally())
            done += len(group.cases)
            self.progress(done)

    def rows(self) -> Iterator[tuple[Row, Label]]:
        """The labelled rows."""
        for group in self.groups():
            yield from group.labelled

    def preferences(self) -> Iterator[Preference]:
        """The preferences."""
        for group in self.groups():
            yield from group.preferences

    def image(self, sha: str) -> bytes:
        """The PNG bytes of an image."""
        return self.store.image(sha)

    def _rows(self, group: Group, tally: Tally) -> RowGroup:
        split = split_of(group.sample, self.selection)
        rows = tuple(Row(case, label_for(case, self.selection, self.until), split) for case in group.cases)
        votes = [vote for vote in group.votes if vote.vote.created_at <= self.until and not self.selection.flags_only]
        found = preferences(rows, votes, self.selection.least_raters, tally)
        return RowGroup(group.sample, rows, tuple(found))


def choose(
    store: Store, selection: Selection, until: datetime, tally: Tally, progress: Callable[[int, int], None]
) -> Source:
    """Walk over everything that the filters let through, and keep what the selection takes.

    A recovery without a label of its own stays where people voted on it beside another one. `progress` is told how many
    were looked at, and of how many.
    """
    candidates = Released(store.database).judged(selection.filters, flags_only=selection.flags_only)
    kept: list[Chosen] = []
    done = 0
    for group in Released(store.database).groups(candidates):
        voted = _voted(group.votes, until)
        for case in group.cases:
            reason = why_not(case, selection, until, voted=case.id in voted)
            if reason is None and not store.has_images(case):
                reason = "an image is missing or damaged"
            if reason is None:
                kept.append((case.sample.id, case.id))
            else:
                tally.lose(PART, reason)
        done += len(group.cases)
        progress(done, len(candidates))
    return Source(store, selection, kept, until)


def label_for(case: Case, selection: Selection, until: datetime) -> Label | None:
    """The label, where it is strong enough for the selection."""
    return None if why_not(case, selection, until) else label_of(case, until, visitors=selection.visitors)


def why_not(case: Case, selection: Selection, until: datetime, *, voted: bool = False) -> str | None:
    """Why a case is left out, or None where it is taken; `voted`: people chose between it and another one."""
    if selection.licenses and (case.sample.license or UNKNOWN) not in selection.licenses:
        return "another licence"
    if selection.flags_only and _judged(case, until):
        return "judged by raters meanwhile"
    label = label_of(case, until, visitors=selection.visitors)
    if label is None:
        return None if voted and not (selection.adjudicated or selection.elusive) else _nobody(case, until)
    reasons = {
        "not adjudicated": selection.adjudicated and label.status.value != "adjudicated",
        "not elusive": selection.elusive and not label.elusive,
        f"fewer than {selection.least_raters} raters": (
            label.status.value == "confirmed" and label.raters < selection.least_raters
        ),
        "the raters agree too little": label.status.value == "confirmed" and label.share < selection.least_agreement,
    }
    found = next((reason for reason, holds in reasons.items() if holds), None)
    return None if voted and found and not (selection.adjudicated or selection.elusive) else found


def _judged(case: Case, until: datetime) -> bool:
    return any(each.source is not RatingSource.VISITOR and each.created_at <= until for each in case.ratings)


def _nobody(case: Case, until: datetime) -> str:
    told = [rating for rating in case.ratings if rating.created_at <= until]
    if not told:
        return "voted on only, and the other one is left out" if not case.ratings else "judged later"
    if not any(rating.consent for rating in told):
        return "without consent"
    return "flagged by visitors only"


def _voted(votes: Sequence[Vote], until: datetime) -> set[str]:
    some = [each for each in votes if each.vote.created_at <= until and not each.vote.round]
    return {id_ for each in some for id_ in (each.item.recovery_id, each.item.other_id) if id_}


def watched(source: Source, progress: Progress) -> Source:
    """The same source, telling another listener."""
    return replace(source, progress=progress)
