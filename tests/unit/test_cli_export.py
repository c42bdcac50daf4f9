"""Releases on the command line: made, listed, checked, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from ru1_app.config import ROOT, Settings
from ru1_app.export import FORMATS, Selection, differences
from ru1_app.items import Role
from ru1_app.store.audit_sql import broken, entries
from ru1_app.store.filters import Filters
from ru1_app.wiring import App
from tests.labels import PASSWORD
from tests.released import build
from tests.unit.test_cli import Cli

pytestmark = pytest.mark.service


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App(Settings(data_dir=tmp_path / "data"))
    build(app.store)
    return app


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_a_release_is_made_told_listed_and_checked(cli: Cli, app: App) -> None:
    words = ("--format", "tables", "--format", "labels_csv", "--set", "least_raters=2", "--set", "visitors=false")
    made = cli("export", "data/releases/first", *words, "--json")
    assert (made["kept"], made["selection"]["least_raters"]) == (14, 2)
    assert set(made["formats"]) == {"tables", "labels_csv"}
    assert differences(cli.folder / "data/releases/first") == []
    line = list(entries(app.store.database))[-1]
    assert (line.actor, line.action, line.subject) == ("system", "release", made["digest"])
    assert broken(app.store.database)[1] is None
    (listed,) = cli("release", "list", "--json")
    assert (listed["digest"], listed["kept"], listed["name"]) == (made["digest"], 14, "first")
    assert made["digest"][:12] in cli("release", "list", "data/releases")
    assert cli("release", "verify", "data/releases/first", "--json")["wrong"] == []
    assert "exists already" in cli("export", "data/releases/first", code=2)
    (cli.folder / "data/releases/first/README.md").write_text("better")
    assert "README.md was changed" in cli("release", "verify", "data/releases/first", code=2)


def test_a_saved_view_and_settings_choose_the_cases(cli: Cli, app: App) -> None:
    lead = app.accounts.add("lead", PASSWORD, Role.LEAD)
    app.gallery.save_view(lead, "False ones", Filters(verdict=("misleading",)))
    kept = cli("export", "one", "--view", "false-ones", "--json")
    assert kept["selection"]["filters"] == {"verdict": ["misleading"]}
    assert set(kept["excluded"]) == {"flagged by visitors only"}
    flags = cli("export", "two", "--set", "visitors=true", "--set", "flags_only=true", "--json")
    assert (flags["considered"], flags["kept"], flags["raters"]) == (3, 3, 1)
    assert "no view 'none'" in cli("export", "three", "--view", "none", code=1)
    assert "no setting 'colour'" in cli("export", "three", "--set", "colour=red", code=2)
    assert "set visitors too" in cli("export", "three", "--set", "flags_only=true", code=2)


def test_formats_are_listed_with_what_they_train(cli: Cli) -> None:
    rows = {row["name"]: row for row in cli("formats", "--json")}
    assert set(rows) == set(FORMATS)
    said = cli("formats")
    for name, each in FORMATS.items():
        assert rows[name]["trains"] == each.trains
        assert f"But: {each.cannot}" in said


def test_where_there_is_nothing_it_says_what_to_do(cli: Cli) -> None:
    assert "`ru1 export OUT` makes one" in cli("release", "list")
    assert cli("release", "list", "nowhere", "--json") == []
    assert "There is no release in 'nowhere'" in cli("release", "verify", "nowhere", code=1)
    assert "There is no release in 'nowhere'" in cli("release", "push", "nowhere", "me/x", "--dry-run", code=1)
    assert "owner/name" in cli("release", "push", "nowhere", "x", "--dry-run", code=2)
    assert not (cli.folder / "data").exists()


def test_help_names_every_command(cli: Cli) -> None:
    said = cli("release", "--help")
    assert all(name in said for name in ("list", "verify", "push"))
    assert "--public" in cli("release", "push", "--help")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_described_in_the_guide_as_in_the_code(name: str) -> None:
    each = FORMATS[name]
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    assert f"| `{each.name}` | {each.title} | {each.consumer} | {each.trains} | {each.cannot} |" in page


def test_every_setting_is_described_in_the_guide() -> None:
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    assert all(f"| `{each.name}` |" in page for each in fields(Selection) if each.name != "filters")
