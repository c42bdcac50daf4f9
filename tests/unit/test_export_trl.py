"""TRL's own trainers take one optimiser step on each of its four formats, loaded offline with `datasets`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, load_dataset

from ru1_app.export import Selection, write_release
from ru1_app.images import digest, png_bytes
from ru1_app.store.sql import Store
from tests.released import LATER, build
from tests.tiny_vlm import make_tiny_qwen25vl

NAMES = ["trl_preference", "trl_unpaired", "trl_prompt", "trl_sft"]
MESSAGES = {"feature": {"role": "string", "content": "string"}, "_type": "List"}
IMAGES = {"feature": {"_type": "Image"}, "_type": "List"}
BESIDE = {
    "task": "string", "sample_id": "string", "recovery_id": "string", "label_status": "string", "verdict": "string",
    "severity": "int64", "margin": "float32", "human_hallucination": "float32", "hard_weight": "float32",
    "license": "string",
}  # fmt: skip
SCHEMAS: dict[str, dict[str, Any]] = {
    "trl_preference": {"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES, "images": IMAGES, **BESIDE},
    "trl_unpaired": {"prompt": MESSAGES, "completion": MESSAGES, "label": "bool", "images": IMAGES, **BESIDE},
    "trl_prompt": {"prompt": MESSAGES, "answer": "string", "images": IMAGES, **BESIDE},
    "trl_sft": {"prompt": MESSAGES, "completion": MESSAGES, "images": IMAGES, **BESIDE},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    store = Store(f"sqlite:///{folder}/ru1.sqlite3", folder / "blobs")
    build(store)
    return store


@pytest.fixture(scope="module")
def release(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where, _ = write_release(store, tmp_path_factory.mktemp("out"), Selection(), NAMES, name="one", until=LATER)
    return where


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_qwen25vl(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def rows(release: Path, tmp_path: Path) -> Callable[..., Dataset]:
    def load(name: str, split: str = "train") -> Dataset:
        return load_dataset(str(release), name, split=split, cache_dir=str(tmp_path / "cache"))

    return load


@pytest.mark.parametrize("name", NAMES)
def test_the_columns_are_those_that_are_written_down(name: str, rows: Callable[..., Dataset]) -> None:
    assert {column: plain(kind) for column, kind in rows(name).features.to_dict().items()} == SCHEMAS[name]
    assert rows(name, "test").features == rows(name).features


@pytest.mark.parametrize("name", NAMES)
def test_both_images_are_there_in_their_order(name: str, rows: Callable[..., Dataset], store: Store) -> None:
    for split in ("train", "test"):
        found = rows(name, split)
        for row in (found[0], found[-1]):
            case = store.case(row["recovery_id"])
            shas = [digest(png_bytes(np.asarray(image.convert("RGB")))) for image in row["images"]]
            assert shas == [case.sample.corrupted_sha, case.recovery.image_sha]


@pytest.mark.parametrize("name", NAMES)
def test_images_are_bytes_and_no_paths(name: str, release: Path) -> None:
    import pyarrow.parquet as pq

    for images in pq.read_table(release / name / "train.parquet").column("images").to_pylist():
        assert [image["bytes"][:4] for image in images] == [b"\x89PNG"] * 2


def test_what_is_chosen_differs_from_what_is_rejected(rows: Callable[..., Dataset]) -> None:
    pairs = {(row["task"], row["recovery_id"]): row for row in rows("trl_preference")}
    assert all(row["chosen"] != row["rejected"] for row in pairs.values())
    assert said(pairs["answer", "r01"], "chosen", "rejected") == ["B. green", "A. red"]
    assert ("answer", "r00") not in pairs  # no model was wrong there
    assert said(pairs["judge", "r01"], "chosen", "rejected") == ["Misleading: attribute changed.", "Faithful."]
    assert said(pairs["judge", "r00"], "chosen") == ["Faithful."]
    assert said(pairs["judge", "r00"], "rejected")[0].startswith("Misleading: ")
    assert ("judge", "r22") not in pairs  # no majority
    assert "Cannot tell" in pairs["judge", "r00"]["prompt"][0]["content"]


def test_single_answers_are_of_both_kinds(rows: Callable[..., Dataset]) -> None:
    found = [(row["task"], row["recovery_id"], *said(row, "completion"), row["label"]) for row in rows("trl_unpaired")]
    assert ("answer", "r01", "A. red", False) in found
    assert ("answer", "r00", "B. green", True) in found
    assert {("judge", "r02", "Harmless detail.", True)} < set(found)
    assert sum(task == "judge" and good for task, _, _, good in found) == sum(
        task == "judge" and not good for task, _, _, good in found
    )


def test_dpo_takes_a_step(rows: Callable[..., Dataset], tiny: Path, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    config = DPOConfig(max_length=None, **common(tmp_path))
    assert_learns(DPOTrainer(model(tiny), args=config, train_dataset=rows("trl_preference"), **processing(tiny)))


def test_kto_takes_a_step(rows: Callable[..., Dataset], tiny: Path, tmp_path: Path) -> None:
    from trl import KTOConfig, KTOTrainer

    config = KTOConfig(max_length=None, **common(tmp_path))
    assert_learns(KTOTrainer(model(tiny), args=config, train_dataset=rows("trl_unpaired"), **processing(tiny)))


def test_sft_takes_a_step(rows: Callable[..., Dataset], tiny: Path, tmp_path: Path) -> None:
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(max_length=None, **common(tmp_path))
    assert_learns(SFTTrainer(model(tiny), args=config, train_dataset=rows("trl_sft"), **processing(tiny)))


def test_grpo_takes_a_step_and_its_reward_sees_every_column(
    rows: Callable[..., Dataset], tiny: Path, tmp_path: Path
) -> None:
    from trl import GRPOConfig, GRPOTrainer

    seen: dict[str, Any] = {}

    def reward(completions: list[Any], answer: list[str], **columns: Any) -> list[float]:
        seen.update(columns, answer=answer)
        return [float(place) for place in range(len(completions))]

    config = GRPOConfig(num_generations=2, max_completion_length=4, **common(tmp_path))
    data = rows("trl_prompt")
    assert_learns(GRPOTrainer(model(tiny), reward_funcs=reward, args=config, train_dataset=data, **processing(tiny)))
    assert set(seen) >= {*BESIDE, "answer"}
    assert seen["answer"][0] in set(data["answer"])
    assert len(seen["images"][0]) == 2


def assert_learns(trainer: Any) -> None:
    """One step changes the weights, and the loss is a number."""
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    result = trainer.train()
    assert result.global_step == 1
    assert np.isfinite(result.training_loss)
    changed = [name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, before[name])]
    assert changed
    assert any("visual" in name for name in changed)  # the images reach the model


def common(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "run"), "max_steps": 1, "per_device_train_batch_size": 2, "learning_rate": 1e-2,
        "use_cpu": True, "bf16": False, "report_to": [], "save_strategy": "no", "logging_steps": 1,
        "disable_tqdm": True, "seed": 0,
    }  # fmt: skip


def model(folder: Path) -> Any:
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)


def processing(folder: Path) -> dict[str, Any]:
    from transformers import AutoProcessor

    return {"processing_class": AutoProcessor.from_pretrained(folder)}


def plain(kind: Any) -> Any:
    """A feature as it is written down above: values by their type alone."""
    if isinstance(kind, dict) and kind.get("_type") == "Value":
        return kind["dtype"]
    return {key: plain(value) for key, value in kind.items()} if isinstance(kind, dict) else kind


def said(row: dict[str, Any], *columns: str) -> list[str]:
    return [row[column][0]["content"] for column in columns]
