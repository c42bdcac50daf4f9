"""Agreement and consensus: published examples, what holds for every table, and recovery of known truths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from ru1_app.agreement.ac1 import ac1, percent_agreement
from ru1_app.agreement.alpha import Metric, alpha
from ru1_app.agreement.dawid_skene import dawid_skene, majority
from ru1_app.agreement.intervals import entropy, severity_range, wilson
from ru1_app.agreement.pairs import Outcome, strengths
from ru1_app.agreement.regions import compare, compare_raters, iou_matrix, point
from ru1_app.agreement.table import Table, Triple, Value, table_of
from ru1_app.domain import Region
from ru1_app.errors import InvalidInput

FOUR_RATERS = """
    1 2 3 3 2 1 4 1 2 . . .
    1 2 3 3 2 2 4 1 2 5 . 3
    . 3 3 3 2 3 4 2 2 5 1 .
    1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Raters by units, with missing ratings: Krippendorff 2011; the same data are cac.raw4raters of Gwet's irrCAC."""

ANAESTHETISTS = """
    111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3
    232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|111 1 1 1 1|111 1 1 1 1
    222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1|111 1 1 1 1|232 2 2 2 2
    111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3
    221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2
"""
"""Patients: what observer 1 said three times, then the other four. Dawid and Skene 1979, table 1."""


def grid(text: str) -> list[Triple]:
    """Lines are raters, columns are units, a point is a missing rating."""
    lines = [line.split() for line in text.strip().splitlines()]
    return [(f"u{u}", f"r{r}", int(x)) for r, line in enumerate(lines) for u, x in enumerate(line) if x != "."]


def anaesthetists() -> Table:
    patients = [patient.split() for line in ANAESTHETISTS.strip().splitlines() for patient in line.split("|")]
    rows = [
        (f"{u:02}", str(rater), int(said))
        for u, patient in enumerate(patients, 1)
        for rater, answers in enumerate(patient, 1)
        for said in answers
    ]
    return table_of(rows, repeats=True)


@st.composite
def ratings(draw: st.DrawFn, least: int = 2) -> list[Triple]:
    """A small table with holes: numbers 0-3."""
    units, raters = draw(st.integers(least, 8)), draw(st.integers(2, 5))
    cells = draw(st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=units * raters, max_size=units * raters))
    return [(f"u{k // raters}", f"r{k % raters}", value) for k, value in enumerate(cells)]


METRICS = pytest.mark.parametrize("metric", list(Metric))


@pytest.mark.parametrize(
    ("metric", "published"), [(Metric.NOMINAL, 0.743), (Metric.ORDINAL, 0.815), (Metric.INTERVAL, 0.849)]
)
def test_alpha_is_krippendorffs_own_example(metric: Metric, published: float) -> None:
    """Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011: four observers, twelve units, missing data."""
    found = alpha(table_of(grid(FOUR_RATERS)), metric)
    assert found.value == pytest.approx(published, abs=5e-4)
    assert (found.units, found.ratings) == (11, 40)
    assert found.low is not None
    assert found.high is not None
    assert found.low < published < found.high


def test_alpha_of_two_raters_and_two_values_is_krippendorffs_example() -> None:
    """Krippendorff 2011, binary data of two observers: ten units, alpha 0.095."""
    text = "0 1 0 0 0 0 0 0 1 0\n 1 1 1 0 0 1 0 0 0 0"
    assert alpha(table_of(grid(text))).value == pytest.approx(0.095, abs=5e-4)


def test_ac1_is_gwets_example() -> None:
    """Gwet's irrCAC, overview, gwet.ac1.raw and pa.coeff.raw of cac.raw4raters (Handbook, 4th edition, 2014)."""
    table = table_of(grid(FOUR_RATERS))
    found, raw = ac1(table), percent_agreement(table)
    assert (found.value, found.standard_error) == pytest.approx((0.7754441, 0.14295), abs=5e-7)
    assert (found.low, found.high) == pytest.approx((0.4608133, 1), abs=5e-7)
    assert (raw.value, raw.standard_error) == pytest.approx((0.8181818, 0.125609), abs=5e-7)
    assert (raw.low, raw.high) == pytest.approx((0.5417184, 1), abs=5e-7)


