"""A release holds what was asked for, counts what it leaves out, and keeps what comes from one picture together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ru1_app.domain import Sample, Verdict
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.export import FORMATS, Selection, plan, read_manifest, write_release
from ru1_app.export.cases.rows import SPLITS, is_benchmark, split_of
from ru1_app.export.planning import survey
from ru1_app.images import digest
from ru1_app.scenes import HELD_OUT_SEED
from ru1_app.store import blobs
from ru1_app.store.filters import Filters
from ru1_app.store.sql import Store
from tests.released import AT, LATER, rating, release, rows_of, store_in


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_in(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """For tests that only look."""
    return store_in(tmp_path_factory.mktemp("unchanged"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "releases"


def kept(store: Store, **selection: Any) -> set[str]:
    return {id_ for _, id_ in plan(store, Selection(**selection), LATER).source.chosen}


def lost(store: Store, **selection: Any) -> Mapping[str, int]:
    return plan(store, Selection(**selection), LATER).excluded


def test_what_nobody_agreed_to_is_in_no_release(unchanged: Store, root: Path) -> None:
    folder = release(unchanged, root, *FORMATS, visitors=True)
    assert read_manifest(folder).excluded == {"without consent": 1}
    told = b"".join(path.read_bytes() for path in folder.rglob("*") if path.suffix in (".csv", ".jsonl", ".json"))
    assert b"r41" in told
    assert b"r40" not in told
    assert all(row["recovery_id"] != "r40" for row in rows_of(folder, "ratings"))


def test_visitors_flags_come_in_only_when_asked_for_and_are_no_labels(unchanged: Store, root: Path) -> None:
    assert not {id_ for id_ in kept(unchanged) if id_.startswith("r3")}
    rows = rows_of(release(unchanged, root, "tables", visitors=True))
    assert {row["label_status"] for row in rows if row["sample_id"] == "s3"} == {"unconfirmed"}
    assert {row["label_status"] for row in rows if row["sample_id"] != "s3"} == {"confirmed", "adjudicated"}
    for values in ({"least_raters": 2}, {"adjudicated": True}):
        with pytest.raises(InvalidInput, match="no raters"):
            Selection(visitors=True, **values)


@pytest.mark.parametrize(
    ("selection", "reason", "count"),
    [
        ({"least_raters": 4}, "fewer than 4 raters", 13),
        ({"least_agreement": 0.9}, "the raters agree too little", 1),
        ({"adjudicated": True}, "not adjudicated", 13),
        ({"elusive": True}, "not elusive", 13),
        ({"licenses": ("CC0-1.0",)}, "another licence", 3),
        ({"visitors": True}, "flagged by visitors only", 0),
    ],
)
def test_what_is_left_out_is_counted_by_its_reason(
    unchanged: Store, selection: dict[str, Any], reason: str, count: int
) -> None:
    made = plan(unchanged, Selection(**selection), LATER)
    assert made.excluded.get(reason, 0) == count
    assert made.considered == made.kept + sum(made.excluded.values()) == 18


def test_only_what_was_asked_for_is_kept(unchanged: Store) -> None:
    assert kept(unchanged, adjudicated=True) == {"r12"}
    assert kept(unchanged, elusive=True) == {"r11"}
    assert not {id_ for id_ in kept(unchanged, licenses=("CC0-1.0",)) if id_.startswith("r4")}
    assert kept(unchanged, licenses=("CC-BY-4.0",)) == {"r41", "r42"}
    assert kept(unchanged, filters=Filters(verdict=("misleading",))) == {
        "r01",
        "r11",
        "r12",
        "r21",
        "r22",
        "r41",
        "r51",
    }


def test_what_was_judged_after_the_cut_off_is_not_there(store: Store) -> None:
    late = rating("r22", "rater-d", Verdict.FAITHFUL, 0, created_at=LATER + timedelta(days=1))
    before = plan(store, Selection(), LATER)
    store.add_rating(late)
    assert plan(store, Selection(), LATER).survey == before.survey
    assert plan(store, Selection(), LATER + timedelta(days=2)).survey.judgements == before.survey.judgements + 1
    nothing = plan(store, Selection(), AT - timedelta(days=1))
    assert (nothing.kept, nothing.excluded) == (0, {"judged later": 18})


def test_a_superseded_judgement_counts_nowhere(store: Store, root: Path) -> None:
    old = store.case("r00").ratings[0]
    store.add_rating(
        replace(old, id="corrected", verdict=Verdict.CANNOT_TELL, supersedes=old.id, created_at=AT + timedelta(days=1))
    )
    folder = release(store, root, "tables")
    told = [row["id"] for row in rows_of(folder, "ratings") if row["recovery_id"] == "r00"]
    assert "corrected" in told
    assert old.id not in told
    assert next(row for row in rows_of(folder) if row["id"] == "r00")["blind_verdict"] == "faithful"


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_a_case_without_its_images_is_left_out_counted_and_healed(store: Store, damage: str) -> None:
    sha = store.case("r00").recovery.image_sha
    path = store.image_path(sha)
    whole = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(whole[:-1] + b"x")
    assert "r00" not in kept(store)
    assert lost(store)["an image is missing or damaged"] == 1
    store.keep({sha: whole})
    assert "r00" in kept(store)


def test_a_second_look_reads_no_picture_again_but_sees_one_that_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(blobs, "digest", lambda png: read.append(digest(png)) or read[-1])
    sha = store.case("r00").recovery.image_sha
    monkeypatch.setattr(survey, "MEASURED", 0)  # pairs whose sharpness is measured are read each time
    assert "r00" in kept(store)
    assert sha in read
    read.clear()
    assert "r00" in kept(store)
    assert read == []
    path = store.image_path(sha)
    path.write_bytes(bytes(reversed(path.read_bytes())))  # of the same size
    assert "r00" not in kept(store)
    assert len(read) == 1


def test_what_is_damaged_after_it_was_chosen_is_never_copied(store: Store, root: Path) -> None:
    path = store.image_path(store.case("r51").recovery.image_sha)
    damaged = bytes(reversed(path.read_bytes()))

    def step(what: str, share: float) -> None:
        if what.startswith("Parquet tables"):
            path.write_bytes(damaged)

    with pytest.raises(Unavailable, match="damaged on disk"):
        write_release(store, root, Selection(), ["tables"], name="made", until=LATER, step=step)
    assert list(root.iterdir()) == []


# splits


def test_a_source_falls_on_one_side_and_held_out_pictures_are_test(unchanged: Store, root: Path) -> None:
    rows = rows_of(release(unchanged, root, "tables"))
    sides = {side: {row["split_group"] for row in rows if row["split"] == side} for side in SPLITS}
    assert sides["train"]
    assert not sides["train"] & sides["test"]
    for seed in range(20):
        made = plan(unchanged, Selection(test_share=0.0, split_seed=seed), LATER)
        assert made.survey.splits == {"test": 3, "train": 11}, "s5 is a held-out scene"
    asked = plan(unchanged, Selection(test_share=0.0, benchmarks=True), LATER)
    assert asked.survey.splits == {"train": 14}


def sample_of(group: str, source: str = "upload") -> Sample:
    return Sample("s", "0" * 64, None, group, source=source)


@given(st.text(max_size=80), st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_split_is_drawn_by_the_source_and_grows_with_the_share(group: str, seed: int, one: float, two: float) -> None:
    small, large = (Selection(test_share=share, split_seed=seed) for share in sorted((one, two)))
    sides = [split_of(sample_of(group), selection) for selection in (small, large)]
    assert set(sides) <= set(SPLITS)
    assert sides != ["test", "train"], "what is test stays test at a larger share"
    assert split_of(replace(sample_of(group), id="other", corruption="jpeg@mid"), small) == sides[0]
    assert split_of(sample_of(group), Selection(test_share=1.0)) == "test"
    assert split_of(sample_of(group), Selection(test_share=0.0)) == "train"


def test_the_share_of_test_is_about_what_was_asked_for() -> None:
    drawn = [split_of(sample_of(str(number)), Selection(test_share=0.1)) for number in range(5000)]
    assert 0.08 < drawn.count("test") / len(drawn) < 0.12


@pytest.mark.parametrize(
    ("source", "held_out"),
    [
        ("benchmark:r-bench/12", True), (f"scene:{HELD_OUT_SEED}", True), (f"scene:{HELD_OUT_SEED - 1}", False),
        ("scene:none", False), ("photo:benchmark", False), ("upload", False),
    ],
)  # fmt: skip
def test_pictures_that_models_are_measured_on_are_known_by_their_source(source: str, held_out: bool) -> None:
    assert is_benchmark(sample_of("g", source)) is held_out


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"least_raters": 0}, "least number"), ({"least_raters": 1.5}, "whole number"), ({"test_share": 2}, "share"),
        ({"least_agreement": float("nan")}, "share"), ({"split_seed": -1}, "seed"), ({"nonsense": 1}, "no setting"),
        ({"elusive": 1}, "true or false"), ({"licenses": "MIT"}, "list of texts"), ({"test_share": "x"}, "number"),
        ({"filters": {"verdict": ["great"]}}, "great"),
    ],
)  # fmt: skip
def test_a_selection_that_means_nothing_is_refused(raw: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        Selection.from_dict(raw)
