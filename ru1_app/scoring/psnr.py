"""Peak signal-to-noise ratio: 10 log10(255^2 / mean squared error), over all channels, in decibels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ru1_app.domain import Score
from ru1_app.images import Image8
from ru1_app.scoring.base import Pair, ScorerSpec, mismatch, scored

IDENTICAL = "identical"


def psnr(a: Image8, b: Image8) -> float:
    """PSNR of two uint8 images of one size in dB; `inf` when they are identical."""
    error = float(np.square(a.astype(np.float64) - b.astype(np.float64)).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


class PsnrScorer:
    """Pixel fidelity; identical images have no finite value and say so."""

    spec = ScorerSpec(
        name="psnr",
        label="PSNR",
        version="1",
        low=0.0,
        high=60.0,
        higher_is_better=True,
        unit="dB",
        definition="Mean squared pixel error on a logarithmic scale, in decibels. 20 is poor, 40 is hard to see.",
        blind_to="Where the error is: a wrong digit and a little noise everywhere can cost the same.",
    )

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One score per pair."""
        return [self._one(pair) for pair in pairs]

    def _one(self, pair: Pair) -> Score:
        if pair.other is None or mismatch(pair):
            return scored(self.spec, None, mismatch(pair))
        value = psnr(pair.image, pair.other)
        return scored(self.spec, value, IDENTICAL if math.isinf(value) else None)
