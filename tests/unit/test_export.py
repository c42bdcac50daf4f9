"""A release appears whole or not at all, holds what was asked for, and says what it holds and what not."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from ru1_app.domain import RatingSource, Region, Verdict
from ru1_app.errors import ExportFailed, InvalidInput, NotFound
from ru1_app.export import FORMATS, Manifest, Selection, differences, read_manifest, write_release
from ru1_app.export.describe.manifest import MANIFEST
from ru1_app.export.files import parquet
from ru1_app.export.formats.format import Format
from ru1_app.images import from_png
from ru1_app.protocol import record_schema
from ru1_app.store.sql import Store
from tests.released import case_of, rating, release, rows_of, store_in


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


def test_a_release_loads_with_its_images(unchanged: Store, root: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    folder = release(unchanged, root, "tables")
    sides = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in sides.items()} == read_manifest(folder).formats["tables"].rows
    for side, rows in sides.items():
        for row in rows:
            case = unchanged.case(row["id"])
            for column, sha in (("corrupted", case.sample.corrupted_sha), ("recovered", case.recovery.image_sha)):
                assert np.array_equal(np.asarray(row[column].convert("RGB")), from_png(unchanged.image(sha)))
            assert (row["reference"] is None) == (case.sample.reference_sha is None)
            assert row["split"] == side
    misleading = next(row for row in sides["test"] if row["id"] == "r01")
    assert misleading["regions"][0] == {"x0": 0.1, "y0": 0.2, "x1": 0.5, "y1": 0.6, "category": "attribute_changed"}
    assert {each["condition"]: each["correct"] for each in misleading["answers"]} == {
        "corrupted": True,
        "recovered": False,
        "both": False,
    }
    assert misleading["derived_impact"] == "harmed"


def test_every_row_fits_the_published_schema(unchanged: Store, root: Path) -> None:
    schema = dict(record_schema())
    for row in rows_of(release(unchanged, root, "tables", visitors=True)):
        record = {name: value for name, value in row.items() if name in schema["properties"]}
        jsonschema.validate(record, schema)


def test_a_record_that_does_not_fit_the_schema_stops_the_release(store: Store, root: Path) -> None:
    outside = (Region(0.5, 0.5, 1.5, 0.9),)
    store.add_rating(rating("r00", "rater-z", Verdict.FAITHFUL, 0, regions=outside))
    with pytest.raises(ExportFailed, match="r00"):
        release(store, root, "tables")
    assert not [path for path in root.iterdir() if path.name == "made"]


def test_the_manifest_tells_the_truth(unchanged: Store, root: Path) -> None:
    folder = release(unchanged, root, *FORMATS)
    raw = json.loads((folder / MANIFEST).read_text("utf-8"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*raw["files"], MANIFEST}
    for name, entry in raw["files"].items():
        data = (folder / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest = read_manifest(folder)
    assert (manifest.considered, manifest.kept) == (18, 14)
    assert manifest.excluded == {"flagged by visitors only": 3, "without consent": 1}
    assert manifest.considered == manifest.kept + sum(manifest.excluded.values())
    assert sum(manifest.splits.values()) == manifest.kept == len(rows_of(folder))
    assert manifest.judgements == len(rows_of(folder, "ratings"))
    assert manifest.raters == len({row["rater_id"] for row in rows_of(folder, "ratings")})
    assert sum(manifest.preferences["kept"].values()) == len(rows_of(folder, "pairs"))
    assert Selection.from_dict(manifest.selection) == Selection(test_share=0.5)
    assert Manifest.from_dict(manifest.as_dict()) == manifest


def test_what_changed_after_a_release_is_found(unchanged: Store, root: Path) -> None:
    folder = release(unchanged, root, "labels_csv")
    assert differences(folder) == []
    (folder / "labels_csv/labels.csv").write_text("changed")
    (folder / "labels_csv/judgements.csv").unlink()
    (folder / "more.txt").write_text("more")
    assert differences(folder) == [
        "labels_csv/judgements.csv is missing.",
        "more.txt does not belong to it.",
        "labels_csv/labels.csv was changed.",
    ]
    with pytest.raises(NotFound, match="no release"):
        read_manifest(root)
    (folder / MANIFEST).write_text('{"counts": {}}')
    with pytest.raises(InvalidInput, match="not that of a release"):
        read_manifest(folder)


def test_the_same_labels_give_the_same_bytes(unchanged: Store, root: Path, tmp_path: Path) -> None:
    first = read_manifest(release(unchanged, root, *FORMATS))
    other = store_in(tmp_path / "another")
    assert read_manifest(release(other, root / "again", *FORMATS)) == first


def test_a_release_never_overwrites(unchanged: Store, root: Path) -> None:
    folder = release(unchanged, root, "labels_csv")
    before = read_manifest(folder)
    with pytest.raises(InvalidInput, match="exists already"):
        release(unchanged, root, "tables")
    assert (read_manifest(folder), differences(folder)) == (before, [])
    for name in ("../outside", ".hidden", "a/b", "x" * 300, "x\0"):
        with pytest.raises(InvalidInput, match="no name of a folder"):
            write_release(unchanged, root, Selection(), ["tables"], name=name)
    for formats, says in ((["csv"], "no format"), ([], "at least one format")):
        with pytest.raises(InvalidInput, match=says):
            write_release(unchanged, root, Selection(), formats)
    assert [path.name for path in root.iterdir()] == ["made"]


def test_a_release_is_never_half_there(unchanged: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> Mapping[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    broken: Format = replace(FORMATS["labels_csv"], write=full)
    monkeypatch.setitem(FORMATS, "labels_csv", broken)
    with pytest.raises(ExportFailed, match="No space left"):
        release(unchanged, root, "tables", "labels_csv")
    assert list(root.iterdir()) == []


def test_who_watches_sees_it_go_on_and_can_stop_it(unchanged: Store, root: Path) -> None:
    seen: list[tuple[str, float]] = []
    write_release(unchanged, root, Selection(), ["tables", "vha"], name="made", step=lambda *told: seen.append(told))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1

    def stop(what: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_release(unchanged, root, Selection(), ["tables", "vha"], name="stopped", step=stop)
    assert [path.name for path in root.iterdir()] == ["made"]


def test_a_row_group_ends_when_its_images_are_many_bytes(
    unchanged: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(parquet, "BYTES", 1)
    folder = release(unchanged, root, "tables", test_share=1.0)
    assert pq.ParquetFile(folder / "tables/samples/test.parquet").num_row_groups == 14
    assert not (folder / "tables/samples/train.parquet").exists(), "loaders fail on a split without rows"


def test_an_empty_store_and_a_format_without_rows_say_what_to_do(unchanged: Store, root: Path, tmp_path: Path) -> None:
    other = Store(f"sqlite:///{tmp_path}/other.sqlite3", tmp_path / "blobs")
    with pytest.raises(InvalidInput, match="No judged case fits"):
        release(other, root, "tables")
    with pytest.raises(InvalidInput, match="Nothing is left of 18 recoveries: 18 another licence. Ask for less"):
        release(unchanged, root, "tables", licenses=("MIT",))
    other.add_case(*case_of(2, 0))
    other.add_rating(rating("r20", "visitor", Verdict.MISLEADING, 2, source=RatingSource.VISITOR, item_id=None))
    with pytest.raises(InvalidInput, match="1 flagged by visitors only. Take visitors' flags in"):
        release(other, root, "tables")
    with pytest.raises(InvalidInput, match="No format has a row .vha: 1 without a clean image"):
        release(other, root, "vha", visitors=True)
    assert list(root.iterdir()) == []
