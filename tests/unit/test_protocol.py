"""The protocol: `annotations/` is read once, its rules hold, and a broken folder is said to be broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.protocol import FOLDER, check_judgement, load_protocol, record_schema


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of `annotations/` that a test may break."""
    return Path(shutil.copytree(FOLDER, tmp_path / "annotations"))


def test_every_verdict_takes_its_own_default() -> None:
    protocol = load_protocol()
    for term in protocol.verdicts:
        assert term.low <= term.default <= term.high
        check_judgement(protocol, term.code, {}, term.default, "unknown")


@pytest.mark.parametrize(
    ("verdict", "allowed"),
    [("faithful", {0}), ("benign_detail", {0, 1}), ("misleading", {2, 3}), ("unusable", {0, 1, 2, 3})],
)
def test_a_verdict_goes_with_its_severities_only(verdict: str, allowed: set[int]) -> None:
    for severity in range(4):
        if severity in allowed:
            check_judgement(load_protocol(), verdict, {}, severity, "none")
        else:
            with pytest.raises(InvalidInput, match="goes with severity"):
                check_judgement(load_protocol(), verdict, {}, severity, "none")


@pytest.mark.parametrize("severity", [-1, 4, True, 1.5, None])
def test_a_severity_is_a_whole_number_of_the_scale(severity: int) -> None:
    with pytest.raises(InvalidInput, match="whole number from 0 to 3"):
        check_judgement(load_protocol(), "unusable", {}, severity, "none")
    with pytest.raises(InvalidInput, match="Object added"):
        check_judgement(load_protocol(), "unusable", {"object_added": severity}, 2, "none")


@pytest.mark.parametrize("verdict", ["faithful", "benign_detail", "cannot_tell"])
def test_categories_go_with_misleading_and_unusable_only(verdict: str) -> None:
    with pytest.raises(InvalidInput, match="takes no categories"):
        check_judgement(load_protocol(), verdict, {"object_added": 1}, 0, "none")
    check_judgement(load_protocol(), "misleading", {"object_added": 3}, 3, "none")


def test_an_unknown_code_is_told_which_there_are() -> None:
    with pytest.raises(InvalidInput, match="benign_detail"):
        load_protocol().verdict("great")
    with pytest.raises(InvalidInput, match="text_altered"):
        load_protocol().category("ugly")


def test_the_published_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(record_schema())


@pytest.mark.parametrize("name", ["taxonomy.json", "guidelines.md"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(Unavailable, match=name):
        load_protocol(folder)


def test_a_taxonomy_that_drifts_from_the_code_is_refused(folder: Path) -> None:
    taxonomy = json.loads((folder / "taxonomy.json").read_text("utf-8"))
    taxonomy["verdicts"].pop()
    (folder / "taxonomy.json").write_text(json.dumps(taxonomy))
    with pytest.raises(Unavailable, match="Verdict"):
        load_protocol(folder)


@pytest.mark.parametrize("text", ["{", '{"version": "1"}'])
def test_a_broken_taxonomy_is_refused(folder: Path, text: str) -> None:
    (folder / "taxonomy.json").write_text(text)
    with pytest.raises(Unavailable, match="taxonomy.json"):
        load_protocol(folder)


def test_guidelines_without_a_version_are_refused(folder: Path) -> None:
    (folder / "guidelines.md").write_text("# Guidelines\n")
    with pytest.raises(Unavailable, match="version"):
        load_protocol(folder)
