"""Rows for BAGEL and VLMEvalKit, read by the rules of their loaders: neither can be installed beside the app."""

from __future__ import annotations

import ast
import base64
import io
import json
import random
import re
import string
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image

from ru1_app.export import Manifest, Selection, write_release
from ru1_app.export.formats.bagel import INSTRUCTIONS
from ru1_app.export.formats.vlmevalkit import kept
from ru1_app.images import from_png
from ru1_app.models.bagel.edit import RESTORE
from ru1_app.store.sql import Store
from tests.released import LATER
from tests.released_text import OPTIONS, build_hard

SPECIAL = re.compile("circular|mmbench|ccbench|mmcr|mmmu|mmt|openended|video", re.IGNORECASE)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    store = Store(f"sqlite:///{folder}/ru1.sqlite3", folder / "blobs")
    build_hard(store)
    return store


@pytest.fixture(scope="module")
def made(store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    names = ["bagel", "vlmevalkit"]
    return write_release(store, tmp_path_factory.mktemp("out"), Selection(), names, name="one", until=LATER)


@pytest.fixture(scope="module")
def release(made: tuple[Path, Manifest]) -> Path:
    return made[0]


def test_bagel_deals_out_every_row_group_of_a_split(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(release)  # data_dir: bagel/edit
    for split, count in (("train", 9), ("test", 1)):
        info = json.loads(Path(f"bagel/parquet_info/{split}.json").read_text("utf-8"))
        opened = [path.as_posix() for path in sorted(Path("bagel/edit").glob("*.parquet")) if path.as_posix() in info]
        assert opened == [f"bagel/edit/{split}.parquet"]
        groups = [(path, number) for path in opened for number in range(info[path]["num_row_groups"])]
        frames = [pq.ParquetFile(path).read_row_group(number).to_pandas() for path, number in groups]
        assert all(len(frame) <= 8 for frame in frames)
        assert sum(map(len, frames)) == info[opened[0]]["num_rows"] == count


def test_bagel_edits_from_corrupted_to_clean(release: Path, store: Store) -> None:
    assert INSTRUCTIONS[0] == RESTORE
    frame = pq.ParquetFile(release / "bagel/edit/train.parquet").read().to_pandas()
    assert "s2" not in set(frame["sample_id"])  # no clean image
    samples = {case.sample.id: case.sample for case in store.iter_cases()}
    for _, row in frame.iterrows():
        images = [Image.open(io.BytesIO(data)).convert("RGB") for data in row["image_list"]]
        instruction = random.choice(row["instruction_list"][0])
        assert isinstance(instruction, str)
        assert len(images) == 2
        assert len(row["instruction_list"]) == 1
        sample = samples[row["sample_id"]]
        assert list(row["image_list"]) == [store.image(sample.corrupted_sha), store.image(str(sample.reference_sha))]
    weights = dict(zip(frame["sample_id"], frame["hard_weight"], strict=True))
    assert weights["s0"] == 4.0
    assert weights["sa"] == 1.0


def test_the_edits_load_by_the_card(release: Path, tmp_path: Path) -> None:
    rows = load_dataset(str(release), "bagel_edit", split="train", cache_dir=str(tmp_path))
    assert {name: str(kind) for name, kind in rows.features.items()} == {
        "image_list": "List(Value('binary'))",
        "instruction_list": "List(List(Value('string')))",
        "sample_id": "Value('string')",
        "hard_weight": "Value('float32')",
    }
    for row in (rows[0], rows[-1]):
        assert all(from_png(data).shape == (24, 32, 3) for data in row["image_list"])


def test_bagel_puts_two_images_before_the_question(release: Path) -> None:
    folder = release / "bagel"
    lines = (folder / "vlm/train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["task"] for row in rows} == {"answer", "judge"}
    for row in rows:
        images = [Image.open(folder / name).convert("RGB") for name in row["image"]]
        human, model = row["conversations"]
        assert (human["from"], model["from"]) == ("human", "gpt")
        parts = [part.strip() for part in human["value"].split("<image>")]
        assert parts[:2] == ["", ""]
        assert len(parts) == len(images) + 1 == 3
        assert model["value"]
        assert "<image>" not in model["value"]


def test_the_benchmark_keeps_every_option_and_its_answer(release: Path) -> None:
    rows = read(release / "vlmevalkit/RU1_failures_train.tsv")
    assert {row["recovery_id"] for row in rows} == {"r01", "r11", "r12", "r21", "r60", "r61", "r70", "r71", "r90"}
    by_id = {row["recovery_id"]: row for row in rows}
    for draw in range(2):
        found = options(by_id[f"r6{draw}"])
        assert [text.strip() for text in found.values()] == ["None of these", *OPTIONS[1:], "Cannot tell"]
    assert by_id["r60"]["answer"] == "B"
    assert options(by_id["r70"]) == {"A": "red", "B": "green", "C": "Cannot tell"}
    assert by_id["r70"]["answer"] == "C"  # the input does not support an answer
    assert by_id["r01"]["answer"] == "B"
    assert by_id["r01"]["category"] == "Attribute changed"
    assert by_id["r01"]["l2-category"] == "gaussian_noise"


def test_the_judge_set_asks_for_the_verdict(release: Path, store: Store) -> None:
    rows = read(release / "vlmevalkit/RU1_judge_train.tsv")
    verdicts = {row["recovery_id"]: options(row)[row["answer"]].partition(":")[0] for row in rows}
    assert verdicts["r00"] == "Faithful"
    assert verdicts["r01"] == "Misleading"
    assert verdicts["ra0"] == "Cannot tell"
    assert "r22" not in verdicts  # no majority


def test_the_benchmark_shows_both_images_in_their_order(release: Path, store: Store) -> None:
    for path in (release / "vlmevalkit").iterdir():
        for row in read(path):
            case = store.case(row["recovery_id"])
            shas = [case.sample.corrupted_sha, case.recovery.image_sha]
            assert [base64.b64decode(data) for data in row["image"]] == [store.image(sha) for sha in shas]
            assert row["image_path"] == [f"{sha}.png" for sha in shas]


def test_a_picture_is_stored_once_and_named_by_its_row_after(release: Path) -> None:
    frame = pd.read_csv(release / "vlmevalkit/RU1_failures_train.tsv", sep="\t").set_index("recovery_id")
    assert frame.loc["r61", "image"] == str(frame.loc["r60", "index"])
    assert len(frame.loc["r60", "image"]) > 64


def test_the_names_mean_nothing_special_to_vlmevalkit(release: Path) -> None:
    names = sorted(path.stem for path in (release / "vlmevalkit").iterdir())
    assert names == ["RU1_failures_train", "RU1_judge_test", "RU1_judge_train"]
    assert not any(SPECIAL.search(name) for name in names)


def test_a_right_letter_is_scored_as_a_hit_and_another_one_is_not(release: Path) -> None:
    for row in read(release / "vlmevalkit/RU1_judge_train.tsv"):
        found = options(row)
        assert infer(f"{row['answer']}. {found[row['answer']]}", found) == row["answer"]
        other = next(letter for letter in found if letter != row["answer"])
        assert infer(other, found) != row["answer"]


def test_what_is_no_failure_or_open_is_counted(made: tuple[Path, Manifest]) -> None:
    lost = made[1].formats["vlmevalkit"].lost
    assert lost["it did not mislead"] == 5
    assert lost["an open question; only multiple choice is scored without a judge"] == 5  # s5 and sa


@pytest.mark.parametrize("text", ["3", "007", "1e5", "-inf", "NA", "N/A", "null", "nan", "<NA>", "true", "", "3 red"])
def test_pandas_gives_every_text_back(text: str) -> None:
    table = f"i\tA\n0\t{kept(text)}\n1\t\n"
    found = pd.read_csv(io.StringIO(table), sep="\t")["A"]
    assert str(found[0]).strip() == text
    assert pd.isna(found[1])


def read(path: Path) -> list[dict[str, Any]]:
    """The rows as VLMEvalKit's image datasets hold them: indices are numbers, images lists of base64."""
    frame = pd.read_csv(path, sep="\t")
    assert not frame["image"].isna().any()
    assert frame["index"].tolist() == list(range(len(frame)))
    assert {"A", "B", "question", "answer"} <= set(frame)  # so it is taken for multiple choice
    images = dict(zip(map(str, frame["index"]), map(str, frame["image"]), strict=True))
    for index, image in images.items():
        if len(image) <= 64:  # the index of another row
            assert len(images[image]) > 64
            images[index] = images[image]
    rows = frame.to_dict("records")
    for row in rows:
        row["image"] = ast.literal_eval(images[str(row["index"])])
        row["image_path"] = ast.literal_eval(row["image_path"])  # a row of several images must name them
        assert row["answer"] in options(row)
        assert isinstance(row["hint"], str)
    return rows


def options(row: dict[str, Any]) -> dict[str, str]:
    return {letter: str(row[letter]) for letter in string.ascii_uppercase if letter in row and not pd.isna(row[letter])}


def infer(answer: str, choices: dict[str, str]) -> str | None:
    """The letter that exact matching finds in an answer: the only one that stands alone, else the only text."""
    letters = [letter for letter in choices if letter in re.split(r"[\s.,:;()]+", answer)]
    if len(letters) == 1:
        return letters[0]
    texts = [letter for letter, text in choices.items() if text.lower() in answer.lower()]
    return texts[0] if len(texts) == 1 else None