def test_ac1_stays_high_where_a_value_is_rare_and_alpha_does_not() -> None:
    """118 times both +, 5 and 2 times one of them, never both -: by hand (Feinstein and Cicchetti's paradox, 1990)."""
    pairs = [("+", "+")] * 118 + [("+", "-")] * 5 + [("-", "+")] * 2
    table = table_of(
        [(f"{u:03}", rater, said) for u, pair in enumerate(pairs) for rater, said in zip("ab", pair, strict=True)]
    )
    chance = 2 * 0.972 * 0.028
    assert percent_agreement(table).value == pytest.approx(0.944)
    assert ac1(table).value == pytest.approx((0.944 - chance) / (1 - chance))
    low = alpha(table).value
    assert low is not None
    assert low < 0


def test_dawid_and_skene_find_their_own_estimates() -> None:
    """Dawid and Skene 1979, data of table 1: how frequent the classes are, and the errors of observer 1."""
    found = dawid_skene(anaesthetists(), smoothing=0)
    assert found.converged
    assert found.prior == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0]]
    assert found.confusion[0, :3] == pytest.approx(np.array(first), abs=0.006)
    assert found.best()["11"][0] == 4


def test_a_little_smoothing_hardly_moves_the_estimates() -> None:
    plain, smooth = (dawid_skene(anaesthetists(), smoothing=smoothing) for smoothing in (0, 0.01))
    assert np.abs(plain.posterior - smooth.posterior).max() < 0.01
    assert (smooth.confusion > 0).all()


def test_strengths_are_those_of_another_implementation() -> None:
    """The network A, B, C of the overview of R's PlackettLuce, section 2.3: B 0.8392 and C 0.4196 above A."""
    found = strengths([("A", "B", "left"), ("C", "A", "left"), ("B", "A", "left"), ("B", "C", "left")])
    assert found.strengths is not None
    a, b, c = found.strengths.values()
    assert (b - a, c - a) == pytest.approx((0.8392, 0.4196), abs=5e-5)
    assert a + b + c == pytest.approx(0, abs=1e-9)


PUDDINGS = [(1, 2, 19, 22, 16), (1, 3, 16, 19, 12), (2, 3, 19, 19, 10), (1, 4, 18, 23, 13), (2, 4, 23, 19, 9)]
PUDDINGS += [(3, 4, 19, 20, 15)]
"""Brands i and j, votes for i, for j, ties: the first four brands of Davidson 1970, example 2."""


def ballots(counted: Sequence[tuple[int, int, int, int, int]]) -> list[tuple[str, str, str]]:
    return [
        (str(i), str(j), outcome)
        for i, j, *counts in counted
        for outcome, count in zip(("left", "right", "tie"), counts, strict=True)
        for _ in range(count)
    ]


def test_strengths_fulfil_davidsons_equations() -> None:
    """Davidson 1970: at the maximum, wins and half ties of each item, and all ties, are as expected."""
    votes = ballots(PUDDINGS)
    found = strengths(votes)
    expected, seen = dict.fromkeys("1234", 0.0), dict.fromkeys("1234", 0.0)
    ties = 0.0
    for left, right, outcome in votes:
        chances = found.chances(left, right)
        assert chances is not None
        expected[left] += chances[Outcome.LEFT] + chances[Outcome.TIE] / 2
        expected[right] += chances[Outcome.RIGHT] + chances[Outcome.TIE] / 2
        seen[left] += {"left": 1, "tie": 0.5, "right": 0}[outcome]
        seen[right] += {"left": 0, "tie": 0.5, "right": 1}[outcome]
        ties += chances[Outcome.TIE] - (outcome == "tie")
    assert list(expected.values()) == pytest.approx(list(seen.values()), abs=1e-5)
    assert ties == pytest.approx(0, abs=1e-5)


