"""The rating page's keys: one file, no collisions, nothing that a browser keeps for itself, a key for everything."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from ru1_app.protocol import load_protocol
from ru1_app.ui import rate_page

KEYMAP: dict[str, Any] = json.loads(rate_page.KEYMAP.read_text("utf-8"))
KEYS: list[dict[str, Any]] = KEYMAP["keys"]
STAGES = ("blind", "answer", "reveal", "pair")
NAMED = {"Enter", "Escape", "Delete", "Backspace", " "} | {
    shift + arrow for shift in ("", "Shift+") for arrow in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")
}
# What browsers, systems and screen readers keep: their chords, function and navigation keys, quick find.
RESERVED = re.compile(
    r"(Ctrl|Control|Alt|Meta|Cmd|AltGraph|OS)\b|F\d+$|Tab$|Home$|End$|Page|Insert$|ContextMenu$|['/]$"
)


def actions(scope: str) -> set[str]:
    return {entry["action"] for entry in KEYS if scope in entry["scopes"]}


@pytest.mark.parametrize("scope", KEYMAP["scopes"])
def test_no_key_means_two_things_at_once(scope: str) -> None:
    used = Counter(key for entry in KEYS if scope in entry["scopes"] for key in entry["keys"])
    assert [key for key, times in used.items() if times > 1] == []


@pytest.mark.parametrize("entry", KEYS, ids=lambda entry: str(entry["action"]))
def test_an_entry_is_whole_and_leaves_the_browsers_keys_alone(entry: dict[str, Any]) -> None:
    assert set(entry) <= {"action", "keys", "label", "group", "scopes", "repeat", "hold"}
    assert entry["keys"]
    assert entry["label"]
    assert entry["group"]
    assert set(entry["scopes"]) <= set(KEYMAP["scopes"])
    for key in entry["keys"]:
        assert not RESERVED.search(key), f"{key} belongs to the browser"
        assert key in NAMED or re.fullmatch(r"[\x21-\x7e]", key), f"{key} is not on every keyboard"


@pytest.mark.parametrize("key", ["Ctrl+d", "Alt+ArrowLeft", "Meta+k", "F5", "Tab", "Shift+Tab", "PageDown", "/"])
def test_the_list_of_reserved_keys_sees_them(key: str) -> None:
    assert RESERVED.search(key)


def test_every_action_is_listed_once() -> None:
    assert [name for name, times in Counter(entry["action"] for entry in KEYS).items() if times > 1] == []


def test_every_action_is_done_by_a_script() -> None:
    code = "\n".join(rate_page.scripts()[1:])
    for name in {entry["action"].split(":")[0] for entry in KEYS}:
        assert re.search(rf"""(['"]{name}['"]\]?\s*[:=]|\b{re.escape(name)}\s*[:=,]|[{{,] {name},)""", code), name


def test_the_whole_taxonomy_has_keys() -> None:
    words = load_protocol()
    for stage in ("blind", "reveal"):
        assert {f"verdict:{index}" for index, _ in enumerate(words.verdicts)} <= actions(stage)
        assert {f"severity:{each.value}" for each in words.severities} <= actions(stage)
    letters = {f"category:{each.code}" for each in words.categories}
    assert letters <= actions("categories")
    assert letters <= actions("mark")
    assert {f"of-category:{each.value}" for each in words.severities} <= actions("categories")
    assert {f"impact:{index}" for index, _ in enumerate(words.impacts)} <= actions("answer")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_can_be_gone_through_and_left(stage: str) -> None:
    assert {"submit", "skip", "undo", "comment", "guide", "help", "sign-out", "blink", "zoom:in"} <= actions(stage)


def test_every_control_of_the_page_has_a_key() -> None:
    known = {entry["action"] for entry in KEYS}
    template = (rate_page.FOLDER / "template.html").read_text("utf-8")
    assert set(re.findall(r'data-key="([^"]+)"', template)) <= known


def test_every_script_is_loaded_and_short() -> None:
    files = {path.stem: path.read_text("utf-8") for path in rate_page.FOLDER.glob("*.js")}
    assert set(files) == set(rate_page.ORDER)
    for name, text in files.items():
        assert text.startswith("// "), f"{name}.js does not say what it does"
        assert text.count("\n") <= 200, f"{name}.js is too long"
        assert "</script" not in text
