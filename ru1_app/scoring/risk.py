"""Hallucination risk: the probability that people find a recovery misleading, by a model of their judgements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ru1_app.domain import Score
from ru1_app.errors import Unavailable
from ru1_app.images import Image8
from ru1_app.scoring.base import Pair, ScorerSpec, scored

NAME = "risk"
LEAST_LABELS = 200  # judged recoveries of training, and
LEAST_OF_EACH = 20  # held-out ones that mislead, and that do not
LEAST_AUROC = 0.6  # lower end of its interval
TOO_FEW = "too few labels to say"


@dataclass(frozen=True, slots=True)
class Described:
    """What a risk model says of itself: on how many labels it stands, and how well it tells on held-out ones."""

    labels: int
    held_out: int
    held_out_misleading: int
    auroc: float | None
    auroc_low: float | None
    auroc_high: float | None
    simulated: bool  # the labels are those of simulated raters
    temperature: float
    base_rate: float  # of misleading ones in its training data
    release: str  # digest

    @property
    def enough(self) -> bool:
        """Whether its word is worth showing."""
        least = min(self.held_out_misleading, self.held_out - self.held_out_misleading)
        return self.labels >= LEAST_LABELS and least >= LEAST_OF_EACH and (self.auroc_low or 0.0) >= LEAST_AUROC

    @property
    def told(self) -> str:
        """One sentence for a person."""
        people = "simulated raters of drawn scenes" if self.simulated else "people"
        if not self.enough:
            return f"Trained on {self.labels:,} judgements by {people}: {TOO_FEW}."
        return (
            f"By a model of {self.labels:,} judgements by {people}; held-out AUROC {self.auroc:.2f} "
            f"({self.auroc_low:.2f} to {self.auroc_high:.2f})."
        )


def describe(folder: Path) -> Described:
    """What is written beside the weights; `Unavailable` where there is nothing readable."""
    try:
        return Described(**json.loads((folder / "risk.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise Unavailable(f"There is no risk model in {folder}. Train one on a release.") from error


class RiskScorer:
    """Of the recovered image beside the corrupted one; it never sees the clean one."""

    def __init__(self, net: Any, described: Described, revision: str) -> None:
        self._net, self.described = net, described
        self.spec = ScorerSpec(
            name=NAME,
            label="Hallucination risk",
            version="1",
            low=0.0,
            high=1.0,
            higher_is_better=False,
            unit="",
            definition=f"Probability that people find the recovery misleading. {described.told}",
            blind_to="What its raters never saw: other kinds of pictures, damage and models than those they judged.",
            model=f"risk {revision}",
            aligned=False,
            of_input=True,
        )

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One probability for each pair of recovered and corrupted image."""
        if not self.described.enough:
            return [scored(self.spec, None, TOO_FEW) for _ in pairs]
        return [scored(self.spec, self.look(pair.image, pair.other)[0]) for pair in pairs if pair.other is not None]

    def look(self, recovered: Image8, corrupted: Image8) -> tuple[float, NDArray[np.float32]]:
        """The probability, and how misleading each place is, [16, 16] in [0, 1]."""
        import torch

        with torch.inference_mode():
            found = self._net(_tensor(corrupted), _tensor(recovered))
            probability = torch.sigmoid(found.logit / self.described.temperature)
            return float(probability), np.asarray(torch.sigmoid(found.places[0]).numpy(), np.float32)


def load_risk(folder: Path, clip: Path) -> RiskScorer:
    """The risk scorer of a folder.

    Raises:
        Unavailable: there is none, or it does not fit the CLIP.
    """
    described = describe(folder)
    from ru1_app.models.revision import weights_revision
    from ru1_app.scoring.risk_net import WEIGHTS, load_net

    return RiskScorer(load_net(folder, clip), described, weights_revision(folder / WEIGHTS))


def _tensor(image: Image8) -> Any:
    import torch

    return torch.tensor(image).permute(2, 0, 1)[None].float() / 255
