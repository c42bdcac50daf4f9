"""Small figures of shares and verdicts: the Wilson interval, the entropy, the range of severities."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Hashable


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, "Probable inference", JASA 22, 1927), within [0, 1]; of nothing, all of it.

    Args:
        right: how many had the property, 0 to `total`.
        total: how many there were.
        z: normal quantile of the interval.
    """
    if total == 0:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return (max(0.0, middle - half) if right else 0.0), (min(1.0, middle + half) if right < total else 1.0)


def entropy(verdicts: Collection[Hashable]) -> float | None:
    """Entropy in bits of the verdicts' shares (Shannon 1948); None of none.

    0 = all the same, log2(k) = k different ones equally often.
    """
    if not verdicts:
        return None
    counts, total = Counter(verdicts).values(), len(verdicts)
    return sum(count / total * math.log2(total / count) for count in counts)


def severity_range(severities: Collection[int]) -> int | None:
    """The largest severity less the smallest: 0 = all the same, 3 = as far apart as can be; None of none."""
    return max(severities) - min(severities) if severities else None
