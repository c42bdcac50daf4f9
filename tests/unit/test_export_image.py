"""What trains image models: Flow-GRPO's folder, Pick-a-Pic's and RichHF's columns, VHA-bench's; by their readers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from ru1_app.domain import Region, Verdict
from ru1_app.export.cases.labels import label_of
from ru1_app.export.describe.manifest import read_manifest
from ru1_app.export.formats import reward_points
from ru1_app.images import digest, from_png, png_bytes
from ru1_app.store.sql import Store
from tests.released import LATER, case_of, rating, release, store_in

FORMATS = ("flow_grpo", "diffusion_dpo", "reward_points", "vha")
POINT = Region(0.5, 0.5, 0.5, 0.5, "geometry_artifact")
MORE = (
    rating("r41", "rater-d", Verdict.MISLEADING, 2, categories={"geometry_artifact": 2}, regions=(POINT,)),
    rating("r51", "rater-d", Verdict.CANNOT_TELL, 0),
)


class Made(NamedTuple):
    store: Store
    folder: Path
    cache: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("image_side")
    store = store_in(root, *MORE)
    return Made(store, release(store, root / "releases", *FORMATS), str(root / "cache"))


def loaded(made: Made, config: str) -> Any:
    from datasets import load_dataset

    return load_dataset(str(made.folder), config, cache_dir=made.cache)


COLUMNS = {
    "diffusion_dpo": {
        "jpg_0": "binary", "jpg_1": "binary", "label_0": "float64", "label_1": "float64", "caption": "string",
        "image_0_uid": "string", "image_1_uid": "string", "best_image_uid": "string", "has_label": "bool",
        "are_different": "bool", "num_example_per_prompt": "int64", "user_id": "int64", "ranking_id": "int64",
        "model_0": "string", "model_1": "string", "created_at": "timestamp[us]", "jpg_cond": "binary",
        "jpg_ref": "binary", "n_votes": "int32", "margin": "float32",
    },
    "reward_points": {
        "filename": "string", "corrupted": "Image", "recovered": "Image", "aesthetics_score": "float32",
        "artifact_score": "float32", "misalignment_score": "float32", "overall_score": "float32",
        "artifact_map": "Image", "misalignment_map": "Image", "prompt_misalignment_label": "string",
    },
    "vha": {
        "gt": "Image", "sr": "Image", "sample_id": "string", "image_id": "string", "method": "string",
        "human_score": "float32", "n_ratings": "int32",
    },
}  # fmt: skip


@pytest.mark.parametrize("config", COLUMNS)
def test_a_parquet_format_loads_by_name_with_the_columns_its_readers_expect(made: Made, config: str) -> None:
    sides = loaded(made, config)
    assert set(sides) == {"train", "test"}
    for rows in sides.values():
        kinds = {name: getattr(kind, "dtype", type(kind).__name__) for name, kind in rows.features.items()}
        kinds = {
            name: "Image" if "Image" in type(rows.features[name]).__name__ else kind for name, kind in kinds.items()
        }
        assert COLUMNS[config].items() <= kinds.items()
        for row in (rows[0], rows[-1]):
            images = [row[name] for name, kind in COLUMNS[config].items() if kind == "Image"]
            images += [Image.open(io.BytesIO(data)) for data in row.values() if isinstance(data, bytes)]
            assert images
            assert all(image.size == (32, 24) for image in images)
    told = read_manifest(made.folder).formats[config].rows
    assert dict(told) == {name: len(rows) for name, rows in sides.items()}


class PromptImageDataset:
    """How Flow-GRPO's image-to-image scripts read a folder."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder = folder
        lines = (folder / f"{split}_metadata.jsonl").read_text("utf-8").splitlines()
        self.metadatas = [json.loads(line) for line in lines]

    def __len__(self) -> int:
        return len(self.metadatas)

    def __getitem__(self, place: int) -> tuple[str, Image.Image, dict[str, Any], str]:
        metadata = self.metadatas[place]
        image = Image.open(self.folder / metadata["image"]).convert("RGB")
        return metadata["prompt"], image, metadata, f"{metadata['prompt']}_{metadata['image']}"


