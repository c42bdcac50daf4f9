"""What the page shows: escaped, labelled, and saying better or worse in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ru1_app.domain import Answered, Condition, PairKind, Question, Score, ScoreRecord
from ru1_app.errors import InvalidInput
from ru1_app.images import from_png
from ru1_app.scoring.risk import TOO_FEW, Described, Places, RiskScorer
from ru1_app.ui import answers_view, case_view, scores_view, view
from ru1_app.ui.box_annotator import BoxData, regions
from ru1_app.ui.compare import compare
from ru1_app.ui.overlays import overlays
from ru1_app.ui.versus import versus
from tests.factories import QUESTION, make_result
from tests.fakes import fake_scorers
from tests.unit.test_store import rated

SPECS = {name: scorer.spec for name, scorer in fake_scorers().items()}
EVIL = "<img src=x onerror=alert(1)>`${alert(1)}`"


def test_nothing_a_person_or_model_says_becomes_markup() -> None:
    result = make_result(question=Question(EVIL, (EVIL, "b")))
    case = replace(
        result.case,
        answers=tuple(replace(a, answered=Answered(EVIL, "A", 0.5, False, EVIL)) for a in result.case.answers),
    )
    html = answers_view.answers(case) + view.notice(EVIL) + view.picture("", EVIL, EVIL)
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_scores_say_better_or_worse_in_words() -> None:
    spec = SPECS["psnr"]
    better = scores_view.change(Score("psnr", "1", 20.0), Score("psnr", "1", 25.0), spec)
    worse = scores_view.change(Score("psnr", "1", 25.0), Score("psnr", "1", 20.0), spec)
    same = scores_view.change(Score("psnr", "1", 25.0), Score("psnr", "1", 25.01), spec)
    assert "+5.0 better" in better
    assert "-5.0 worse" in worse
    assert "about the same" in same
    assert scores_view.change(Score("psnr", "1", None, "identical"), Score("psnr", "1", 25.0), spec) == ""


def test_without_a_reference_the_strip_says_not_quality() -> None:
    assert "not quality" in scores_view.scores(make_result(reference=False).case, SPECS)
    known = scores_view.scores(make_result().case, SPECS)
    assert "Consistency" in known
    assert "not quality" not in known
    assert "fake CLIP" in known
    assert known.count("Cannot see") == 3


def test_the_badge_tells_whether_the_answer_changed() -> None:
    case = make_result().case
    assert "Recovery changed the answer" in answers_view.answers(case)
    same = tuple(replace(a, answered=Answered("A. red", "A", 0.9)) for a in case.answers)
    assert "did not change" in answers_view.answers(replace(case, answers=same))
    assert answers_view.answers(case).count("✓ right") == 2  # QUESTION's answer is B
    assert QUESTION.expected == "B"
    assert {record.condition for record in case.answers} == set(Condition)


def test_images_on_the_page_are_the_exact_pixels() -> None:
    import base64

    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    data = base64.b64decode(view.image_uri(pixels).split(",")[1])
    assert np.array_equal(from_png(data), pixels)


def test_the_comparison_has_a_labelled_slider_and_a_map_only_if_there_is_one() -> None:
    result = make_result()
    html = compare(result)
    assert 'aria-label="Compare' in html
    assert "unsure" in html
    assert 'data-overlay="unsure"' in html
    hidden = compare(replace(result, uncertainty=None, uncertainty_note="It has not earned it."))
    assert 'data-overlay="unsure"' not in hidden
    assert "It has not earned it." in hidden


def test_boxes_from_the_browser_are_checked() -> None:
    good = {"x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.4}
    assert regions(BoxData(boxes=[good]))[0].x1 == 0.3
    for bad in ({"x0": 0.1}, {**good, "x1": "0.3"}, {**good, "x1": float("inf")}):
        with pytest.raises(InvalidInput):
            regions(BoxData(boxes=[bad]))


def test_a_case_shows_every_kind_of_score_there_is() -> None:
    result = make_result(samples=3)
    scores = tuple(ScoreRecord(kind, Score("psnr", "1", 20.0)) for kind in PairKind)
    case = replace(result.case, scores=scores, ratings=(rated(result.case).ratings))
    html = case_view.detail(case, lambda sha: result.images[sha])
    assert html.count("20.0000") == len(PairKind)
    assert "deviation over the draws" in html
    assert "3 of 3" in html


FEW = Described(30, 10, 2, None, None, None, False, 1.0, 0.2, "abc" * 20)
ENOUGH = Described(
    900, 90, 40, 0.9, 0.85, 0.95, False, 1.0, 0.2, "abc" * 20, images=120, raters=5, marked=40, hits=30, chance=0.1
)
SIMULATED = replace(ENOUGH, simulated=True, simulated_raters=5)


def with_risk(described: Described, value: float | None) -> str:
    """The scores of a case with that risk, by such a model."""
    case, spec = make_result().case, RiskScorer(None, described, "r1").spec
    score = Score("risk", "1", value, None if value is not None else TOO_FEW)
    told = replace(case, scores=(*case.scores, ScoreRecord(PairKind.RECOVERED_CORRUPTED, score)))
    return scores_view.scores(told, {**SPECS, "risk": spec})


@pytest.mark.parametrize(
    ("value", "number", "level", "words"),
    [
        (0.003, "under 1 %", "low", "Fewer than 1 of 10 people"),
        (0.34, "34 %", "raised", "About 3 of 10 people"),
        (0.71, "71 %", "high", "About 7 of 10 people"),
        (0.999, "over 99 %", "high", "Nearly all people"),
    ],
)
def test_the_risk_is_a_number_a_word_and_what_it_rests_on(value: float, number: str, level: str, words: str) -> None:
    shown = with_risk(ENOUGH, value)
    assert f"<b>{number}</b>" in shown
    assert f'data-level="{level}"' in shown
    assert f">{level}</span>" in shown
    assert words in shown
    assert "900 recoveries of 120 pictures, judged by people (release abcabcabcabc)" in shown
    assert "0.90 (0.85 to 0.95)" in shown
    assert "simulated" not in shown


def test_the_risk_says_that_its_raters_were_simulated() -> None:
    shown = with_risk(SIMULATED, 0.34)
    assert "About 3 of 10 simulated raters" in shown
    assert "judged by simulated raters of drawn scenes" in shown
    mixed = with_risk(replace(SIMULATED, raters=9), 0.34)
    assert "judged by people and simulated raters" in mixed


def test_the_risk_says_when_too_few_have_judged_and_what_is_lacking() -> None:
    shown = with_risk(FEW, None)
    assert f"<b>{TOO_FEW}</b>" in shown
    assert shown.count(TOO_FEW) == 1
    assert 'data-level="none"' in shown
    assert "200 of them and 20 held-out ones that mislead and 20 that do not (there are 2 and 8)" in shown
    assert "ru1-gauge" not in shown
    unsure = with_risk(replace(ENOUGH, auroc_low=0.55), None)
    assert "surely above 0.6" in unsure


def test_without_a_risk_model_one_quiet_line_says_so() -> None:
    shown = scores_view.scores(make_result().case, SPECS)
    assert shown.count("Hallucination risk") == 1
    assert "no model of raters' judgements" in shown
    assert "ru1-risk" not in shown
    spec = RiskScorer(None, ENOUGH, "r1").spec
    assert "Hallucination risk" not in scores_view.scores(make_result().case, {**SPECS, "risk": spec})


def test_the_map_of_places_lies_over_the_recovery_with_an_honest_legend() -> None:
    result = make_result(side=64)
    assert 'data-overlay="risk"' not in compare(result)
    shares = np.zeros((16, 16), np.float32)
    shares[0, :8] = 0.5
    placed = replace(result, places=Places(shares, SIMULATED.judges, SIMULATED.places_note))
    found = next(each for each in overlays(placed) if each.name == "risk")
    assert found.image.shape == result.recovered.shape
    assert int(found.image[1, 1].sum()) > 600
    assert int(found.image[-1, -1].sum()) < 20
    html = compare(placed)
    assert "where it may mislead" in html
    assert "of simulated raters would mark the place as false" in html
    assert "in 30 of 40 held-out misleading recoveries" in html
    assert "here at most 50%" in html
    assert "by chance 10%" in html


def test_a_map_that_points_no_better_than_chance_is_withheld() -> None:
    assert ENOUGH.places_told
    assert not replace(ENOUGH, hits=6).places_told
    assert not replace(ENOUGH, marked=0, hits=0).places_told
    assert not replace(ENOUGH, labels=100).places_told


def test_the_risk_of_a_stored_case_is_no_agreement_with_the_input() -> None:
    result = make_result()
    risk = ScoreRecord(PairKind.RECOVERED_CORRUPTED, Score("risk", "1", 0.34), "risk r1")
    html = case_view.detail(replace(result.case, scores=(risk,)), lambda sha: result.images[sha])
    assert "Hallucination risk</th><td>from both images" in html
    assert "34 %" in html
    assert "not quality" not in html


def test_two_models_are_compared_by_their_risk_too() -> None:
    results = []
    for seed, value in enumerate((0.6, 0.2)):
        result = make_result(seed)
        risk = ScoreRecord(PairKind.RECOVERED_CORRUPTED, Score("risk", "1", value))
        results.append(replace(result, case=replace(result.case, scores=(*result.case.scores, risk))))
    specs = {**SPECS, "risk": RiskScorer(None, ENOUGH, "r1").spec}
    html = versus(("one", "two"), (results[0], results[1]), specs)
    assert "<th>Hallucination risk</th><td>60 %</td><td><b>20 %</b> better</td>" in html
