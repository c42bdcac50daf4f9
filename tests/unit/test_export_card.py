"""The card and the Croissant description of a release are read by what reads them, and say what is there."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ru1_app.domain import Verdict
from ru1_app.export import FORMATS
from ru1_app.export.describe.card import bias, sections
from ru1_app.export.describe.front_matter import configs_of, hub_license
from ru1_app.export.describe.manifest import read_manifest
from ru1_app.protocol import record_schema
from ru1_app.store.sql import Store
from tests.released import rating, release, store_in

PARTS = (
    "Formats", "Loading", "How it was collected", "Agreement", "What was left out", "Preferences", "Splits",
    "Personal data, consent and withdrawal", "Licences", "Known limits", "Columns of `samples`",
)  # fmt: skip


class Made(NamedTuple):
    store: Store
    folder: Path
    cache: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("card")
    store = store_in(root)
    return Made(store, release(store, root / "releases", *FORMATS), str(root / "cache"))


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text("utf-8")


def test_what_looks_like_a_slot_of_the_card_stays_as_it_is(made: Made, tmp_path: Path) -> None:
    folder = release(made.store, tmp_path, "labels_csv", licenses=("CC0-1.0", "{licenses} {nonsense}"))
    assert '"{licenses} {nonsense}"' in card_of(folder)


def test_the_hub_reads_the_front_matter(made: Made) -> None:
    from huggingface_hub import DatasetCard

    data = DatasetCard.load(made.folder / "README.md").data.to_dict()
    assert (data["language"], data["license"]) == (["en"], "other")
    assert data["task_categories"] == ["image-to-image", "visual-question-answering"]
    assert data["size_categories"] == ["n<1K"]
    assert "human-feedback" in data["tags"]
    assert [each["config_name"] for each in data["configs"]] == [each.name for each in configs_of(made.folder)]
    assert [each["config_name"] for each in data["configs"] if each.get("default")] == ["samples"]


def test_every_configuration_loads_by_its_name(made: Made) -> None:
    from datasets import get_dataset_config_names, load_dataset

    expected = {name for each in FORMATS.values() for name in each.configs}
    assert set(get_dataset_config_names(str(made.folder))) == expected
    for config in configs_of(made.folder):
        sides = load_dataset(str(made.folder), config.name, cache_dir=made.cache)
        assert set(sides) == set(config.files)
        assert all(len(rows) and rows[0] and rows[-1] for rows in sides.values())
    whole = load_dataset(str(made.folder), cache_dir=made.cache)
    assert sum(len(rows) for rows in whole.values()) == 14, "samples is what a folder is without a name"


def test_names_of_configurations_are_of_one_format_each() -> None:
    names = [name for each in FORMATS.values() for name in each.configs]
    assert len(set(names)) == len(names)


def test_the_card_says_what_a_person_must_know(made: Made) -> None:
    card, parts, manifest = card_of(made.folder), sections(made.folder), read_manifest(made.folder)
    assert tuple(parts) == PARTS
    assert "{" not in card.replace(parts["What was left out"], ""), "nothing was left to be filled in"
    assert "never an on-policy reward" in card
    for name, each in FORMATS.items():
        row = next(line for line in parts["Formats"].splitlines() if line.startswith(f"| `{name}/` |"))
        for text in (each.consumer, each.trains, each.cannot):
            assert " ".join(text.split()) in row
        for reason, count in manifest.formats[name].lost.items():
            assert f"{count} {reason}" in row
    for reason, count in manifest.excluded.items():
        assert f"| {reason} | {count} |" in parts["What was left out"]
    for reason, count in manifest.preferences["lost"].items():
        assert f"| {reason} | {count} |" in parts["Preferences"]
    for origin, count in manifest.preferences["kept"].items():
        assert f"| `{origin}` | {count} |" in parts["Preferences"]
    assert "two blind judgements or more (42 in all)" in parts["Agreement"]
    assert "alpha is 0.90 for the verdict" in parts["Agreement"]
    assert "| CC-BY-4.0 | 2 |" in parts["Licences"]
    assert "the seed is 0" in parts["Splits"]
    assert "too few pairs" in parts["Preferences"]
    assert all(f"| `{name}` |" in parts["Columns of `samples`"] for name in record_schema()["properties"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_card_tells_of_what_is_there_and_loads_nothing_where_no_format_is_parquet(made: Made, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    folder = release(made.store, tmp_path, "flow_grpo", "labels_csv", licenses=("CC-BY-4.0",))
    card = card_of(folder)
    assert "`flow_grpo/`" in card
    assert "`tables/`" not in card
    assert "Columns of" not in card
    data = DatasetCard.load(folder / "README.md").data.to_dict()
    assert (data["license"], data["viewer"], "configs" in data) == ("cc-by-4.0", False, False)
    described(folder)


def test_a_leaning_preference_is_said_in_words() -> None:
    measured = {"pairs": 500, "chosen": 40.0, "rejected": 20.0, "chosen_has_more": 0.8}
    words = ("recovery", "sharper", "a unit", "sharpness")
    assert "first 500 pairs the preferred recovery is the sharper one in 80%" in bias(measured, *words)
    assert "taking the sharper one" in bias(measured, *words)
    assert "taking the less sharp one" in bias({**measured, "chosen_has_more": 0.1}, *words)
    assert "does not give" in bias({**measured, "chosen_has_more": 0.5}, *words)
    assert "no pair" in bias({"pairs": 0}, *words)


def test_labels_that_cannot_be_compared_are_said_to_be_so(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    folder = release(store, tmp_path / "releases", "labels_csv", adjudicated=True)
    assert "alpha has no value, since all say the same for the verdict" in sections(folder)["Agreement"]
    flags = release(store, tmp_path / "flags", "labels_csv", visitors=True, licenses=("CC0-1.0",))
    assert "3 unconfirmed" in card_of(flags)


@pytest.mark.parametrize(
    ("licenses", "word"),
    [
        (["CC0-1.0"], "cc0-1.0"), (["CC0, Jane Doe", "CC0-1.0"], "cc0-1.0"), (["Apache-2.0"], "apache-2.0"),
        (["unknown"], "unknown"), (["CC0-1.0", "unknown"], "other"), (["my own words"], "other"), ([], "other"),
    ],
)  # fmt: skip
def test_one_licence_is_named_in_the_hubs_word_and_several_are_other(licenses: list[str], word: str) -> None:
    assert hub_license(licenses)["license"] == word


# Croissant


@pytest.fixture(autouse=True)
def _no_warnings_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records if "croissant" in record.getMessage().lower()] == []


def described(folder: Path) -> Any:
    """The description as MLCommons' library reads it: without errors or warnings."""
    import mlcroissant

    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    return dataset


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_gives_the_records_of_every_parquet_format(made: Made) -> None:
    import pyarrow.parquet as pq

    dataset = described(made.folder)
    configs = {each.name: each for each in configs_of(made.folder)}
    assert {each.id for each in dataset.metadata.record_sets} == set(configs)
    for name, config in configs.items():
        records = list(dataset.records(name))
        assert len(records) == sum(pq.read_metadata(made.folder / path).num_rows for path in config.files.values())
        columns = set(pq.read_schema(made.folder / next(iter(config.files.values()))).names)
        assert {key.removeprefix(f"{name}/") for key in records[0]} == columns


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_gives_images_as_images_and_nested_values(made: Made) -> None:
    dataset = described(made.folder)
    rows = {row["samples/id"].decode(): row for row in dataset.records("samples")}
    assert rows["r01"]["samples/recovered"].size == (32, 24)
    assert rows["r20"]["samples/reference"] is None
    assert (rows["r01"]["samples/severity"], rows["r01"]["samples/human_score"]) == (3, 5.0)
    region = rows["r01"]["samples/regions"][0]
    assert (region["samples/regions/x0"], region["samples/regions/category"]) == (0.1, b"attribute_changed")
    assert {each["samples/answers/condition"] for each in rows["r01"]["samples/answers"]} == {
        b"corrupted",
        b"recovered",
        b"both",
    }
    first = next(iter(dataset.records("diffusion_dpo")))
    assert first["diffusion_dpo/jpg_cond"].format == "JPEG"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_names_every_file_with_its_hash_and_says_how_people_judged(made: Made) -> None:
    metadata = described(made.folder).metadata
    files = {each.content_url: each.sha256 for each in metadata.file_objects}
    for name, sha in files.items():
        assert hashlib.sha256((made.folder / name).read_bytes()).hexdigest() == sha
    patterns = [pattern for each in metadata.file_sets for pattern in each.includes]
    for name in read_manifest(made.folder).files:
        assert name in files or name == "croissant.json" or any(Path(name).match(each) for each in patterns), name
    for field in (
        "data_collection", "data_annotation_protocol", "data_annotation_analysis", "annotator_demographics",
        "annotations_per_item", "personal_sensitive_information", "data_biases", "data_use_cases", "data_limitations",
        "data_release_maintenance_plan", "data_social_impact", "cite_as", "date_published", "version", "license",
    ):  # fmt: skip
        assert getattr(metadata, field), field
    assert "agreed to storing and exporting" in metadata.personal_sensitive_information[0]
    assert any("never the reward" in text for text in metadata.data_use_cases)


def test_a_rater_is_named_by_a_pseudonym_alone(tmp_path: Path) -> None:
    store = store_in(tmp_path, rating("r00", "0123456789abcdef", Verdict.FAITHFUL, 0))
    folder = release(store, tmp_path / "releases", "tables")
    assert "0123456789abcdef" not in card_of(folder) + (folder / "croissant.json").read_text("utf-8")
    assert json.loads((folder / "croissant.json").read_text("utf-8"))["rai:annotatorDemographics"] == [
        "5 people under random pseudonyms; nothing is recorded of them."
    ]