def test_flow_grpo_reads_every_input_that_has_a_clean_image_once(made: Made) -> None:
    root = made.folder / "flow_grpo/restoration"
    data = {split: PromptImageDataset(root, split) for split in ("train", "test")}
    rows = [side[place] for side in data.values() for place in range(len(side))]
    assert (len(rows), len({key for *_, key in rows}), len({prompt for prompt, *_ in rows})) == (11, 11, 1)
    assert dict(read_manifest(made.folder).formats["flow_grpo"].lost) == {"without a clean image": 3}
    for _, image, metadata, _ in rows:
        case = made.store.case(metadata["recovery_id"])
        assert np.array_equal(np.asarray(image), from_png(made.store.image(case.sample.corrupted_sha)))
        with Image.open(root / metadata["target_image"]) as target:
            assert target.size == image.size
            assert np.array_equal(np.asarray(target), from_png(made.store.image(str(case.sample.reference_sha))))
        assert -1 <= metadata["human_reward"] <= 1
        assert 1 <= metadata["hard_weight"] <= 5
    found = {metadata["recovery_id"]: metadata for *_, metadata, _ in rows}
    assert [found[f"r0{draw}"]["human_reward"] for draw in range(3)] == [1, -1, 0.5]
    assert [found[f"r0{draw}"]["hard_weight"] for draw in range(3)] == [1, 4, 1]
    assert (found["r11"]["elusive"], found["r11"]["hard_weight"]) == (True, 5)
    assert (found["r00"]["corruption_type"], found["r00"]["corruption_level"]) == ("gaussian_noise", "mid")


def test_the_rewards_of_a_clean_image_against_its_own_row_are_one(made: Made) -> None:
    from ru1_app.rewards.flow_grpo import maker

    root = made.folder / "flow_grpo/restoration"
    data = PromptImageDataset(root, "test")
    clean = np.stack([np.asarray(Image.open(root / row["target_image"])) for row in data.metadatas])
    score = maker(root, "no-such-folder", weights={"ssim": 1.0})("cpu")
    total, parts = score(clean, [row["prompt"] for row in data.metadatas], data.metadatas)
    assert total == pytest.approx([1.0] * len(data), abs=1e-5)
    assert set(parts) == {"ssim"}
    damaged = np.stack([np.asarray(data[place][1]) for place in range(len(data))])
    assert max(score(damaged, [], data.metadatas)[0]) < 0.99


def test_an_adjudicators_severity_makes_the_reward_where_raters_saw_nothing_wrong(made: Made) -> None:
    settled = label_of(made.store.case("r12"), LATER)
    assert settled
    assert (settled.verdict, settled.mean_severity) == (Verdict.MISLEADING, 2.0)
    row = next(
        row
        for row in PromptImageDataset(made.folder / "flow_grpo/restoration", "test").metadatas
        if row["recovery_id"] == "r12"
    )
    assert (row["human_reward"], row["hard_weight"]) == (pytest.approx(-2 / 3, abs=1e-4), 3)


