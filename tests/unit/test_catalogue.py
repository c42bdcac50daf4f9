"""The list of models: profiles, a team's YAML, what is available here and what to do where it is not."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models.catalogue import ADAPTERS, PROFILES, ModelEntry, Role, read_catalogue
from ru1_app.models.machine import has_gpu
from ru1_app.models.states import state_of, states
from ru1_app.pipeline import RunRequest, RunResult
from ru1_app.wiring import App, whole
from tests.fakes import FakeApp, intake_of

HEAD = "models:\n  mine:\n    label: Mine\n    adapter: image-to-image\n    source: {source}\n    roles: [recover]\n"


def listed(settings: Settings, folder: Path, text: str) -> Settings:
    path = folder / "models.yaml"
    path.write_text(text, "utf-8")
    return replace(settings, models_file=str(path))


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_has_a_recoverer_and_an_answerer(settings: Settings, profile: str) -> None:
    catalogue = read_catalogue(replace(settings, profile=profile))
    for role in (Role.RECOVER, Role.ANSWER):
        assert catalogue.chosen(catalogue.entry("", role))
    assert catalogue.entry("embedded", Role.RECOVER)


def test_the_systems_of_the_paper_are_listed(settings: Settings) -> None:
    sources = {entry.source for entry in read_catalogue(settings).entries.values()}
    assert sources >= {
        "Jiaqi-hkust/Robust-U1", "Jiaqi-hkust/Robust-U1-SFT", "Jiaqi-hkust/Robust-U1-RL",
        "ByteDance-Seed/BAGEL-7B-MoT", "Qwen/Qwen2.5-VL-3B-Instruct", "Jiaqi-hkust/Robust-R1",
    }  # fmt: skip


def test_every_loader_is_there(settings: Settings) -> None:
    for name, adapter in ADAPTERS.items():
        for loader, _ in adapter.loaders.values():
            module, function = loader.split(":")
            assert callable(getattr(importlib.import_module(module), function)), name


def test_an_unknown_profile_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="RU1_PROFILE='huge' is unknown. There are: embedded, cpu, gpu, zerogpu"):
        read_catalogue(replace(settings, profile="huge"))


def test_a_teams_list_adds_and_replaces(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    text = HEAD.format(source="weights") + "defaults: {recover: mine}\n"
    catalogue = read_catalogue(listed(settings, tmp_path, text))
    mine = catalogue.entry("", Role.RECOVER)
    assert mine.name == "mine"
    assert mine.source == str((tmp_path / "weights").resolve())
    assert "embedded" in catalogue.entries
    replaced = HEAD.format(source="weights").replace("mine:", "swin2sr:")
    assert read_catalogue(listed(settings, tmp_path, replaced)).entries["swin2sr"].label == "Mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models: [", "is no YAML"),
        ("- x", "has no mapping 'models'"),
        ("models: {}\nmodel: {}", "unknown key 'model'"),
        ("models: {mine: {}}", "'mine' is wrong at 'label'"),
        ("models: {mine: 3}", "'mine' is no mapping"),
        ("models: {}\ndefaults: [a]", "'defaults' must map some of recover, answer"),
        ("models: {}\ndefaults: {recover: [1]}", "'defaults' must map"),
        ("models: {}\ndefaults: {recovr: x}", "'defaults' must map"),
        (HEAD.format(source="x") + "    colour: red\n", "'mine' is wrong at 'colour'"),
        (HEAD.format(source="x").replace("image-to-image", "magic"), "unknown adapter 'magic'"),
        (HEAD.format(source="x").replace("[recover]", "[answer]"), "cannot answer"),
        (HEAD.format(source="x").replace("[recover]", "[fly]"), "'mine' is wrong at 'roles"),
        (HEAD.format(source="x") + "    steps: 0\n", "wrong at 'steps'"),
        (HEAD.format(source="x") + "    profiles: [tpu]\n", "unknown profile 'tpu'"),
        (HEAD.format(source="x").replace("mine:", "My Model:"), "wrong at 'name'"),
        (HEAD.format(source="x") + "defaults: {recover: nobody}\n", "There is no model 'nobody'"),
    ],
)
def test_a_wrong_list_is_refused_and_the_place_is_named(
    settings: Settings, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words.replace("[", r"\[")):
        read_catalogue(listed(settings, tmp_path, text))


def test_a_default_of_another_profile_is_refused_with_the_profile_to_set(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="not part of the profile 'embedded'. Set RU1_PROFILE to one of: .*gpu"):
        read_catalogue(replace(settings, recoverer="robust-u1"))


def test_a_list_that_is_not_there_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match=r"'/nowhere\.yaml' cannot be read"):
        read_catalogue(replace(settings, models_file="/nowhere.yaml"))


def test_the_settings_choose_the_defaults(settings: Settings) -> None:
    catalogue = read_catalogue(replace(settings, profile="cpu", recoverer="swin2sr"))
    assert catalogue.entry("", Role.RECOVER).name == "swin2sr"
    with pytest.raises(InvalidInput, match="cannot recover"):
        read_catalogue(replace(settings, recoverer="smolvlm-256m"))


def test_a_model_that_is_not_here_says_why_and_what_would_help(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RU1_SERVED_URL", raising=False)
    monkeypatch.setattr("ru1_app.models.states.has_gpu", lambda: False)
    text = HEAD.format(source="/no/such/folder")
    here = listed(replace(settings, profile="gpu", recoverer="embedded", answerer="embedded"), tmp_path, text)
    found = {state.entry.name: state for state in states(read_catalogue(here), here, lambda name: name == "embedded")}
    assert found["embedded"].available
    assert found["embedded"].loaded
    assert "no folder '/no/such/folder'" in found["mine"].reason
    assert "no GPU" in found["robust-u1"].reason
    assert "served" in found["robust-u1"].remedy
    assert found["served"].remedy == "set RU1_SERVED_URL"
    assert all(state.remedy for state in found.values() if not state.available)


def test_a_hub_model_says_whether_it_will_be_fetched(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    here = replace(settings, profile="cpu")
    catalogue = read_catalogue(here)
    entry = catalogue.entry("swin2sr", Role.RECOVER)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("ru1_app.models.states.cached", lambda hub_id: False)
    assert "fetched from the hub" in state_of(entry, catalogue, here).note
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in state_of(entry, catalogue, here).reason
    monkeypatch.setattr("ru1_app.models.states.cached", lambda hub_id: True)
    assert state_of(entry, catalogue, here).available


def test_variables_in_a_list_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    entry = ModelEntry(
        name="far", label="Far", adapter="served", source="${FAR_URL}/v1", roles=("recover",),
        options={"key": "${FAR_KEY}", "retries": 2},
    )  # fmt: skip
    assert entry.variables == ("FAR_URL", "FAR_KEY")
    monkeypatch.setenv("FAR_URL", "http://far:8000")
    monkeypatch.delenv("FAR_KEY", raising=False)
    with pytest.raises(InvalidInput, match="FAR_KEY is not set"):
        entry.resolved(settings, Role.RECOVER)
    monkeypatch.setenv("FAR_KEY", "secret")
    _, source, options = entry.resolved(settings, Role.RECOVER)
    assert (source, options) == ("http://far:8000/v1", {"key": "secret", "retries": 2, "name": "far"})


def test_an_option_that_a_loader_does_not_take_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    text = HEAD.format(source="weights") + "    options: {colour: red}\n"
    with pytest.raises(InvalidInput, match="takes no option 'colour'. There are: .*max_pixels"):
        App(listed(settings, tmp_path, text)).recoverer("mine")


def test_a_model_of_another_profile_is_not_loaded_but_explained(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="RU1_PROFILE=gpu"):
        App(settings).recoverer("robust-u1")


def test_one_setting_points_a_built_in_model_to_a_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RU1_SOURCE_QWEN2_5_VL_3B", str(tmp_path))
    entry = read_catalogue(replace(settings, profile="gpu", recoverer="embedded")).entry("qwen2.5-vl-3b", Role.ANSWER)
    assert entry.source == str(tmp_path)
    assert entry.hub_id is None


def test_zerogpu_is_lent_a_function_that_streams(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`spaces.GPU` streams from generator functions only; of anything else it would send the generator itself."""
    given: list[Any] = []

    def gpu(duration: int) -> Any:
        return lambda run: given.append(run) or run

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    app = FakeApp(replace(settings, profile="zerogpu"))
    assert [inspect.isgeneratorfunction(run) for run in given] == [True]
    *steps, last = app.run(RunRequest(intake_of(np.zeros((24, 24, 3), np.uint8))))
    assert isinstance(last, RunResult)
    assert steps


