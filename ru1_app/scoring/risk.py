"""Hallucination risk: the probability that people find a recovery misleading, by a model of their judgements."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ru1_app.domain import Score
from ru1_app.errors import Unavailable
from ru1_app.images import Image8
from ru1_app.scoring.base import Pair, ScorerSpec, mismatch, scored

NAME = "risk"
LEAST_LABELS = 200  # judged recoveries of training, and
LEAST_OF_EACH = 20  # held-out ones that mislead, and that do not
LEAST_AUROC = 0.6  # lower end of its interval
TOO_FEW = "too few labels to say"
SHORT = 12  # digits of a digest that a person is shown


@dataclass(frozen=True, slots=True)
class Described:
    """What a risk model says of itself: on how many labels it stands, and how well it tells on held-out ones."""

    labels: int  # judged recoveries of its training data
    held_out: int
    held_out_misleading: int
    auroc: float | None
    auroc_low: float | None
    auroc_high: float | None
    simulated: bool  # labels are those of simulated raters, all or some
    temperature: float
    base_rate: float  # of misleading ones in its training data
    release: str  # digest
    images: int = 0  # source images of the labels
    held_out_images: int = 0
    raters: int = 0  # of them all
    simulated_raters: int = 0  # of those
    calibration_error: float | None = None  # held out
    marked: int = 0  # held-out misleading ones where raters marked places; of them
    hits: int = 0  # those whose riskiest place is a marked one
    chance: float = 0.0  # and the share of hits that a place drawn at random would have

    @property
    def enough(self) -> bool:
        """Whether its word is worth showing."""
        least = min(self.held_out_misleading, self.held_out - self.held_out_misleading)
        return self.labels >= LEAST_LABELS and least >= LEAST_OF_EACH and (self.auroc_low or 0.0) >= LEAST_AUROC

    @property
    def places_told(self) -> bool:
        """Whether its map is worth showing: it finds what raters marked more often than chance would, for sure."""
        return self.enough and self.marked > 0 and least_share(self.hits, self.marked) > self.chance

    @property
    def judges(self) -> str:
        """Who gave the labels."""
        if not self.simulated:
            return "people"
        return "people and simulated raters" if self.simulated_raters < self.raters else "simulated raters"

    @property
    def told(self) -> str:
        """Whether it can tell, on what it rests, and how well it does or what is lacking; sentences for a person."""
        return self.rests_on if self.enough else f"{TOO_FEW.capitalize()}. {self.rests_on}"

    @property
    def rests_on(self) -> str:
        """On what it rests, and how well it does or what is lacking; sentences for a person."""
        of_images = f" of {self.images:,} pictures" if self.images else ""
        scenes = " of drawn scenes" if self.simulated else ""
        rests = (
            f"Learned from {self.labels:,} recoveries{of_images}, judged by {self.judges}{scenes} (release "
            f"{self.release[:SHORT]})"
        )
        if not self.enough:
            return f"{rests}. {self._needed}"
        return (
            f"{rests}; on average {self.base_rate:.0%} of their raters held them to mislead. Held-out AUROC "
            f"{self.auroc:.2f} ({self.auroc_low:.2f} to {self.auroc_high:.2f}) on {self.held_out:,}."
        )

    @property
    def places_note(self) -> str:
        """How well the map does, for a person."""
        return (
            f"in {self.hits} of {self.marked} held-out misleading recoveries the riskiest place was one that they "
            f"marked; by chance {self.chance:.0%}"
        )

    @property
    def _needed(self) -> str:
        fine = self.held_out - self.held_out_misleading
        needed = [f"{LEAST_LABELS} of them"] if self.labels < LEAST_LABELS else []
        if min(self.held_out_misleading, fine) < LEAST_OF_EACH:
            had = f"(there are {self.held_out_misleading} and {fine})"
            needed.append(f"{LEAST_OF_EACH} held-out ones that mislead and {LEAST_OF_EACH} that do not {had}")
        if not needed:
            needed.append(f"a held-out AUROC that is surely above {LEAST_AUROC:g}")
        return f"It needs {' and '.join(needed)}."


def least_share(hits: int, count: int) -> float:
    """The lower end of Wilson's interval of 95 %."""
    z = 1.96
    middle, spread = hits + z * z / 2, z * math.sqrt(hits * (count - hits) / count + z * z / 4)
    return (middle - spread) / (count + z * z)


class Places(NamedTuple):
    """Where a recovery may mislead: the share of its judges who would mark each place [16, 16], in [0, 1]."""

    shares: NDArray[np.float32]
    judges: str
    note: str


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
            definition="Probability that people find the recovery misleading, by a model of their judgements.",
            blind_to="What its raters never saw: other kinds of pictures, damage and models than those they judged.",
            model=f"risk {revision}",
            aligned=False,
            of_input=True,
            judges=described.judges,
            rests_on=described.rests_on,
        )

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One probability for each pair of recovered and corrupted image."""
        if not self.described.enough:
            return [scored(self.spec, None, TOO_FEW) for _ in pairs]
        return [self._one(pair) for pair in pairs]

    def _one(self, pair: Pair) -> Score:
        if pair.other is None or mismatch(pair):
            return scored(self.spec, None, mismatch(pair))
        return scored(self.spec, self.look(pair.image, pair.other)[0])

    def places(self, pair: Pair) -> Places | None:
        """Where it may mislead; None where the model has not shown that it can tell."""
        if pair.other is None or not self.described.places_told:
            return None
        return Places(self.look(pair.image, pair.other)[1], self.described.judges, self.described.places_note)

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
