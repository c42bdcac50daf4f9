"""What a release would hold: one walk over the store that chooses, and one over what is chosen that counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ru1_app.export.cases.preferences import PART as PAIRS
from ru1_app.export.cases.selection import Selection
from ru1_app.export.cases.source import Source, watched
from ru1_app.export.cases.tally import Tally
from ru1_app.export.planning.choosing import PART, choose
from ru1_app.export.planning.survey import Survey, survey
from ru1_app.store.sql import Store

Step = Callable[[str, float], None]
"""Told what is being done and how far it is, 0 to 1; it may raise to stop."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would hold."""

    source: Source
    survey: Survey
    considered: int
    kept: int  # recoveries in it
    excluded: dict[str, int]

    def without_cases(self) -> Plan:
        """The same without the list of what was chosen, which may be long: what it says, it still says."""
        return replace(self, source=replace(self.source, chosen=()))


def plan(store: Store, selection: Selection, until: datetime | None = None, step: Step | None = None) -> Plan:
    """Choose and count. `until`: what was judged later is left out; now, if not given."""
    told = step or (lambda what, share: None)
    tally = Tally()
    moment = until or datetime.now(UTC)

    def looked(done: int, of: int) -> None:
        told(f"Looked at {done:,} of {of:,} recoveries", 0.5 * done / of)

    def counted(done: int) -> None:
        told(f"Counted {done:,} of {len(source.chosen):,} recoveries", 0.5 + 0.5 * done / len(source.chosen))

    source = choose(store, selection, moment, tally, looked)
    found = survey(watched(source, counted), tally.of(PAIRS))
    lost = tally.of(PART)
    return Plan(source, found, len(source.chosen) + sum(lost.values()), len(source.chosen), lost)


def why_empty(made: Plan) -> str:
    """What to do where nothing fits."""
    if not made.considered:
        return "No judged case fits these filters. Recover an image and flag it, or let raters judge; then export."
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in made.excluded.items())
    hint = " Take visitors' flags in, or have raters confirm them." if "flagged by visitors only" in reasons else ""
    return f"Nothing is left of {made.considered:,} recoveries: {reasons}.{hint or ' Ask for less.'}"