def test_strengths_are_the_maximum_that_a_general_optimiser_finds() -> None:
    def loss(at: np.ndarray) -> float:
        worth, tie = np.exp(np.append(0, at[:3])), np.exp(at[3])
        total = 0.0
        for i, j, *counts in PUDDINGS:
            terms = np.array([worth[i - 1], worth[j - 1], tie * np.sqrt(worth[i - 1] * worth[j - 1])])
            total -= counts @ np.log(terms / terms.sum())
        return float(total)

    other = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    found = strengths(ballots(PUDDINGS))
    assert found.strengths is not None
    assert np.array(list(found.strengths.values()))[1:] - found.strengths["1"] == pytest.approx(other[:3], abs=1e-4)
    assert found.tie == pytest.approx(np.exp(other[3]), abs=1e-4)


def test_two_items_have_strengths_in_closed_form() -> None:
    """The model is saturated: s1 - s2 = log(w1 / w2) and v = t / sqrt(w1 w2); without ties the error is binomial."""
    found = strengths(ballots([(1, 2, 9, 4, 3)]))
    assert found.strengths is not None
    assert found.strengths["1"] == pytest.approx(math.log(9 / 4) / 2)
    assert found.tie == pytest.approx(3 / 6)
    plain = strengths(ballots([(1, 2, 9, 4, 0)]))
    assert plain.errors is not None
    assert plain.tie == 0
    assert plain.errors["1"] == pytest.approx(math.sqrt(1 / 9 + 1 / 4) / 2)


def test_known_strengths_are_recovered() -> None:
    rng, truth, tie = np.random.default_rng(0), np.array([0.9, 0.3, 0.0, -0.4, -0.8]), 0.6
    votes = []
    for _ in range(6000):
        i, j = rng.choice(5, 2, replace=False)
        weights = np.exp([(truth[i] - truth[j]) / 2, (truth[j] - truth[i]) / 2, math.log(tie)])
        votes.append((f"i{i}", f"i{j}", ("left", "right", "tie")[rng.choice(3, p=weights / weights.sum())]))
    found = strengths(votes)
    assert found.strengths is not None
    assert found.errors is not None
    misses = (np.array(list(found.strengths.values())) - truth) / np.array(list(found.errors.values()))
    assert np.abs(misses).max() < 3
    assert found.tie == pytest.approx(tie, abs=0.06)


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        ([], "no votes"),
        ([("a", "b", "tie")], "Every vote is a tie"),
        ([("a", "b", "left"), ("b", "a", "left"), ("c", "d", "left"), ("d", "c", "left")], "never compared"),
        ([("a", "b", "left")] * 3, "won, or lost"),
        ([("a", "b", "left")] * 3 + [("a", "b", "tie")], "won, or lost"),
    ],
)
def test_strengths_that_do_not_exist_have_a_reason(votes: list[tuple[str, str, str]], reason: str) -> None:
    found = strengths(votes)
    assert found.strengths is None
    assert reason in str(found.reason)


def test_a_ridge_gives_strengths_to_an_item_that_always_won() -> None:
    found = strengths([("a", "b", "left")] * 3, ridge=0.1)
    assert found.strengths is not None
    assert found.strengths["a"] == pytest.approx(-found.strengths["b"])
    assert 0 < found.strengths["a"] < 3


@pytest.mark.parametrize("vote", [("a", "a", "left"), ("a", "b", "draw")])
def test_a_vote_that_makes_no_sense_is_refused(vote: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidInput):
        strengths([vote])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(list(Outcome))), min_size=1))
def test_swapping_the_sides_of_every_vote_changes_nothing(drawn: list[tuple[int, int, Outcome]]) -> None:
    votes = [(f"i{i}", f"i{(i + step) % 4}", outcome) for i, step, outcome in drawn]
    swap = {Outcome.LEFT: Outcome.RIGHT, Outcome.RIGHT: Outcome.LEFT, Outcome.TIE: Outcome.TIE}
    one, other = strengths(votes, ridge=0.1), strengths([(b, a, swap[said]) for a, b, said in votes], ridge=0.1)
    assert one.reason == other.reason
    assert (one.strengths is None) == (other.strengths is None)
    if one.strengths is not None:
        assert one.strengths == pytest.approx(other.strengths, abs=1e-6)


