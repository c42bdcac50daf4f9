"""Dependencies point one way: pages, wiring, pipeline and services, then models and store, then domain."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ru1_app.config import ROOT

PACKAGE = ROOT / "ru1_app"
LAYERS = [  # outer to inner; a module may import its own room and inner layers
    {"app", "cli", "__main__"},
    {"ui", "commands", "serving"},
    {"wiring"},
    {"simulated"},
    {"training", "evaluation"},
    {"export"},
    {"rating"},
    {"pipeline", "parity", "asking", "flagging", "scorecard", "uncertainty", "rewards", "gold"},
    {"store", "models", "scoring", "scenes", "protocol", "corruptions", "intake", "agreement"},
    {"images", "config", "jobs"},
    {"files"},
    {"domain", "items", "errors", "__init__"},
]
EXPORT = [  # the rooms of ru1_app/export, outer to inner
    {"jobs"},
    {"__init__", "release", "hub", "asked"},
    {"describe"},
    {"planning", "formats"},
    {"values", "files"},
    {"cases", "locks"},
]
HEAVY = {"torch", "transformers", "diffusers", "open_clip", "gradio", "datasets", "pyarrow", "ray"}
HOMES = {"gradio": {"ui"}, "sqlalchemy": {"store"}, "alembic": {"store"}, "ray": {"serving"}}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer(name: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if name in names)


def imports(path: Path, *, top_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.iter_child_nodes(tree) if top_only else ast.walk(tree)
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names if node.module == "ru1_app"]
    return names


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_inwards(path: Path) -> None:
    own = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "ru1_app" or len(parts) < 2 or parts[1] == "__version__":
            continue
        other = parts[1]
        assert other == own or layer(other) >= layer(own), f"{own} must not import {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "export").rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_of_the_export_point_inwards(path: Path) -> None:
    places = {name: place for place, names in enumerate(EXPORT) for name in names}
    own = path.relative_to(PACKAGE / "export").parts[0].removesuffix(".py")
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] == ["ru1_app", "export"] and len(parts) > 2 and parts[2] != own:
            assert places[parts[2]] > places[own] or own == "__init__", f"{own} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or room(path) in homes, f"{room(path)} must not import {name}"


@pytest.mark.parametrize(
    "module",
    [
        "cli",
        "wiring",
        "pipeline",
        "flagging",
        "export",
        "store.sql",
        "scoring",
        "intake",
        "models",
        "serving.wire_format",
    ],
)
def test_a_module_comes_up_without_heavy_libraries(module: str) -> None:
    code = f"import sys, ru1_app.{module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_layer_test_sees_a_violation(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from ru1_app import ui\nfrom ru1_app.ui.view import x\n")
    assert {"ru1_app.ui", "ru1_app.ui.view"} <= set(imports(bad))
    assert layer("ui") < layer("store")
