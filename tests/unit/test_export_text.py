"""What models should have said, and the folders of JSON Lines, read by the rules of LLaMA-Factory and ms-swift.

Neither can be installed beside the app. Their rules are written out here as their documents and code state them
(LLaMA-Factory's sharegpt converter; ms-swift's row preprocessor, template inputs and box normalisation).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ru1_app.export import Manifest, Selection, write_release
from ru1_app.store.sql import Store
from tests.released import LATER
from tests.released_text import build_hard

NAMES = [
    "trl_preference", "trl_unpaired", "trl_prompt", "trl_sft", "llama_factory", "ms_swift", "bagel", "vlmevalkit",
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    store = Store(f"sqlite:///{folder}/ru1.sqlite3", folder / "blobs")
    build_hard(store)
    return store


@pytest.fixture(scope="module")
def made(store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    return write_release(store, tmp_path_factory.mktemp("out"), Selection(), NAMES, name="one", until=LATER)


@pytest.fixture(scope="module")
def release(made: tuple[Path, Manifest]) -> Path:
    return made[0]


def test_two_releases_of_the_same_store_have_the_same_bytes(
    made: tuple[Path, Manifest], store: Store, tmp_path: Path
) -> None:
    _, again = write_release(store, tmp_path, Selection(), NAMES, name="two", until=LATER)
    assert again.files == made[1].files


def test_what_cannot_be_used_is_counted_with_its_reason(made: tuple[Path, Manifest]) -> None:
    lost = made[1].formats["trl_preference"].lost
    assert lost == {
        "a text holds a tag that trainers take for an image": 2,  # s8
        "no model gave a wrong answer": 11,  # draws 0 and 2; s90 and sa, whose texts do not tell
        "no question was asked": 2,  # s4
        "nobody knows the right answer": 1,  # s91
        "the raters agree on no verdict": 1,  # r22
        "the verdict has no opposite": 2,  # sa
    }
    assert "nobody knows whether the answer is good" in made[1].formats["trl_unpaired"].lost


def test_where_the_input_supports_no_answer_a_right_guess_is_wrong(release: Path) -> None:
    pairs = {row["recovery_id"]: row for row in rows_of(release / "llama_factory", "dpo_answer")}
    assert pairs["r70"]["chosen"]["content"] == "Cannot tell"
    assert pairs["r70"]["rejected"]["content"] == "B. green"
    assert pairs["r51"]["chosen"]["content"] == "STOP"
    assert pairs["r51"]["rejected"]["content"] == "SLOW"


def test_an_answer_whose_text_does_not_tell_is_neither_right_nor_wrong(release: Path) -> None:
    for name in ("dpo_answer", "kto_answer"):
        assert not {"r90", "ra0"} & {row["recovery_id"] for row in rows_of(release / "llama_factory", name)}
    right = {row["recovery_id"] for row in rows_of(release / "llama_factory", "sft_answer")}
    assert {"r90", "ra0"} < right
    assert "r91" not in right  # nobody knows


def test_raters_who_cannot_tell_teach_to_say_so(release: Path) -> None:
    said = {row["recovery_id"]: row["messages"][1]["content"] for row in rows_of(release / "ms_swift", "sft_judge")}
    assert said["ra0"] == "Cannot tell."
    assert said["r01"] == "Misleading: attribute changed."
    assert said["r00"] == "Faithful."


def test_no_column_of_the_json_lines_is_without_a_type(release: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    files = [path for name in ("llama_factory", "ms_swift", "bagel") for path in (release / name).rglob("*.jsonl")]
    assert len(files) > 30
    for path in files:
        rows = load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path))
        assert len(rows) == len(path.read_text("utf-8").splitlines())
        assert "'null'" not in str(rows.features.to_dict())


def test_pictures_are_written_once_and_as_they_are_stored(release: Path, store: Store) -> None:
    for name in ("llama_factory", "ms_swift", "bagel"):
        pictures = list((release / name / "images").iterdir())
        assert len(pictures) > 20
        for path in pictures:
            assert path.read_bytes() == store.image(path.stem)


def test_llama_factory_converts_every_row(release: Path) -> None:
    folder = release / "llama_factory"
    info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jsonl")}
    assert {entry["file_name"] for entry in info.values()} == files
    assert {"ru1_dpo_answer_train", "ru1_kto_judge_test", "ru1_sft_judge_train"} < info.keys()
    for name, entry in info.items():
        for line in (folder / entry["file_name"]).read_text("utf-8").splitlines():
            row = json.loads(line)
            prompt, response, images = sharegpt(row, entry, folder)
            assert "".join(turn["content"] for turn in prompt + response).count("<image>") == len(images) == 2
            if "_sft_" not in name:
                good, bad = (turn["content"] for turn in response)
                assert good != bad
            if "_kto_" in name:
                assert (good == "") is not row["label"]  # a bad answer stands in the rejected place
                assert (bad == "") is row["label"]


def sharegpt(row: dict[str, Any], entry: dict[str, Any], folder: Path) -> tuple[list[Any], list[Any], list[Path]]:
    """Prompt, responses and images as the sharegpt converter makes them; it drops a row that breaks a rule."""
    assert entry["formatting"] == "sharegpt"
    columns, tags, ranking = entry["columns"], entry["tags"], entry.get("ranking", False)
    roles = (tags["user_tag"], tags["assistant_tag"])
    messages = [
        {"role": turn[tags["role_tag"]], "content": turn[tags["content_tag"]]} for turn in row[columns["messages"]]
    ]
    assert [turn["role"] for turn in messages] == [roles[place % 2] for place in range(len(messages))]
    assert len(messages) % 2 == (1 if ranking else 0)
    images = [folder / name for name in row[columns["images"]]]  # media_dir is dataset_dir
    for path in images:
        with Image.open(path) as image:
            image.load()
    if ranking:
        responses = [row[columns[side]] for side in ("chosen", "rejected")]
        assert [turn[tags["role_tag"]] for turn in responses] == [roles[1]] * 2
        return messages, responses, images
    responses = messages[-1:]
    if "kto_tag" in columns:
        assert isinstance(row[columns["kto_tag"]], bool)
        empty = {"role": roles[1], "content": ""}
        responses = [*responses, empty] if row[columns["kto_tag"]] else [empty, *responses]
    return messages[:-1], responses, images


def test_ms_swift_takes_every_row(release: Path) -> None:
    folder = release / "ms_swift"
    kinds = {path.parent.name for path in folder.rglob("*.jsonl")}
    tasks = {f"{use}_{task}" for use in ("sft", "dpo", "rm", "kto", "grpo") for task in ("answer", "judge")}
    assert kinds == tasks | {"sft_regions", "dpo_images", "rm_images"}
    for kind in kinds:
        for row in rows_of(folder, kind):
            chosen, rejected = template_inputs(row)
            for side in filter(None, (chosen, rejected)):
                assert tags(side["messages"], "image") == len(side["images"]) == 2
                assert all((folder / name).is_file() for name in side["images"])  # ROOT_IMAGE_DIR is the folder
                check_objects(side)
            assert (rejected is not None) is kind.startswith(("dpo", "rm"))
            assert chosen["messages"][-1]["role"] == ("user" if kind.startswith("grpo") else "assistant")
            assert isinstance(row.get("margin"), float) is kind.startswith("rm")
            assert isinstance(row.get("label"), bool) is kind.startswith("kto")
            assert ("solution" in row) is kind.startswith("grpo")


def test_ms_swift_prefers_the_better_of_two_recoveries(release: Path) -> None:
    rows = {row["preference_id"]: row for row in rows_of(release / "ms_swift", "rm_images")}
    assert rows["p001"]["origin"] == "votes"
    assert rows["p001"]["margin"] == 1.0
    chosen, rejected = template_inputs(rows["p001"])
    assert rejected is not None
    assert chosen["messages"] == rejected["messages"]
    assert chosen["images"][0] == rejected["images"][0]
    assert chosen["images"][1] != rejected["images"][1]
    assert "r11-r12" not in rows  # both mislead: neither is faithful


def test_a_mark_stands_on_the_recovery_where_a_rater_drew_it(release: Path) -> None:
    row = {row["recovery_id"]: row for row in rows_of(release / "ms_swift", "sft_regions")}["r01"]
    assert row["messages"][1]["content"] == "Misleading: attribute changed. Where: <ref-object><bbox>"
    box = {"ref": ["attribute changed"], "bbox": [[0.1, 0.2, 0.5, 0.6]], "bbox_type": "norm1", "image_id": [1]}
    assert row["objects"] == box  # once, though three raters drew it


def template_inputs(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The chosen and the rejected side: what the rejected one lacks it takes from the chosen one."""
    row = dict(row)
    for turn in row["messages"]:
        assert turn["role"] in ("user", "assistant")
        assert turn["content"]
    assert not [name for name in row if name.startswith(("positive_", "negative_"))]  # words of other trainings
    if "rejected_response" in row:
        response = row.pop("rejected_response")
        assert isinstance(response, str)  # a null throws the row away
        assert response != row["messages"][-1]["content"]
        row["rejected_messages"] = [*row["messages"][:-1], {"role": "assistant", "content": response}]
    rejected = {name.removeprefix("rejected_"): row[name] for name in row if name.startswith("rejected_")}
    chosen = {name: value for name, value in row.items() if not name.startswith("rejected_")}
    return chosen, {**chosen, **rejected} if rejected else None


def check_objects(side: dict[str, Any]) -> None:
    """Each tag for a place in the text has its box and its name, and each box lies in an image that is there."""
    objects = side.get("objects")
    if objects is None:
        assert tags(side["messages"], "bbox") == 0
        return
    assert list(objects) == ["ref", "bbox", "bbox_type", "image_id"]
    assert tags(side["messages"], "bbox") == len(objects["bbox"]) == len(objects["image_id"]) > 0
    assert tags(side["messages"], "ref-object") == len(objects["ref"])
    assert all(0 <= place < len(side["images"]) for place in objects["image_id"])
    for x0, y0, x1, y1 in objects["bbox"]:
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1


def tags(messages: list[dict[str, str]], name: str) -> int:
    return sum(len(re.findall(f"<{name}>", turn["content"])) for turn in messages)


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    paths = sorted((folder / name).glob("*.jsonl"))
    rows = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]
    ids = Counter((row.get("recovery_id"), row.get("preference_id"), row.get("label")) for row in rows)
    assert set(ids.values()) == {1}
    return rows