@METRICS
@given(rows=ratings())
def test_alpha_is_at_most_1_or_has_a_reason(metric: Metric, rows: list[Triple]) -> None:
    found = alpha(table_of(rows), metric, resamples=50)
    assert (found.value is None) != (found.reason is None)
    assert found.value is None or found.value <= 1
    assert found.low is None or (found.high is not None and found.low <= found.high <= 1)


@METRICS
@given(rows=ratings(), seed=st.integers(0, 99))
def test_alpha_does_not_depend_on_order_or_names(metric: Metric, rows: list[Triple], seed: int) -> None:
    rng = np.random.default_rng(seed)
    units, raters = (dict(zip((f"{side}{k}" for k in range(9)), rng.permutation(9), strict=True)) for side in "ur")
    other = [(str(units[unit]), str(raters[rater]), value) for unit, rater, value in rows]
    rng.shuffle(other)
    one, two = (alpha(table_of(each), metric, resamples=0).value for each in (rows, other))
    assert one == pytest.approx(two, abs=1e-9)


@given(rows=ratings())
def test_renaming_nominal_values_changes_nothing(rows: list[Triple]) -> None:
    names = {0: "d", 1: "b", 2: "a", 3: "c", None: None}
    one, two = table_of(rows), table_of([(unit, rater, names[value]) for unit, rater, value in rows])
    for coefficient in (alpha, ac1, percent_agreement):
        assert coefficient(one).value == pytest.approx(coefficient(two).value, abs=1e-9)
        assert coefficient(one).reason == coefficient(two).reason


@METRICS
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9).filter(lambda values: len(set(values)) > 1))
def test_perfect_agreement_is_1_and_has_no_interval(metric: Metric, values: list[int]) -> None:
    table = table_of([(f"u{u}", rater, value) for u, value in enumerate(values) for rater in "abc"])
    for found in (alpha(table, metric), ac1(table), percent_agreement(table)):
        assert found.value == pytest.approx(1)
        assert (found.low, found.high) == (None, None)


