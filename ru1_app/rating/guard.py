"""How often a visitor's session may flag. That it could not be counted is an outcome of its own, and is stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.store.people_sql import People

HOUR = timedelta(hours=1)
log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What the guard found."""

    PASS = "pass"
    FAIL = "fail"
    UNAVAILABLE = "unavailable"  # not counted: accepted, and told apart from a pass for ever


@dataclass(frozen=True, slots=True)
class Checked:
    """An outcome; of a fail, when the next flag is taken."""

    outcome: Outcome
    free_at: datetime | None = None


class FlagGuard:
    """At most `most` flags of one session within an hour, counted in the database.

    Flags that one session sends at the same moment may pass together.
    """

    def __init__(self, people: People, most: int) -> None:
        self._people, self._most = people, most

    def check(self, session_id: str, now: datetime) -> Checked:
        """Whether the session may flag now."""
        try:
            times = self._people.flag_times(session_id, now - HOUR, self._most)
        except Unavailable:
            log.warning("A visitor's flags could not be counted; the flag is taken as unavailable", exc_info=True)
            return Checked(Outcome.UNAVAILABLE)
        if len(times) < self._most:
            return Checked(Outcome.PASS)
        return Checked(Outcome.FAIL, times[-1] + HOUR)

    def admit(self, session_id: str, now: datetime) -> str:
        """The outcome as it is stored with the rating.

        Raises:
            InvalidInput: too many flags; the message says when to go on.
        """
        checked = self.check(session_id, now)
        if checked.free_at is not None:
            minutes = max(1, -(-(checked.free_at - now) // timedelta(minutes=1)))
            raise InvalidInput(
                f"You have flagged {self._most} recoveries within an hour, which is the most. "
                f"Flag the next one in {minutes} min."
            )
        return checked.outcome.value
