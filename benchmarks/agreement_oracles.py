"""Agreement and consensus against other implementations. python benchmarks/agreement_oracles.py [--json] [--tables 200]

For development only: the packages are neither needed by the app nor by its tests, and one of them is under the GPL.
Random tables with holes; of every figure the largest difference is printed. Goals: alpha within 1e-9 of `krippendorff`
where both have a value; AC1, its standard error and interval within 1e-9 of `irrCAC`; the shares of the
majority and the strengths of Bradley and Terry without ties within 1e-6 of `crowd-kit`; so too the posteriors of Dawid
and Skene without smoothing on tables of 200 units, and on nine in ten of the small ones: `crowd-kit` lets no confusion
be less than 1e-10, and on a few ratings with many holes that decides which of several maxima EM climbs.

To run it, in an environment of its own:

    pip install krippendorff irrCAC crowd-kit && PYTHONPATH=. python benchmarks/agreement_oracles.py
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ru1_app.agreement.ac1 import ac1, percent_agreement
from ru1_app.agreement.alpha import Metric, alpha
from ru1_app.agreement.dawid_skene import dawid_skene, majority
from ru1_app.agreement.pairs import strengths
from ru1_app.agreement.table import Table, table_of

PACKAGES = {"krippendorff": "krippendorff", "irrCAC": "irrCAC", "crowdkit": "crowd-kit"}
STEPS = 50  # of EM, the same for both: they end by different rules
Gaps = dict[str, list[float]]


def tables(count: int) -> Iterator[tuple[np.ndarray, Table]]:
    """Ratings [units, raters] with NaN for missing ones, and the same as a table; raters differ in skill."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        units, raters, values = rng.integers(5, 60), rng.integers(2, 8), rng.integers(2, 6)
        truth, skill = rng.integers(0, values, units), rng.uniform(0.2, 0.95, raters)
        said = np.where(rng.random((units, raters)) < skill, truth[:, None], rng.integers(0, values, (units, raters)))
        holes = rng.random((units, raters)) < rng.uniform(0, 0.6)
        array = np.where(holes, np.nan, said)
        yield array, table_of((f"{u:03}", str(r), float(value)) for (u, r), value in np.ndenumerate(array))


