"""What a run compares, and what it withholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ru1_app.corruptions import CorruptionSpec, apply_spec
from ru1_app.domain import PairKind, ScoreRecord
from ru1_app.images import Image8
from ru1_app.scorecard import INSIDE, MOVED, OUTSIDE, Evidence, risky_places, score_run
from ru1_app.scoring.base import Scorer
from ru1_app.scoring.ciede import CIEDE2000
from ru1_app.scoring.no_reference import SHARPNESS
from ru1_app.scoring.risk import Described, RiskScorer
from ru1_app.scoring.risk_net import Risk
from tests.fakes import fake_scorers

SCORERS: dict[str, Scorer] = {**fake_scorers(), "ciede2000": CIEDE2000, "sharpness": SHARPNESS}


def scored(
    photo: Image8, spec: str, recovered: Image8 | None = None, *, scorers: dict[str, Scorer] = SCORERS
) -> dict[tuple[str, PairKind], ScoreRecord]:
    parsed = CorruptionSpec.parse(spec)
    damage = apply_spec(photo, parsed)
    good = damage.image if recovered is None else recovered
    evidence = Evidence(damage.image, good, photo, parsed, damage.mask, damage.geometry)
    return {(record.score.scorer, record.pair): record for record in score_run(scorers, evidence)}


def test_a_perfect_recovery_is_consistent_and_a_wrong_one_is_not(photo: Image8) -> None:
    spec = "gaussian_blur@high+gaussian_noise@low#3"
    right = scored(photo, spec, photo)[("psnr", PairKind.RECORRUPTED_CORRUPTED)]
    wrong = scored(photo, spec, np.ascontiguousarray(photo[:, ::-1]))[("psnr", PairKind.RECORRUPTED_CORRUPTED)]
    assert (right.score.value, right.score.reason) == (None, "identical")
    assert wrong.score.value is not None
    assert wrong.score.value < 20


def test_pixel_scores_are_withheld_where_geometry_moved_and_others_are_not(photo: Image8) -> None:
    found = scored(photo, "elastic_transform@mid#1")
    for name in ("ssim", "psnr", "ciede2000"):
        assert found[(name, PairKind.RECOVERED_REFERENCE)].score.reason == MOVED
        assert found[(name, PairKind.RECOVERED_REFERENCE)].score.value is None
    assert found[("clip", PairKind.RECOVERED_REFERENCE)].score.value is not None
    assert found[("ssim", PairKind.RECORRUPTED_CORRUPTED)].score.value is not None
    assert (INSIDE, PairKind.RECOVERED_REFERENCE) not in found


@pytest.mark.parametrize("spec", ["block_lost@mid#2", "gaussian_noise@high~0,0,0.3,0.4#2", "graffiti@low#1"])
def test_inside_and_outside_of_the_damage_are_told_apart(photo: Image8, spec: str) -> None:
    found = scored(photo, spec)
    inside = found[(INSIDE, PairKind.CORRUPTED_REFERENCE)].score.value
    outside = found[(OUTSIDE, PairKind.CORRUPTED_REFERENCE)].score.value
    assert inside is not None
    assert inside < 0.9
    assert outside == pytest.approx(1, abs=1e-6)  # nothing was touched there
    assert (INSIDE, PairKind.RECOVERED_REFERENCE) not in scored(photo, "gaussian_noise@mid#2")


def test_images_are_also_measured_alone(photo: Image8) -> None:
    found = scored(photo, "gaussian_blur@mid#0", photo)
    before, after = (found[("sharpness", k)].score.value for k in (PairKind.CORRUPTED_ALONE, PairKind.RECOVERED_ALONE))
    assert before is not None
    assert after is not None
    assert before < after


def test_a_recovery_of_another_size_has_reasons_instead_of_scores(photo: Image8) -> None:
    smaller = np.ascontiguousarray(photo[:-10, :-6])
    found = scored(photo, "block_lost@mid#2", smaller, scorers={"ssim": SCORERS["ssim"], "ciede2000": CIEDE2000})
    assert found[("ssim", PairKind.RECOVERED_REFERENCE)].score.value is None
    assert found[("ssim", PairKind.RECOVERED_REFERENCE)].score.reason
    assert (INSIDE, PairKind.CORRUPTED_REFERENCE) in found
    assert (INSIDE, PairKind.RECOVERED_REFERENCE) not in found


def test_what_looks_at_the_input_never_sees_the_clean_image(photo: Image8) -> None:
    """The risk of a hallucination is told from the corrupted and the recovered image, reference or not."""
    described = Described(900, 100, 40, 0.9, 0.85, 0.95, False, 1.0, 0.2, "abc")
    seen: list[tuple[float, ...]] = []

    def net(corrupted: Tensor, recovered: Tensor) -> Risk:
        seen.append((float(corrupted.mean()), float(recovered.mean())))
        return Risk(torch.zeros(1), torch.zeros(1, 16, 16))

    scorer = RiskScorer(net, described, "r1")
    dark, bright = np.full_like(photo, 51), np.full_like(photo, 204)
    for reference in (photo, None):
        records = score_run({"risk": scorer}, Evidence(dark, bright, reference))
        assert [(each.pair, each.score.value) for each in records] == [(PairKind.RECOVERED_CORRUPTED, 0.5)]
    assert seen == [(pytest.approx(0.2), pytest.approx(0.8))] * 2


def test_places_are_told_by_a_model_that_has_shown_that_it_can(photo: Image8) -> None:
    can = Described(900, 100, 40, 0.9, 0.85, 0.95, False, 1.0, 0.2, "abc", marked=40, hits=30, chance=0.1)
    evidence = Evidence(photo, photo)
    for described in (can, replace(can, hits=4)):
        scorer = RiskScorer(lambda *_: Risk(torch.zeros(1), torch.zeros(1, 16, 16)), described, "r1")
        found = risky_places({"risk": scorer}, evidence)
        assert (found is not None) == (described is can)
        assert found is None or (found.shares.shape, float(found.shares.max())) == ((16, 16), 0.5)
    assert risky_places({}, evidence) is None