@METRICS
def test_ratings_dealt_at_random_agree_by_about_0(metric: Metric) -> None:
    rng = np.random.default_rng(1)
    table = table_of([(f"u{u}", f"r{r}", int(value)) for (u, r), value in np.ndenumerate(rng.integers(0, 4, (800, 4)))])
    found = alpha(table, metric)
    assert found.value == pytest.approx(0, abs=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


def test_the_interval_narrows_with_units_and_repeats_with_the_seed() -> None:
    rows = grid(FOUR_RATERS)
    many = [(f"{unit}-{k}", rater, value) for k in range(10) for unit, rater, value in rows]
    few, more, again = (alpha(table_of(each)) for each in (rows, many, many))
    assert more == again
    assert more != alpha(table_of(many), seed=1)
    assert few.value is not None
    assert few.low is not None
    assert more.low is not None
    assert few.low < more.low < few.value


def test_alpha_that_cannot_be_computed_has_a_reason() -> None:
    assert "No unit has two" in str(alpha(table_of([])).reason)
    assert "No unit has two" in str(alpha(table_of([("u", "a", 1), ("v", "b", 1)])).reason)
    assert "same value" in str(alpha(table_of([("u", "a", 1), ("u", "b", 1)])).reason)
    assert "No unit has two" in str(ac1(table_of([])).reason)
    assert "No unit has two" in str(percent_agreement(table_of([])).reason)


def test_ac1_needs_more_than_one_possible_value_and_not_more_than_one_said() -> None:
    rows = [(f"u{u}", rater, "no") for u in range(3) for rater in "ab"]
    assert "Only one value" in str(ac1(table_of(rows)).reason)
    assert ac1(table_of(rows, ["no", "yes"])).value == pytest.approx(1)


def test_values_given_in_order_make_words_ordinal() -> None:
    order = ["low", "mid", "high"]
    rows = [("u", "a", "low"), ("u", "b", "mid"), ("v", "a", "high"), ("v", "b", "high"), ("w", "a", "low")]
    rows.append(("w", "b", "low"))
    numbers = [(unit, rater, order.index(str(value))) for unit, rater, value in rows]
    assert alpha(table_of(rows, order), Metric.ORDINAL) == alpha(table_of(numbers), Metric.ORDINAL)
    with pytest.raises(InvalidInput, match="words"):
        alpha(table_of(rows, order), Metric.INTERVAL)


@pytest.mark.parametrize(
    ("rows", "values", "message"),
    [
        ([("u", "a", 1), ("u", "a", 2)], None, "twice"),
        ([("u", "a", 1), ("u", "b", "one")], None, "all words or all finite"),
        ([("u", "a", math.inf)], None, "all words or all finite"),
        ([("u", "a", 0)], [1, 2], "none of the values"),
        ([("u", "a", 1)], [1, 1], "named twice"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(rows: list[Triple], values: list[Value] | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        table_of(rows, values)


def test_missing_ratings_are_no_rows() -> None:
    table = table_of([("u", "a", None), ("u", "b", math.nan), ("v", "a", 2)])
    assert (table.units, table.raters, table.values) == (("v",), ("a",), (2,))


def test_the_majority_has_no_winner_on_a_tie() -> None:
    rows = [("u", "a", "x"), ("u", "b", "x"), ("u", "c", "y"), ("v", "a", "x"), ("v", "b", "y")]
    found = majority(table_of(rows))
    assert (found["u"].winner, found["u"].votes) == ("x", 3)
    assert found["u"].share == pytest.approx(2 / 3)
    assert (found["v"].winner, found["v"].share) == (None, 0.5)


def right(found: Sequence[Value | None], truth: np.ndarray) -> float:
    return float(np.mean([one == other for one, other in zip(found, truth, strict=True)]))


@pytest.mark.parametrize("seed", range(10))
def test_the_consensus_is_better_than_a_bad_majority(seed: int) -> None:
    """A synthetic table of known truth: two raters right in 95 %, four in 40 % of 3 classes; 1 in 10 is missing."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, 3, 300), [0.95, 0.95, 0.4, 0.4, 0.4, 0.4]
    rows: list[Triple] = []
    for u, true in enumerate(truth):
        for r, hit in enumerate(rng.random(6) < skill):
            said = true if hit else (true + rng.integers(1, 3)) % 3
            rows.append((f"{u:03}", f"r{r}", None if rng.random() < 0.1 else int(said)))
    table = table_of(rows)
    assert len(table.units) == 300
    found = dawid_skene(table)
    most = right([each.winner for each in majority(table).values()], truth)
    best = right([winner for winner, _ in found.best().values()], truth)
    assert best > max(most, 0.88)
    assert [np.trace(each) / 3 for each in found.confusion] == pytest.approx(skill, abs=0.12)


@given(rows=ratings(1))
def test_what_the_consensus_believes_sums_to_1_and_repeats(rows: list[Triple]) -> None:
    table = table_of(rows)
    for smoothing in (0.0, 0.01):
        found, again = (dawid_skene(table, smoothing=smoothing) for _ in range(2))
        assert np.array_equal(found.posterior, again.posterior)
        if table.units:
            assert found.posterior.sum(1) == pytest.approx(1)
            assert found.prior.sum() == pytest.approx(1)
            assert found.confusion.sum(2) == pytest.approx(1)


def test_many_raters_do_not_underflow() -> None:
    rows = [(unit, f"r{k}", (k + shift) % 5 == 0) for shift, unit in enumerate("uvw") for k in range(3000)]
    found = dawid_skene(table_of(rows))
    assert found.posterior.sum(1) == pytest.approx(1)
    assert math.isfinite(found.log_likelihood)


def test_a_tied_consensus_has_no_winner() -> None:
    found = dawid_skene(table_of([("u", "a", "x"), ("u", "b", "y")])).best()
    assert found["u"][0] is None
    assert found["u"][1] == pytest.approx(0.5)


def boxes(most: int = 4) -> st.SearchStrategy[list[Region]]:
    edge = st.tuples(st.integers(0, 9), st.integers(1, 10)).map(lambda pair: (pair[0] / 20, (pair[0] + pair[1]) / 20))
    box = st.builds(
        lambda x, y, category: Region(x[0], y[0], x[1], y[1], category), edge, edge, st.sampled_from(["a", "b", None])
    )
    return st.lists(box, max_size=most)


@given(boxes(), boxes(), st.booleans())
def test_agreement_of_boxes_is_the_same_from_both_sides(
    left: list[Region], right: list[Region], categories: bool
) -> None:
    assert np.array_equal(iou_matrix(left, right), iou_matrix(right, left).T)
    one, other = compare(left, right, categories=categories), compare(right, left, categories=categories)
    assert (one.mean_iou, one.f1) == pytest.approx((other.mean_iou, other.f1))
    assert 0 <= one.mean_iou <= 1
    assert 0 <= one.f1 <= 1
    assert len({i for i, _, _ in one.pairs}) == len({j for _, j, _ in one.pairs}) == len(one.pairs)


@given(boxes())
def test_boxes_agree_with_themselves(drawn: list[Region]) -> None:
    found = compare(drawn, drawn, categories=True)
    assert (found.mean_iou, found.f1) == pytest.approx((1, 1))


def test_overlap_is_over_the_union() -> None:
    ious = iou_matrix(
        [Region(0, 0, 0.4, 0.4)], [Region(0.2, 0, 0.6, 0.4), Region(0.4, 0, 0.8, 0.4), Region(0, 0, 0.4, 0.2)]
    )
    assert ious[0] == pytest.approx([1 / 3, 0, 1 / 2])


def test_no_boxes_agree_and_some_with_none_do_not() -> None:
    box = [Region(0, 0, 0.5, 0.5)]
    assert (compare([], []).mean_iou, compare([], []).f1) == (1, 1)
    for left, right in ((box, []), ([], box)):
        assert (compare(left, right, categories=True).mean_iou, compare(left, right).f1) == (0, 0)


def test_a_box_without_a_partner_counts() -> None:
    one, other = Region(0, 0, 0.4, 0.4), Region(0.5, 0.5, 0.9, 0.9)
    found = compare([one, other], [other])
    assert found.pairs == ((1, 0, pytest.approx(1)),)
    assert (found.mean_iou, found.f1) == pytest.approx((1 / 2, 2 / 3))


def test_pairs_at_half_go_before_a_single_better_pair() -> None:
    """One greedy pair of 0.9 would leave the others apart; two pairs of 0.5 and more are found."""
    left = [Region(0, 0, 0.2, 0.1), Region(0.01, 0, 0.11, 0.1)]
    right = [Region(0, 0, 0.19, 0.1), Region(0.08, 0, 0.2, 0.1)]
    found = compare(left, right)
    assert found.f1 == pytest.approx(1)
    assert [(i, j) for i, j, _ in found.pairs] == [(0, 1), (1, 0)]


def test_boxes_of_other_categories_pair_only_if_categories_do_not_matter() -> None:
    one, other = [Region(0, 0, 0.5, 0.5, "text_altered")], [Region(0, 0, 0.5, 0.5, "object_added")]
    assert compare(one, other).f1 == 1
    assert compare(one, other, categories=True).f1 == 0


def test_a_point_is_a_small_box_within_the_image() -> None:
    assert compare([point(0.5, 0.5)], [point(0.505, 0.5)]).f1 == 1
    corner = point(1, 0)
    assert (corner.x0, corner.y0, corner.x1, corner.y1) == pytest.approx((0.98, 0, 1, 0.02))


def test_several_raters_agree_by_the_mean_of_their_pairs() -> None:
    box = [Region(0, 0, 0.5, 0.5)]
    found = compare_raters({"a": box, "b": box, "c": []})
    assert found is not None
    assert (found.mean_iou, found.f1) == pytest.approx((1 / 3, 1 / 3))
    assert compare_raters({"a": box}) is None


def test_wilson_holds_the_share() -> None:
    """81 of 263, z = 1.96: 0.2553 to 0.3662 (Newcombe, Statistics in Medicine 17, 1998, table I)."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1


def test_entropy_is_in_bits() -> None:
    assert entropy(["a", "a"]) == 0
    assert entropy(["a", "b"]) == 1
    assert entropy("abcd") == 2
    assert entropy([]) is None


def test_severities_differ_by_their_range() -> None:
    assert severity_range([1, 3, 2]) == 2
    assert severity_range([2]) == 0
    assert severity_range([]) is None
