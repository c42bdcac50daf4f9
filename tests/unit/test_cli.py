"""The command line: one JSON document, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ru1_app.config import ROOT
from ru1_app.images import Image8, from_png, write_png
from ru1_app.scenes import HELD_OUT_SEED, questions_for, render, sample_scene
from ru1_app.scoring.base import Pair
from ru1_app.scoring.risk import load_risk
from tests.served import ServedModel
from tests.tiny_models import ANSWERERS, RECOVERERS, make_tiny_models
from tests.tiny_risk import make_models_with_risk

pytestmark = pytest.mark.service


class Cli:
    """Runs `ru1` in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "RU1_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ru1_app", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=self.environ, check=False)

    def __call__(self, *words: str | Path, code: int = 0) -> Any:
        done = self.run(*words)
        assert done.returncode == code, done.stderr
        if code:
            assert "Traceback" not in done.stderr
            return done.stderr.strip()
        return json.loads(done.stdout) if "--json" in words else done.stdout


@pytest.fixture
def cli(tmp_path: Path, photo: Image8) -> Cli:
    write_png(tmp_path / "photo.png", photo)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return Cli(tmp_path)


def test_check_says_of_each_file_whether_it_is_accepted(cli: Cli, photo: Image8) -> None:
    (row,) = cli("check", "photo.png", "--out", "out", "--json")
    assert row["accepted"]
    assert (row["width"], row["height"]) == (256, 256)
    assert np.array_equal(from_png((cli.folder / row["png"]).read_bytes()), photo)
    assert "not a picture" in cli("check", "photo.png", "broken.png", code=2)


def test_corrupt_is_repeatable_for_files_and_folders(cli: Cli) -> None:
    cli("corrupt", "photo.png", "a.png", "--spec", "gaussian_noise@mid", "--seed", "7")
    (row,) = cli("corrupt", "photo.png", "b.png", "--spec", "gaussian_noise@mid#7", "--json")
    assert row["spec"] == "gaussian_noise@mid#7"
    assert (cli.folder / "a.png").read_bytes() == (cli.folder / "b.png").read_bytes()
    (cli.folder / "in").mkdir()
    for name in ("one", "two"):
        (cli.folder / f"in/{name}.png").write_bytes((cli.folder / "photo.png").read_bytes())
    rows = cli("corrupt", "in", "out", "--spec", "jpeg@high", "--json")
    assert sorted(path.name for path in (cli.folder / "out").iterdir()) == ["one.png", "two.png"]
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("corrupt", "photo.png", "x.png", "--spec", "sepia@mid"), "There is no corruption 'sepia'"),
        (("corrupt", "photo.png", "x.png", "--spec", "jpeg@9"), "Severity '9'"),
        (("corrupt", "photo.png", "x.jpg", "--spec", "jpeg@mid"), "would lose pixels"),
        (("corrupt", "nothing.png", "x.png", "--spec", "jpeg@mid"), "not a file"),
        (
            ("recover", "photo.png", "x.png", "--model", "huge"),
            "There is no model 'huge'. To recover there are: embedded",
        ),
        (("recover", "photo.png", "x.png", "--steps", "0"), "steps"),
        (("answer", "photo.png", "--question", " "), "empty"),
        (("export", "out", "--format", "csv"), "no format"),
        (("export", "out"), "No judged case fits these filters"),
        (("export", "."), "exists already"),
        (("recover", "photo.png", "x.png", "--seed", "99999999999999999999999"), "seed"),
        (("recover", "photo.png", "x.png", "--seed", "abc"), "integer"),
        (("recover", "photo.png"), "Missing argument 'OUT'"),
        (("nonsense",), "No such command"),
        (("corrupt", "photo.png", "photo.png", "--spec", "jpeg@mid"), "over its own source"),
        (("check", "photo.png", "--out", "."), "over its own source"),
        (("corrupt", ".", ".", "--spec", "jpeg@mid"), "over its own source"),
        (("recover", "photo.png", "x.png", "--uncertainty", "x.png"), "written twice"),
        (("recover", "photo.png", "x.png", "--uncertainty", "photo.png"), "over its own source"),
        (("corrupt", "photo.png", "broken.png/x.png", "--spec", "jpeg@mid"), "cannot be a folder"),
        (("corrupt", "photo.png", "x.png", "--spec", "jpeg@mid#" + "9" * 5000), "is not a seed"),
        (("serve", "--port", "99999"), "port"),
    ],
)
def test_refused_input_is_one_sentence_and_exit_code_2(cli: Cli, words: tuple[str, ...], says: str) -> None:
    said = cli(*words, code=2)
    assert says in said
    assert said.startswith("ru1: ")
    assert "\n" not in said
    assert not (cli.folder / "x.png").exists()


def test_a_broken_file_does_not_keep_the_rest_of_a_folder_back(cli: Cli, photo: Image8) -> None:
    for name in ("a-2.png", "a.jpg", "z.png"):
        (cli.folder / "in" / name).parent.mkdir(exist_ok=True)
        Image.fromarray(photo).save(cli.folder / "in" / name)
    (cli.folder / "in/b.png").write_bytes(b"")
    (cli.folder / "in/folder.png").mkdir()
    done = cli.run("corrupt", "in", "out", "--spec", "jpeg@mid", "--json")
    rows = json.loads(done.stdout)
    assert done.returncode == 2
    assert done.stderr.strip().startswith("ru1: 1 of 4 files refused: 'b.png' is empty")
    assert [row["accepted"] for row in rows] == [True, True, False, True]
    written = [row["out"] for row in rows if row["accepted"]]
    assert len(set(written)) == 3
    assert all((cli.folder / name).is_file() for name in written)


