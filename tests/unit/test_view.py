"""What the page shows: escaped, labelled, and saying better or worse in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ru1_app.domain import Answered, Condition, PairKind, Question, Score, ScoreRecord
from ru1_app.errors import InvalidInput
from ru1_app.images import from_png
from ru1_app.scoring.risk import TOO_FEW, Described, RiskScorer
from ru1_app.ui import answers_view, case_view, scores_view, view
from ru1_app.ui.box_annotator import BoxData, regions
from ru1_app.ui.compare import compare
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


def test_the_risk_stands_by_itself_and_says_when_too_few_have_judged() -> None:
    case = make_result().case
    few = Described(30, 10, 2, None, None, None, False, 1.0, 0.2, "abc")
    enough = replace(few, labels=900, held_out=90, held_out_misleading=40, auroc=0.9, auroc_low=0.85, auroc_high=0.95)
    for described, value, words in ((few, None, TOO_FEW), (enough, 0.34, "34 %")):
        scorer = RiskScorer(None, described, "r1")
        score = Score("risk", "1", value, None if value is not None else TOO_FEW)
        told = replace(case, scores=(*case.scores, ScoreRecord(PairKind.RECOVERED_CORRUPTED, score)))
        shown = scores_view.scores(told, {**SPECS, "risk": scorer.spec})
        assert f"Hallucination risk: {words}" in shown
        assert "900 judgements" in shown or described is few
    assert "Hallucination risk" not in scores_view.scores(case, SPECS)