def test_inputs_that_rewards_cannot_compare_are_counted_not_written(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for number, size, side in ((7, (24, 40, 3), 24), (8, (9, 17, 3), 9)):
        case, images = case_of(number, 0, side)
        clean = png_bytes(np.full(size, 90, np.uint8))
        sample = replace(case.sample, reference_sha=digest(clean), id=f"../s{number}")
        store.add_case(
            replace(case, sample=sample, recovery=replace(case.recovery, sample_id=sample.id)),
            {**images, digest(clean): clean},
        )
        store.add_rating(rating(f"r{number}0", "rater-a", Verdict.FAITHFUL, 0, item_id=None))
    folder = release(store, tmp_path / "releases", "flow_grpo", "imagefolder")
    lost = dict(read_manifest(folder).formats["flow_grpo"].lost)
    assert lost == {"without a clean image": 3, "the clean image has another size": 1, "smaller than 11 pixels": 1}
    names = {path.name for path in folder.rglob("corrupted/*")}
    assert all(name.removesuffix(".png").isalnum() for name in names), "an id that is no file name became a hash"


def test_diffusion_dpo_puts_the_preferred_image_first_and_learns_no_place(made: Made) -> None:
    sides = loaded(made, "diffusion_dpo")
    wanted = {"r00": {"r01"}, "r02": {"r01"}, "r20": {"r21"}}
    places = []
    for rows in sides.values():
        kept = [row for row in rows if row["label_0"] in (0, 1)]  # its filter of ties
        assert len(kept) == len(rows)
        for row in kept:
            images = [row["jpg_0"], row["jpg_1"]]
            do_flip = row["label_0"] == 0
            winner, loser = images[::-1] if do_flip else images
            uids = [row["image_0_uid"], row["image_1_uid"]][:: -1 if do_flip else 1]
            assert uids[0] == row["best_image_uid"]
            assert row["label_0"] + row["label_1"] == 1
            for data, id_ in ((winner, uids[0]), (loser, uids[1])):
                shown = np.asarray(Image.open(io.BytesIO(data), formats=("JPEG",)), int)
                assert np.abs(shown - from_png(made.store.image(made.store.case(id_).recovery.image_sha))).mean() < 6
            assert Image.open(io.BytesIO(row["jpg_cond"])).format == "JPEG"
            assert (row["jpg_ref"] is None) == (row["sample_id"] == "s2")
            assert row["n_votes"] >= 3
            if row["origin"] == "votes":
                assert uids[1] in wanted[uids[0]]
        places.append(sum(row["label_0"] for row in kept) - len(kept) / 2)
        assert abs(places[-1]) <= 0.5, "each place wins as often as the other"


def test_scores_are_means_over_people_and_higher_is_better(made: Made) -> None:
    rows = {row["filename"]: row for side in loaded(made, "reward_points").values() for row in side}
    for row in rows.values():
        assert all(0 <= row[name] <= 1 for name in ("artifact_score", "misalignment_score", "overall_score"))
        assert row["aesthetics_score"] is None
    good, bad, mixed = (rows[f"{name}.png"] for name in ("r00", "r01", "r41"))
    assert (good["overall_score"], bad["overall_score"]) == (1, 0)
    assert (bad["artifact_score"], bad["misalignment_score"]) == (1, 0)
    assert mixed["artifact_score"] == pytest.approx(1 - 2 / 12)  # one of four people, severity 2
    assert mixed["misalignment_score"] == pytest.approx(1 - 9 / 12)
    assert rows["r51.png"]["raters"] == 3, "who cannot tell gives no score"
    assert (good["prompt_misalignment_label"], bad["prompt_misalignment_label"]) == ("1 1", "0 0")
    assert rows["r41.png"]["prompt_misalignment_label"] == ""


def test_maps_have_the_images_size_and_are_empty_where_nobody_marked(made: Made) -> None:
    for rows in loaded(made, "reward_points").values():
        for row in rows:
            label = label_of(made.store.case(row["filename"].removesuffix(".png")), LATER)
            assert label
            codes = {region.category for word in label.last for region in word.regions}
            for name, expected in (
                ("artifact_map", codes & reward_points.ARTIFACT),
                ("misalignment_map", codes - reward_points.ARTIFACT),
            ):
                grey = row[name]
                assert (grey.mode, grey.size) == ("L", row["recovered"].size)
                assert bool(np.asarray(grey).any()) == bool(expected)


def test_points_are_discs_boxes_are_filled_and_people_are_averaged(made: Made) -> None:
    rows = {row["filename"]: row for side in loaded(made, "reward_points").values() for row in side}
    disc, box = (np.asarray(rows["r41.png"][name]) for name in ("artifact_map", "misalignment_map"))
    assert set(np.unique(disc)) == {0, 64}  # one of four people, rounded up
    assert set(np.unique(box)) == {0, 192}
    assert np.argwhere(disc).mean(0).tolist() == pytest.approx([11.5, 15.5])
    assert 3 <= (disc > 0).sum() <= 5  # a radius of 1.2 pixels
    assert (box[5:14, 4:16] == 192).all()  # 0.2-0.6 of 24 rows and 0.1-0.5 of 32 columns, without the edges
    assert (box > 0).sum() == 11 * 13


@pytest.mark.parametrize("region", [Region(1, 1, 1, 1), Region(0.999, 0, 1, 0.001), Region(0, 0.5, 0, 0.7)])
def test_a_mark_at_the_edge_is_drawn(region: Region) -> None:
    mask = np.zeros((7, 5), bool)
    reward_points.draw(mask, region)
    assert mask.any()


def test_a_mark_without_a_category_is_of_the_kind_of_all_that_the_person_named() -> None:
    mark = (Region(0.2, 0.2, 0.6, 0.6),)
    for categories, artifact in (
        ({}, False),
        ({"under_recovered": 2}, True),
        ({"under_recovered": 2, "text_altered": 2}, False),
    ):
        said = rating("r", "x", Verdict.MISLEADING, 2, categories=categories, regions=mark)
        assert reward_points.map_of([said], (8, 8), artifact=artifact).max() == 255
        assert reward_points.map_of([said], (8, 8), artifact=not artifact).max() == 0


def test_hallucination_scores_are_the_means_of_their_ratings(made: Made) -> None:
    with (made.folder / "vha/ratings.csv").open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    assert set(told[0]) == {"rater", "sample_id", "score"}
    rows = [row for side in loaded(made, "vha").values() for row in side]
    assert {row["sample_id"] for row in rows} == {each["sample_id"] for each in told}
    for row in rows:
        scores = [int(each["score"]) for each in told if each["sample_id"] == row["sample_id"]]
        assert row["n_ratings"] == len(scores)
        assert row["human_score"] == pytest.approx(np.mean(scores))
        assert 1 <= row["human_score"] <= 5
    assert {row["sample_id"]: row["human_score"] for row in rows}["r01"] == 5, "higher is worse"
    assert len({row["image_id"] for row in rows}) == 4


def test_every_image_format_is_the_same_bytes_twice(made: Made, tmp_path: Path) -> None:
    again = release(made.store, tmp_path, *FORMATS)
    assert read_manifest(again).files == read_manifest(made.folder).files