def test_the_environment_is_read_and_nonsense_in_it_refused(cli: Cli) -> None:
    cli.environ["RU1_RECOVERER"] = "huge"
    assert "no model 'huge'" in cli("recover", "photo.png", "x.png", code=2)
    cli.environ["RU1_MAX_SIDE"] = "0"
    assert "RU1_MAX_SIDE=0 is out of range" in cli("check", "photo.png", code=2)
    del cli.environ["RU1_MAX_SIDE"]
    cli.environ["RU1_DATA_DIR"] = str(cli.folder / "photo.png")
    assert "cannot be made" in cli("db", "upgrade", code=1)
    assert "cannot be made" in cli("export", "out", code=1)


def test_db_upgrade_and_models_answer_without_heavy_libraries(cli: Cli) -> None:
    assert cli("db", "upgrade", "--json") == {"revision": "0004"}
    rows = {row["name"]: row for row in cli("models", "--json")}
    assert rows["embedded"]["available"]
    assert "RU1_PROFILE=gpu" in rows["robust-u1"]["remedy"]


@pytest.mark.weights
def test_recover_score_and_answer(cli: Cli) -> None:
    scene = sample_scene(HELD_OUT_SEED)
    write_png(cli.folder / "scene.png", render(scene))
    cli("corrupt", "scene.png", "bad.png", "--spec", "gaussian_noise@mid#1")
    (row,) = cli("recover", "bad.png", "good.png", "--samples", "2", "--uncertainty", "map.png", "--json")
    assert [Path(name).name for name in row["out"]] == ["good.png", "good-2.png"]
    assert (row["uncertainty_kind"], (cli.folder / "map.png").is_file()) == ("deviation", True)
    cli("recover", "bad.png", "alone.png")
    assert (cli.folder / "alone.png").read_bytes() == (cli.folder / "good.png").read_bytes()  # however many draws
    before, after = (cli("score", name, "scene.png", "--json") for name in ("bad.png", "good.png"))
    assert after["ssim"]["value"] > before["ssim"]["value"] + 0.1
    assert "embedded CLIP" in after["clip"]["model"]
    asked = dict(questions_for(scene, np.random.default_rng(0)))["light"]
    options = [word for option in asked.options for word in ("--option", option)]
    said = cli("answer", "bad.png", "--recovery", "good.png", "--question", asked.text, *options, "--json")
    choices = {condition: answer["choice"] for condition, answer in said.items()}
    assert choices == dict.fromkeys(("corrupted", "recovered", "both"), asked.expected)


@pytest.mark.weights
def test_the_risk_is_scored_beside_the_corrupted_image_and_never_the_clean_one(cli: Cli, photo: Image8) -> None:
    models = make_models_with_risk(cli.folder / "models")
    cli.environ["RU1_MODELS_DIR"] = str(models)
    for name, image in (("good.png", photo), ("clean.png", photo[::-1]), ("bad.png", photo // 2)):
        write_png(cli.folder / name, np.ascontiguousarray(image))
    assert "risk" not in cli("score", "good.png", "clean.png", "--json")
    told = cli("score", "good.png", "clean.png", "--corrupted", "bad.png", "--json")["risk"]["value"]
    scorer = load_risk(models / "risk", models / "clip")
    assert told == pytest.approx(scorer.score([Pair(photo, photo // 2)])[0].value, abs=1e-4)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A team's list with a tiny checkpoint for each adapter."""
    with ServedModel() as far:
        yield make_tiny_models(tmp_path_factory.mktemp("models"), far.url)


@pytest.mark.parametrize("name", RECOVERERS)
def test_every_recoverer_recovers_from_the_command_line(cli: Cli, listed: Path, name: str) -> None:
    cli.environ |= {"RU1_MODELS_FILE": str(listed), "RU1_MAX_SIDE": "64"}
    (row,) = cli("recover", "photo.png", "out.png", "--model", name, "--seed", "3", "--json")
    assert row["model"]["id"] == name
    assert row["model"]["engine"]
    assert from_png((cli.folder / "out.png").read_bytes()).shape == (64, 64, 3)


@pytest.mark.parametrize("name", ANSWERERS)
def test_every_answerer_answers_from_the_command_line(cli: Cli, listed: Path, name: str) -> None:
    cli.environ["RU1_MODELS_FILE"] = str(listed)
    words = ("answer", "photo.png", "--recovery", "photo.png", "--question", "What?", "--option", "a", "--option", "b")
    document = cli(*words, "--model", name, "--json")
    assert set(document) == {"corrupted", "recovered", "both"}
    assert all(row["text"] is not None for row in document.values())


def test_reason_recovers_and_answers_in_one_pass(cli: Cli, listed: Path) -> None:
    cli.environ["RU1_MODELS_FILE"] = str(listed)
    words = ("reason", "photo.png", "out.png", "--question", "What?", "--option", "a", "--option", "b")
    document = cli(*words, "--model", "tiny-u1", "--json")
    assert document["answer"]["choice"] == "B"
    assert document["trace"].split() == ["B", "B", "B"]
    assert (cli.folder / "out.png").is_file()
    assert "cannot reason" in cli(*words, "--model", "embedded", code=2)
    assert "No model is the default to reason" in cli(*words, code=2)