def larger(seed: int) -> Table:
    """200 units of 3 classes, 6 raters who are right in 60 to 90 %, a fifth of the ratings missing."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, 3, 200), rng.uniform(0.6, 0.9, 6)
    said = np.where(rng.random((200, 6)) < skill, truth[:, None], (truth[:, None] + rng.integers(1, 3, (200, 6))) % 3)
    array = np.where(rng.random((200, 6)) < 0.2, np.nan, said)
    return table_of((f"{u:03}", str(r), float(value)) for (u, r), value in np.ndenumerate(array))


def against_krippendorff(count: int) -> Gaps:
    """Alpha of every metric."""
    import krippendorff

    gaps: Gaps = {f"alpha, {metric}": [] for metric in Metric}
    for array, table in tables(count):
        for metric in Metric:
            ours = alpha(table, metric, resamples=0).value
            if ours is not None:
                theirs = krippendorff.alpha(reliability_data=array.T, level_of_measurement=str(metric))
                gaps[f"alpha, {metric}"].append(abs(ours - theirs))
    return gaps


def against_irrcac(count: int) -> Gaps:
    """AC1, its error and interval, and the raw agreement; tables with a missing interval count by their value alone."""
    import pandas as pd
    from irrCAC.raw import CAC

    gaps: Gaps = {"AC1": [], "AC1, standard error": [], "AC1, interval": [], "raw agreement": []}
    for array, table in tables(count):
        rated = array[~np.isnan(array).all(1)]
        ours, raw = ac1(table), percent_agreement(table)
        if ours.value is None or raw.value is None:
            continue
        theirs = CAC(pd.DataFrame(rated), categories=list(table.values), digits=12).gwet()["est"]
        gaps["AC1"].append(abs(ours.value - theirs["coefficient_value"]))
        gaps["raw agreement"].append(abs(raw.value - theirs["pa"]))
        if ours.standard_error is not None and ours.low is not None and ours.high is not None:
            gaps["AC1, standard error"].append(abs(ours.standard_error - theirs["se"]))
            low, high = theirs["confidence_interval"]
            gaps["AC1, interval"].append(max(abs(ours.low - max(-1, low)), abs(ours.high - high)))
    return gaps


def against_crowdkit(count: int) -> Gaps:
    """Majority, Dawid-Skene after the same steps, and Bradley-Terry (whose rule to end is switched off by `tol=0`)."""
    import pandas as pd
    from crowdkit.aggregation import BradleyTerry, DawidSkene, MajorityVote

    names = ("majority, share", "Dawid-Skene", "Dawid-Skene, 200 units", "Bradley-Terry, log-strength")
    gaps: Gaps = {name: [] for name in names}
    for seed, (_, table) in enumerate(tables(count)):
        rows = pd.DataFrame({"task": table.unit, "worker": table.rater, "label": table.code})
        shares = MajorityVote().fit_predict_proba(rows).max(axis=1).to_numpy()
        gaps["majority, share"].append(float(np.abs(shares - [one.share for one in majority(table).values()]).max()))
        for name, each in (("Dawid-Skene", table), ("Dawid-Skene, 200 units", larger(seed))):
            rows = pd.DataFrame({"task": each.unit, "worker": each.rater, "label": each.code})
            ours = dawid_skene(each, smoothing=0, tolerance=-1, iterations=STEPS)
            theirs = DawidSkene(n_iter=STEPS, tol=-np.inf).fit_predict_proba(rows)
            theirs = theirs.sort_index().reindex(columns=range(len(each.values)), fill_value=0).to_numpy()
            gaps[name].append(float(np.abs(ours.posterior - theirs).max()))
        votes = pair_votes(seed)
        mine = strengths(votes).strengths
        if mine is not None:
            rows = pd.DataFrame([(a, b, a if said == "left" else b) for a, b, said in votes])
            scores = BradleyTerry(n_iter=3000, tol=0).fit_predict(rows.set_axis(["left", "right", "label"], axis=1))
            logs = np.log(scores.sort_index().to_numpy())
            gaps["Bradley-Terry, log-strength"].append(float(np.abs(logs - logs.mean() - list(mine.values())).max()))
    return gaps


def pair_votes(seed: int) -> list[tuple[str, str, str]]:
    """200 votes without ties between five items of strengths that are known."""
    rng = np.random.default_rng(seed)
    worth, votes = rng.normal(0, 0.7, 5), []
    for _ in range(200):
        i, j = rng.choice(5, 2, replace=False)
        wins = rng.random() < 1 / (1 + np.exp(worth[j] - worth[i]))
        votes.append((f"i{i}", f"i{j}", "left" if wins else "right"))
    return votes


ORACLES: dict[str, Callable[[int], Gaps]] = {
    "krippendorff": against_krippendorff,
    "irrCAC": against_irrcac,
    "crowdkit": against_crowdkit,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tables", type=int, default=200)
    options = parser.parse_args()
    missing = [PACKAGES[name] for name in ORACLES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Not compared, because not installed: {', '.join(missing)}.")
    warnings.simplefilter("ignore")  # of the other packages
    rows: list[dict[str, Any]] = []
    for name, compare in ORACLES.items():
        if PACKAGES[name] not in missing:
            for figure, gaps in compare(options.tables).items():
                rows.append(
                    {"figure": figure, "against": PACKAGES[name], "n": len(gaps), "largest": max(gaps, default=None)}
                )
                rows[-1]["within_1e-6"] = sum(gap < 1e-6 for gap in gaps)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        largest = "none" if row["largest"] is None else f"{row['largest']:.2g}"
        print(
            f"{row['figure']:30} {row['against']:14} largest {largest:8} within 1e-6 {row['within_1e-6']} of {row['n']}"
        )


if __name__ == "__main__":
    main()