@pytest.mark.parametrize(("value", "hidden"), [("", True), ("-1", True), ("0", False), (None, False)])
def test_a_hidden_gpu_is_none(monkeypatch: pytest.MonkeyPatch, value: str | None, hidden: bool) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")  # as though there were one
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert has_gpu() is not hidden


def test_memory_that_runs_out_while_loading_is_not_taken_for_damaged_files() -> None:
    def make() -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 58800000000 bytes.")

    with pytest.raises(ModelFailed, match="not enough memory for 'big'. Load it with"):
        whole(("big",), make)
    with pytest.raises(Unavailable, match="damaged"):
        whole(("big",), lambda: {}["key"])


def test_zerogpu_needs_the_package_that_lends_the_gpu(settings: Settings) -> None:
    there = importlib.util.find_spec("spaces") is not None
    if there:
        assert App(replace(settings, profile="zerogpu")).catalogue.profile == "zerogpu"
    else:
        with pytest.raises(Unavailable, match="pip install spaces"):
            App(replace(settings, profile="zerogpu"))


def test_a_variable_is_replaced_however_deep_it_lies(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "models:\n  far:\n    label: Far\n    adapter: served\n    source: http://127.0.0.1:1/v1\n"
        "    roles: [recover]\n"
        '    options: {extra: {inside: ["${FAR_TOKEN}", 1]}}\n'
    )
    entry = read_catalogue(listed(settings, tmp_path, text)).entries["far"]
    assert entry.variables == ("FAR_TOKEN",)
    monkeypatch.setenv("FAR_TOKEN", "abc")
    assert entry.resolved(settings, Role.RECOVER)[2]["extra"] == {"inside": ["abc", 1]}


@pytest.mark.parametrize("source", ["./weights", "../weights"])
def test_a_folder_that_is_not_there_is_no_model_of_the_hub(settings: Settings, tmp_path: Path, source: str) -> None:
    found = listed(settings, tmp_path, HEAD.format(source=source))
    states_ = {state.entry.name: state for state in states(read_catalogue(found), found, lambda name: False)}
    assert "no folder" in states_["mine"].reason
