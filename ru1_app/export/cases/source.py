"""What writers of formats read: the rows of a release, group by group, and the bytes of their images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ru1_app.export.cases.labels import Label, valid
from ru1_app.export.cases.preferences import preferences
from ru1_app.export.cases.reasons import label_for
from ru1_app.export.cases.rows import Preference, Row, RowGroup, split_of
from ru1_app.export.cases.selection import Selection
from ru1_app.export.cases.tally import Tally
from ru1_app.store.release_sql import Chosen, Group, Released, Vote
from ru1_app.store.sql import Store

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

    def groups(self) -> Iterator[RowGroup]:
        """The samples with their rows and preferences."""
        done = 0
        for group in Released(self.store.database).groups(self.chosen):
            yield self.rows_of(group, Tally())
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

    def rows_of(self, group: Group, tally: Tally) -> RowGroup:
        """The rows and preferences of a sample; `tally` learns which pairs were lost to which rule."""
        split = split_of(group.sample, self.selection)
        rows = tuple(Row(case, label_for(case, self.selection, self.until), split) for case in group.cases)
        found = preferences(rows, self.votes_of(group), self.selection.least_raters, tally)
        return RowGroup(group.sample, rows, tuple(found))

    def votes_of(self, group: Group) -> list[Vote]:
        """The first votes that count: made up to the moment, and not taken back by then."""
        if self.selection.flags_only:
            return []
        counts = {vote.id for vote in valid([each.vote for each in group.votes], self.until) if not vote.round}
        return [each for each in group.votes if each.vote.id in counts]


def watched(source: Source, progress: Progress) -> Source:
    """The same source, telling another listener."""
    return replace(source, progress=progress)
