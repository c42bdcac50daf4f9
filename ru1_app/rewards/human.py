"""What people said of a recovery as a number. Pure; the same in every format.

It is *offline*: it belongs to the recovery that was judged. It orders and weights cases (`hard_weight`) and is the
target of a reward model; it is never the reward of a recovery that a policy draws now.
"""

from __future__ import annotations

VERSION = "2"
HELD_TRUE = {"faithful": 1.0, "benign_detail": 0.5}
CANNOT_TELL = 0.0
MOST_SEVERE = 3.0


def human_reward(verdict: str | None, mean_severity: float) -> float:
    """In [-1, 1]: faithful 1, benign detail 0.5, cannot tell and no majority 0, else -(mean severity) / 3."""
    if verdict in HELD_TRUE:
        return HELD_TRUE[verdict]
    if verdict is None or verdict == "cannot_tell":
        return CANNOT_TELL
    return -round(mean_severity / MOST_SEVERE, 4) + 0.0


def hard_weight(verdict: str | None, mean_severity: float, elusive: bool = False) -> float:
    """How often a trainer should draw the input: 1 where it went well, up to 4 where it misled, 1 more if elusive."""
    if human_reward(verdict, mean_severity) >= 0:
        return 1.0 + elusive
    return round(1.0 + mean_severity + elusive, 4)
