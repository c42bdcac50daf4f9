"""Which images of a run are compared, by whom, and what is withheld.

With a reference: corrupted and recovered against it. Without: recovered against corrupted, which is agreement
with the input, not quality. Each image alone for scorers that need no other. Where the damaged part is known,
SSIM inside and outside of it. Where the corruption is known, it is applied again to the recovery: the result
should be the input (consistency).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ru1_app.corruptions import CorruptionSpec, Geometry, corrupt
from ru1_app.corruptions.base import Mask
from ru1_app.domain import PairKind, Score, ScoreRecord
from ru1_app.images import Image8
from ru1_app.scoring.base import Pair, Scorer, ScorerSpec
from ru1_app.scoring.maps import mean_within, ssim_map, touched_by_windows
from ru1_app.scoring.risk import NAME as RISK
from ru1_app.scoring.risk import Places, RiskScorer
from ru1_app.scoring.ssim import WINDOW

MOVED = "the corruption moves things, so a comparison pixel by pixel with the clean image says nothing"
CONSISTENCY = ("ssim", "psnr")  # what the distance of consistency is measured with
INSIDE, OUTSIDE = "ssim_inside", "ssim_outside"


@dataclass(frozen=True)
class Evidence:
    """What a run knows of its images, all RGB uint8 [H, W, 3] of one size."""

    corrupted: Image8
    recovered: Image8
    reference: Image8 | None = None
    spec: CorruptionSpec | None = None
    mask: Mask | None = None  # [H, W], true where the corruption may have changed the reference
    geometry: Geometry = Geometry.KEPT


def score_run(scorers: Mapping[str, Scorer], evidence: Evidence) -> tuple[ScoreRecord, ...]:
    """Every score of a run, in the order of the scorers. Each scorer is called once, with all its pairs."""
    return tuple(record for name, scorer in scorers.items() for record in _score(name, scorer, evidence)) + tuple(
        _by_damage(scorers, evidence)
    )


def risky_places(scorers: Mapping[str, Scorer], evidence: Evidence) -> Places | None:
    """Where the recovery may mislead, where there is a model that can tell."""
    scorer = scorers.get(RISK)
    if not isinstance(scorer, RiskScorer):
        return None
    return scorer.places(Pair(evidence.recovered, evidence.corrupted))


def _score(name: str, scorer: Scorer, evidence: Evidence) -> Iterator[ScoreRecord]:
    pairs = _pairs(name, scorer.spec, evidence)
    for kind, score in zip(pairs, scorer.score(list(pairs.values())), strict=True):
        yield ScoreRecord(kind, _withheld(kind, scorer.spec, score, evidence), scorer.spec.model)


def _pairs(name: str, spec: ScorerSpec, evidence: Evidence) -> dict[PairKind, Pair]:
    bad, good, clean = evidence.corrupted, evidence.recovered, evidence.reference
    if not spec.reference:
        return {PairKind.CORRUPTED_ALONE: Pair(bad, None), PairKind.RECOVERED_ALONE: Pair(good, None)}
    if clean is None or spec.of_input:
        return {PairKind.RECOVERED_CORRUPTED: Pair(good, bad)}
    pairs = {PairKind.CORRUPTED_REFERENCE: Pair(bad, clean), PairKind.RECOVERED_REFERENCE: Pair(good, clean)}
    if evidence.spec is not None and name in CONSISTENCY:
        pairs[PairKind.RECORRUPTED_CORRUPTED] = Pair(corrupt(good, evidence.spec), bad)
    return pairs


def _withheld(kind: PairKind, spec: ScorerSpec, score: Score, evidence: Evidence) -> Score:
    """Where geometry moved, no comparison of pixels with the clean image is shown as quality."""
    against_clean = kind in (PairKind.CORRUPTED_REFERENCE, PairKind.RECOVERED_REFERENCE)
    if evidence.geometry is Geometry.MOVED and spec.aligned and against_clean:
        return Score(score.scorer, score.version, None, MOVED)
    return score


def _by_damage(scorers: Mapping[str, Scorer], evidence: Evidence) -> Iterator[ScoreRecord]:
    """SSIM inside and outside of the damaged part, where it is known and not the whole image."""
    clean, mask = evidence.reference, evidence.mask
    if "ssim" not in scorers or clean is None or mask is None or mask.all() or evidence.geometry is Geometry.MOVED:
        return
    if min(mask.shape) < WINDOW:
        return
    version, touched = scorers["ssim"].spec.version, touched_by_windows(mask)
    for kind, image in (
        (PairKind.CORRUPTED_REFERENCE, evidence.corrupted),
        (PairKind.RECOVERED_REFERENCE, evidence.recovered),
    ):
        if image.shape != clean.shape:
            continue  # a recoverer may give another size; the plain scores say why there is none
        values = ssim_map(image, clean)
        for name, value in ((INSIDE, mean_within(values, mask)), (OUTSIDE, mean_within(values, ~touched))):
            reason = None if value is not None else "that part of the image is empty"
            yield ScoreRecord(kind, Score(name, version, value, reason))
