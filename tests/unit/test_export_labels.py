"""What judgements say together, which of two recoveries is preferred, and how far raters agree: pure rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.agreement.alpha import Metric, alpha
from ru1_app.agreement.table import table_of
from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Stage, Verdict
from ru1_app.export.cases.labels import Label, Status, label_of, majority, valid
from ru1_app.export.cases.preferences import MOST_OF_VERDICTS, PART, preferences
from ru1_app.export.cases.rows import Origin, Preference, Row
from ru1_app.export.cases.tally import Tally
from ru1_app.export.planning.accord import Accord
from ru1_app.items import Item, ItemKind, PairChoice, PairVote, Purpose
from ru1_app.items import Origin as ItemOrigin
from ru1_app.store.release_sql import Vote
from tests.released import AT, LATER, case_of, rating

TRUE, DETAIL, FALSE, USELESS, UNSURE = (
    Verdict.FAITHFUL, Verdict.BENIGN_DETAIL, Verdict.MISLEADING, Verdict.UNUSABLE, Verdict.CANNOT_TELL,
)  # fmt: skip


def judged(*ratings: Rating, draw: int = 0) -> Case:
    return replace(case_of(0, draw)[0], ratings=ratings)


def reveal(rater: str, verdict: Verdict, severity: int, **values: Any) -> Rating:
    later = AT + timedelta(minutes=5)
    return rating("r00", rater, verdict, severity, id=f"{rater}-reveal", stage=Stage.REVEAL, created_at=later, **values)


def blind(rater: str, verdict: Verdict, severity: int, **values: Any) -> Rating:
    return rating("r00", rater, verdict, severity, **values)


def settled(verdict: Verdict, severity: int, **values: Any) -> Rating:
    return blind("judge", verdict, severity, source=RatingSource.ADJUDICATOR, **values)


def flag(verdict: Verdict, **values: Any) -> Rating:
    return blind("visitor", verdict, 2, source=RatingSource.VISITOR, stage=Stage.OPEN, item_id=None, **values)


def labelled(*ratings: Rating, visitors: bool = False) -> Label:
    label = label_of(judged(*ratings), LATER, visitors=visitors)
    assert label
    return label


# labels


def test_the_verdict_is_what_more_than_half_say() -> None:
    label = labelled(blind("a", FALSE, 3), blind("b", FALSE, 2), blind("c", TRUE, 0))
    assert (label.status, label.verdict, label.raters) == (Status.CONFIRMED, FALSE, 3)
    assert (label.share, label.misleading_share) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (label.severity, label.mean_severity) == (2, pytest.approx(5 / 3))
    split = labelled(blind("a", FALSE, 3), blind("b", TRUE, 0))
    assert (split.verdict, split.share, split.misleading_share) == (None, 0.0, 0.5)
    assert (split.severity, split.categories) == (2, {}), "the worse one where two are in the middle"
    assert majority([]) is None


def test_the_last_word_is_the_one_beside_the_clean_image() -> None:
    words = (
        blind("a", TRUE, 0),
        reveal("a", FALSE, 3),
        blind("b", TRUE, 0),
        reveal("b", FALSE, 2),
        blind("c", TRUE, 0),
    )
    label = labelled(*words)
    assert (label.verdict, label.blind_verdict, label.elusive) == (FALSE, TRUE, True)
    assert (label.raters, label.share) == (3, pytest.approx(2 / 3))
    assert {each.id for each in label.last} == {"a-reveal", "b-reveal", "r00-c-blind"}
    assert not labelled(blind("a", FALSE, 2), reveal("a", FALSE, 2)).elusive
    assert not labelled(blind("a", TRUE, 0), reveal("b", FALSE, 2)).elusive, "another person saw it"


def test_an_adjudicator_settles_and_the_raters_shares_stay() -> None:
    raters = (blind("a", TRUE, 0), blind("b", TRUE, 0), blind("c", FALSE, 3))
    label = labelled(*raters, settled(FALSE, 2), settled(UNSURE, 0, id="later", created_at=LATER))
    assert (label.status, label.verdict, label.severity) == (Status.ADJUDICATED, UNSURE, 0)
    assert (label.raters, label.share, label.misleading_share) == (3, 0.0, 0.0)
    assert [each.id for each in label.last] == ["later"]


def test_visitors_and_people_who_did_not_agree_make_no_label() -> None:
    assert label_of(judged(flag(FALSE)), LATER) is None
    assert labelled(flag(FALSE), visitors=True).status is Status.UNCONFIRMED
    both = labelled(blind("a", TRUE, 0), flag(FALSE), visitors=True)
    assert (both.status, both.verdict) == (Status.CONFIRMED, TRUE)
    assert label_of(judged(blind("a", TRUE, 0, consent=False)), LATER) is None
    assert label_of(judged(), LATER) is None


def test_what_came_later_or_was_corrected_is_not_counted() -> None:
    first, second = blind("a", TRUE, 0), blind("a", FALSE, 3, id="second", supersedes="r00-a-blind", created_at=LATER)
    assert valid([first, second], LATER) == [second]
    assert valid([first, second], LATER - timedelta(days=1)) == [first]
    assert valid([first], AT) == []


def test_a_category_counts_where_more_than_half_of_those_who_say_the_verdict_name_it() -> None:
    one = {"text_altered": 3, "count_changed": 2}
    label = labelled(
        blind("a", FALSE, 3, categories=one), blind("b", FALSE, 2, categories={"text_altered": 2}), blind("c", TRUE, 0)
    )
    assert label.categories == {"text_altered": 3}
    assert label.human_score is None


def test_scores_and_impact_are_of_raters_and_a_repeat_counts_nowhere() -> None:
    label = labelled(
        blind("a", FALSE, 3),
        reveal("a", FALSE, 3, global_rating=5, answer_impact=AnswerImpact.HARMED),
        reveal("b", FALSE, 3, global_rating=4, answer_impact=AnswerImpact.UNKNOWN),
        reveal("c", TRUE, 0, global_rating=1, round=1),
    )
    assert (label.human_score, label.impact, label.raters) == (4.5, AnswerImpact.HARMED, 2)


# preferences


def row_of(draw: int, verdict: Verdict | None, severity: int = 0, voices: int = 3) -> Row:
    """A row of sample s0; None: nobody judged it by itself."""
    case = case_of(0, draw)[0] if draw < 3 else replace(case_of(0, 0)[0], recovery=another(draw))
    said = [rating(case.id, f"rater-{place}", verdict, severity) for place in range(voices)] if verdict else []
    case = replace(case, ratings=tuple(said))
    return Row(case, label_of(case, LATER), "train")


def another(draw: int) -> Any:
    return replace(case_of(0, 0)[0].recovery, id=f"r0{draw}", image_sha=f"{draw:064d}")


def votes_of(*choices: str, first: str = "r00", second: str = "r01") -> list[Vote]:
    """Votes of raters to whom the sides were shown in turn one way and the other."""
    item = Item("p", ItemKind.PAIR, Purpose.WORK, ItemOrigin.BATCH, first, AT, other_id=second)
    found = []
    for place, wanted in enumerate(choices):
        left, right = (first, second)[:: 1 if place % 2 else -1]
        side = {left: PairChoice.LEFT, right: PairChoice.RIGHT}
        choice = side[wanted] if wanted in side else PairChoice(wanted)
        found.append(Vote(item, PairVote(f"v{place}", "p", f"rater-{place}", left, right, choice, "", AT)))
    return found


def preferred(
    rows: Sequence[Row], votes: Sequence[Vote] = (), least: int = 1
) -> tuple[list[Preference], dict[str, int]]:
    tally = Tally()
    return preferences(rows, votes, least, tally), tally.of(PART)


TWO = (row_of(0, None), row_of(1, None))


def test_the_side_with_more_votes_is_preferred_wherever_it_was_shown() -> None:
    (pair,), lost = preferred(TWO, votes_of("r01", "r01", "r00"))
    assert (pair.chosen.case.id, pair.rejected.case.id, pair.origin) == ("r01", "r00", Origin.VOTES)
    assert (pair.voters, pair.margin, len(pair.votes), lost) == (3, pytest.approx(1 / 3), 3, {})


@pytest.mark.parametrize(
    ("choices", "least", "reason"),
    [
        (("r00", "r01"), 1, "a tie"),
        (("tie", "tie", "r00"), 1, "a tie"),
        (("both_bad", "both_bad", "r00"), 1, "both are bad"),
        (("r00", "r00"), 3, "fewer than 3 voters"),
    ],
)
def test_a_pair_of_votes_that_is_lost_says_to_which_rule(choices: tuple[str, ...], least: int, reason: str) -> None:
    assert preferred(TWO, votes_of(*choices), least) == ([], {reason: 1})


def test_two_equal_pictures_are_no_preference() -> None:
    same = replace(TWO[1].case.recovery, image_sha=TWO[0].case.recovery.image_sha)
    twins = (TWO[0], replace(TWO[1], case=replace(TWO[1].case, recovery=same)))
    assert preferred(twins, votes_of("r00", "r00")) == ([], {"both are the same picture": 1})
    judged_twins = [
        replace(row, label=row_of(0, verdict, 3).label) for row, verdict in zip(twins, (TRUE, FALSE), strict=True)
    ]
    assert preferred(judged_twins) == ([], {"both are the same picture": 1})


def test_votes_on_what_is_not_in_the_release_and_second_rounds_count_nowhere() -> None:
    assert preferred(TWO[:1], votes_of("r00", "r00")) == ([], {})
    again = [replace(each, vote=replace(each.vote, round=1)) for each in votes_of("r00", "r00")]
    assert preferred(TWO, again) == ([], {})


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((TRUE, 0), (FALSE, 2)), ((DETAIL, 1), (FALSE, 2)), ((TRUE, 0), (USELESS, 0)), ((FALSE, 2), (FALSE, 3)),
        ((USELESS, 1), (FALSE, 3)),
    ],
)  # fmt: skip
def test_verdicts_order_recoveries(better: tuple[Verdict, int], worse: tuple[Verdict, int]) -> None:
    for rows in ((row_of(0, *better), row_of(1, *worse)), (row_of(0, *worse), row_of(1, *better))):
        (pair,), lost = preferred(rows)
        assert (pair.chosen.label, pair.rejected.label) == tuple(
            row.label
            for row in sorted(rows, key=lambda row: (row.label.verdict, row.label.severity) != better)  # type: ignore[union-attr]
        )
        assert (pair.origin, lost, pair.voters) == (Origin.VERDICTS, {}, 3)
        assert pair.margin == pytest.approx(abs(better[1] - worse[1]) / 3)


@pytest.mark.parametrize(
    ("one", "two", "reason"),
    [
        ((TRUE, 0), (DETAIL, 1), "judged alike"),
        ((FALSE, 2), (FALSE, 2), "judged alike"),
        ((UNSURE, 0), (FALSE, 2), "a verdict cannot be compared"),
    ],
)
def test_verdicts_that_say_nothing_of_better_or_worse_are_counted(
    one: tuple[Verdict, int], two: tuple[Verdict, int], reason: str
) -> None:
    assert preferred((row_of(0, *one), row_of(1, *two))) == ([], {reason: 1})


def test_what_was_voted_on_is_not_judged_by_verdicts_again() -> None:
    rows = (row_of(0, TRUE), row_of(1, FALSE, 3))
    assert preferred(rows, votes_of("tie", "tie")) == ([], {"a tie": 1})
    (pair,), _ = preferred(rows, votes_of("r01", "r01"))
    assert (pair.chosen.case.id, pair.origin) == ("r01", Origin.VOTES)


def test_of_many_pairs_of_one_input_those_of_the_widest_margin_stay() -> None:
    rows = [row_of(draw, TRUE) for draw in range(3, 6)] + [row_of(draw, FALSE, 2 + draw % 2) for draw in range(6, 10)]
    found, lost = preferred(rows)
    assert len(found) == MOST_OF_VERDICTS
    assert {pair.margin for pair in found} == {1.0}
    assert lost["more than 6 pairs of one input"] == 3 * 4 + 4 - MOST_OF_VERDICTS


# agreement


WORDS = st.lists(
    st.lists(st.sampled_from(((TRUE, 0), (DETAIL, 1), (FALSE, 2), (FALSE, 3))), min_size=1, max_size=5),
    min_size=1,
    max_size=12,
)


@given(WORDS)
def test_agreement_counted_label_by_label_is_that_of_the_whole_table(units: list[list[tuple[Verdict, int]]]) -> None:
    accord = Accord()
    verdicts, severities = [], []
    for unit, words in enumerate(units):
        accord.add(labelled(*(blind(f"rater-{place}", *word) for place, word in enumerate(words))))
        verdicts += [(str(unit), str(place), word[0].value) for place, word in enumerate(words)]
        severities += [(str(unit), str(place), float(word[1])) for place, word in enumerate(words)]
    found = accord.as_dict()
    for name, triples, values, metric in (
        ("alpha_verdict", verdicts, [verdict.value for verdict in Verdict], Metric.NOMINAL),
        ("alpha_severity", severities, [0.0, 1.0, 2.0, 3.0], Metric.ORDINAL),
    ):
        expected = alpha(table_of(triples, values), metric, resamples=0)
        value = found[name]
        assert (value is None) == (expected.value is None)
        assert value is None or value == pytest.approx(expected.value, abs=1e-4)
    several = [words for words in units if len(words) > 1]
    assert found["recoveries"] == len(several)
    if several:
        same = [np.mean([a[0] == b[0] for i, a in enumerate(words) for b in words[:i]]) for words in several]
        assert found["same_verdict"] == pytest.approx(np.mean(same), abs=1e-4)


def test_only_first_blind_judgements_of_raters_are_compared() -> None:
    accord = Accord()
    accord.add(labelled(blind("a", TRUE, 0), reveal("a", FALSE, 3), settled(FALSE, 2), blind("b", FALSE, 2, round=1)))
    assert accord.as_dict()["recoveries"] == 0
