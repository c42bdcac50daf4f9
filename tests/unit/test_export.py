"""Exports load with the real loaders, hold the exact pixels, and say what they hold."""

from __future__ import annotations

import errno
import hashlib
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from ru1_app.config import Settings
from ru1_app.domain import RatingSource, Verdict
from ru1_app.errors import ExportFailed, InvalidInput
from ru1_app.export import FORMATS, WRITERS, Filters, export, export_zip, parquet
from ru1_app.export.flow_grpo import hard_weight, human_reward
from ru1_app.export.records import shown_rating, to_record
from ru1_app.flagging import flag
from ru1_app.images import from_png
from ru1_app.protocol import load_protocol, record_schema
from ru1_app.store.sql import Store
from tests.factories import make_case
from tests.unit.test_flagging import GOOD


@pytest.fixture
def store(settings: Settings) -> Store:
    store = Store(settings.url, settings.blob_dir)
    for seed in range(4):
        case, images = make_case(seed, reference=seed != 3)
        form = GOOD if seed else replace(GOOD, verdict="faithful", severity=0, categories={}, regions=())
        flag(store, case, images, form)
    return store


def test_the_parquet_file_loads_with_its_images(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    manifest = export(store, tmp_path / "out", "records")
    rows = load_dataset(
        "parquet", data_files=str(tmp_path / "out/train.parquet"), cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert len(rows) == manifest.counts["records"] == 4
    for row in rows:
        case = store.case(row["id"])
        for column, sha in (("corrupted", case.sample.corrupted_sha), ("recovered", case.recovery.image_sha)):
            assert np.array_equal(np.asarray(row[column].convert("RGB")), from_png(store.image(sha)))
        assert (row["reference"] is None) == (case.sample.reference_sha is None)
        assert row["verdict"] == case.ratings[0].verdict.value
        assert row["label_status"] == "unconfirmed"
    misleading = next(row for row in rows if row["verdict"] == "misleading")
    assert misleading["regions"] == [{"x0": 0.1, "y0": 0.2, "x1": 0.5, "y1": 0.6, "category": "attribute_changed"}]


def test_every_record_fits_the_published_schema(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    export(store, tmp_path / "out", "records")
    lines = (tmp_path / "out/records.jsonl").read_text("utf-8").splitlines()
    for line in lines:
        jsonschema.validate(json.loads(line), dict(record_schema()))
    rows = load_dataset(
        "json", data_files=str(tmp_path / "out/records.jsonl"), cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert len(rows) == len(lines) == 4


def test_the_flow_grpo_folder_is_what_its_loader_reads(store: Store, tmp_path: Path) -> None:
    manifest = export(store, tmp_path / "out", "flow_grpo")
    root = tmp_path / "out/restoration"
    rows = [
        json.loads(line)
        for split in ("train", "test")
        for line in (root / f"{split}_metadata.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(rows) == manifest.counts["flow_grpo"] == 3
    assert manifest.skipped == {"flow_grpo: without a reference": 1}
    assert len({(row["prompt"], row["image"]) for row in rows}) == 3
    for row in rows:
        with Image.open(root / row["image"]) as image, Image.open(root / row["target_image"]) as target:
            assert image.size == target.size
        case = store.case(Path(row["image"]).stem)
        assert (root / row["image"]).read_bytes() == store.image(case.sample.corrupted_sha)
        assert (root / row["target_image"]).read_bytes() == store.image(str(case.sample.reference_sha))
        assert -1 <= row["human_reward"] <= 1


def test_the_manifest_tells_the_truth(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "out", "all")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text("utf-8"))
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert files == {*manifest["files"], "manifest.json"}
    for name, entry in manifest["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert manifest["unconfirmed"] == 4
    assert manifest["counts"] == {"records": 4, "flow_grpo": 3}


def test_the_same_store_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    first, second = (export(store, tmp_path / name, "all") for name in ("a", "b"))
    assert first.files == second.files


def test_filters_are_applied_and_named(store: Store, tmp_path: Path) -> None:
    manifest = export(store, tmp_path / "out", "records", Filters(verdict=Verdict.FAITHFUL))
    assert manifest.counts == {"records": 1}
    assert manifest.filters == {"verdict": "faithful"}


def test_a_filter_takes_the_judgement_that_is_shown(store: Store, tmp_path: Path) -> None:
    case = next(case for case in store.iter_cases() if case.ratings[0].verdict is Verdict.MISLEADING)
    calm = replace(GOOD, verdict="faithful", severity=0, categories={}, regions=())
    flag(store, case, {}, replace(calm, session_id="rater-1", source=RatingSource.RATER))
    manifest = export(store, tmp_path / "out", "all", Filters(verdict=Verdict.MISLEADING))
    rows = [json.loads(line) for line in (tmp_path / "out/records.jsonl").read_text("utf-8").splitlines()]
    assert {row["verdict"] for row in rows} == {"misleading"}
    assert case.id not in {row["id"] for row in rows}
    assert manifest.skipped["another judgement is the one shown"] == 1


def test_what_nobody_agreed_to_is_left_out_and_counted_once(store: Store, tmp_path: Path) -> None:
    case, images = make_case(9)
    rating = next(store.iter_cases()).ratings[0]
    store.add_case(replace(case, ratings=(replace(rating, id="r9", recovery_id=case.id, consent=False),)), images)
    manifest = export(store, tmp_path / "out", "all")
    assert manifest.skipped["without consent"] == 1
    assert case.id not in (tmp_path / "out/records.jsonl").read_text("utf-8")


def test_a_record_that_does_not_fit_the_schema_stops_the_export(store: Store, tmp_path: Path) -> None:
    case, images = make_case(9)
    rating = replace(next(store.iter_cases()).ratings[0], id="r9", recovery_id=case.id, comment="x" * 501)
    store.add_case(replace(case, ratings=(rating,)), images)
    with pytest.raises(ExportFailed, match=case.id):
        export(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_folder_loads_by_its_card(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    export(store, tmp_path / "out", "all")
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert "unconfirmed" in card
    assert "not an on-policy reward" in card
    rows = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    assert all(f"| `{name}` |" in card for name in rows.column_names)
    export(store, tmp_path / "folder", "flow_grpo")
    parts = load_dataset(str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache2"))
    assert sum(map(len, parts.values())) == 3


def test_a_row_group_ends_when_its_images_are_many_bytes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(parquet, "BYTES", 1)
    export(store, tmp_path / "out", "records")
    assert pq.ParquetFile(tmp_path / "out/train.parquet").num_row_groups == 4


def test_an_export_never_overwrites_and_never_comes_half(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep")
    with pytest.raises(InvalidInput, match="exists"):
        export(store, tmp_path / "out")
    with pytest.raises(InvalidInput, match="no format"):
        export(store, tmp_path / "new", "csv")

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(WRITERS, "records", full)
    with pytest.raises(ExportFailed, match="No space left"):
        export(store, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "data") == ["out"]


def test_an_empty_store_says_what_to_do(settings: Settings, tmp_path: Path) -> None:
    empty = Store(settings.url, settings.blob_dir)
    with pytest.raises(InvalidInput, match="No flagged cases yet"):
        export(empty, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_the_zip_holds_the_same(store: Store, tmp_path: Path, name: str) -> None:
    path = export_zip(store, tmp_path / "ru1.zip", name)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert "ru1/manifest.json" in archive.namelist()


def test_rewards_and_weights_order_the_verdicts() -> None:
    rewards = [
        human_reward(*pair)
        for pair in (("faithful", 0), ("benign_detail", 1), ("cannot_tell", 0), ("misleading", 2), ("misleading", 3))
    ]
    assert rewards == sorted(rewards, reverse=True)
    assert (rewards[0], rewards[-1]) == (1.0, -1.0)
    assert all(hard_weight(v.code, v.high) >= 1 for v in load_protocol().verdicts)


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_a_case_without_its_images_is_left_out_counted_and_healed(store: Store, tmp_path: Path, damage: str) -> None:
    lost = next(store.iter_cases())
    path = store.image_path(lost.recovery.image_sha)
    whole = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(whole[:-1] + b"x")
    manifest = export(store, tmp_path / "out", "records")
    assert manifest.counts == {"records": 3}
    assert manifest.skipped == {"an image is missing or damaged": 1}
    store.keep({lost.recovery.image_sha: whole})
    assert export(store, tmp_path / "again", "records").counts == {"records": 4}


def test_a_source_falls_on_one_side_and_loaders_see_the_sides(settings: Settings, tmp_path: Path) -> None:
    from datasets import load_dataset

    store = Store(settings.url, settings.blob_dir)
    for seed in range(24):
        case, images = make_case(seed)
        group = hashlib.sha256(bytes([seed // 2])).hexdigest()
        sample = replace(case.sample, id=f"s{seed}", split_group=group)
        recovery = replace(case.recovery, sample_id=sample.id)
        flag(store, replace(case, sample=sample, recovery=recovery), images, GOOD)
    export(store, tmp_path / "out", "all")
    sides = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    groups = {side: set(rows["split_group"]) for side, rows in sides.items()}
    assert set(groups) == {"train", "test"}
    assert not groups["train"] & groups["test"]
    assert sum(len(rows) for rows in sides.values()) == 24
    assert all(set(rows["split"]) == {side} for side, rows in sides.items())


def test_whether_an_answer_was_right_is_exported(store: Store) -> None:
    case = next(case for case in store.iter_cases() if case.sample.question)
    record = to_record(case, case.ratings[0])
    assert case.sample.question
    assert case.sample.question.expected == "B"
    assert {each["condition"]: each["correct"] for each in record["answers"]} == {
        "corrupted": False,
        "recovered": True,
        "both": True,
    }


def test_the_shown_rating_is_the_newest_of_a_rater_before_any_visitors(store: Store) -> None:
    case = next(store.iter_cases())
    first = case.ratings[0]
    later = replace(first, id="b", rater_id="v2", created_at=first.created_at + timedelta(days=1))
    rater = replace(first, id="c", source=RatingSource.RATER, created_at=first.created_at - timedelta(days=1))
    silent = replace(rater, id="d", consent=False, created_at=later.created_at + timedelta(days=1))
    assert shown_rating(replace(case, ratings=(first, later))) == later
    assert shown_rating(replace(case, ratings=(first, rater, later, silent))) == rater
    older = replace(rater, id="e", supersedes="c")
    assert shown_rating(replace(case, ratings=(rater, older))) == older
    assert shown_rating(replace(case, ratings=(silent,))) is None


def test_the_card_tells_of_the_parts_that_are_there(store: Store, tmp_path: Path) -> None:
    for name, has, lacks in (
        ("records", "train.parquet", "restoration/"),
        ("flow_grpo", "restoration/", "train.parquet"),
    ):
        export(store, tmp_path / name, name)
        text = (tmp_path / name / "README.md").read_text("utf-8")
        assert has in text
        assert lacks not in text
        assert "{parts}" not in text
