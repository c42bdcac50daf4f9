"""Runs of the benchmark, measured with the shipped models, and the page that is written from them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from ru1_app.cli import cli
from ru1_app.config import ROOT
from ru1_app.errors import InvalidInput
from ru1_app.evaluation.answering import worst_first
from ru1_app.evaluation.bootstrap import mean_of_groups
from ru1_app.evaluation.inputs import Photos
from ru1_app.evaluation.measure import Models
from ru1_app.evaluation.plan import Plan
from ru1_app.evaluation.report import write
from ru1_app.evaluation.run import Folders, Job, load, measure, read
from ru1_app.evaluation.svg import Scale, around
from ru1_app.evaluation.targets import targets_of, verdict
from ru1_app.images import write_png
from ru1_app.scenes import render, sample_scene

pytestmark = pytest.mark.weights

HOME = ROOT / "assets" / "models"
PLAN = Plan(scenes=2, per_cell=2, draws=2, only=("gaussian_noise", "fog"))
WORDS = [
    "--corruption=gaussian_noise", "--corruption=fog", "--scenes=2", "--per-cell=2", "--draws=2", "--no-latency",
    "--json",
]  # fmt: skip
LATENCY = {
    "side": 384, "threads": 2, "cores": 4, "processor": "A processor", "recover_seconds": 0.4321, "run_seconds": 1.5,
    "peak_mb": 812.4,
}  # fmt: skip
SECTIONS = [
    "What was measured", "Recovery of held-out photos", "Recovery of held-out scenes", "Clean input", "Answers",
    "“Cannot tell”", "Misleading recoveries", "Uncertainty", "Time and memory", "Ablation",
]  # fmt: skip
Run = dict[str, Any]


class Bench(NamedTuple):
    """Three photos, the shipped models, and the run of both."""

    folder: Path
    job: Job
    models: Models
    full: Run

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "photos").mkdir()
    for number in range(3):
        write_png(folder / "photos" / f"{number}.png", render(sample_scene(7 + number))[96:288, 96:288])
    models = load(Folders(HOME / "recoverer", HOME / "answerer", HOME / "clip"), threads=1)
    job = Job("full", PLAN, Photos.below(folder / "photos"), lambda: dict(LATENCY))
    return Bench(folder, job, models, measure(job, models, folder / "full.json"))


@pytest.fixture(scope="module")
def weaker(bench: Bench) -> tuple[Run, Run]:
    """The run of a recoverer whose colours were turned down, by `ru1 eval embedded`, and what that printed."""
    from safetensors.torch import load_file, save_file

    home = bench.folder / "weaker"
    shutil.copytree(HOME / "recoverer", home)
    weights = home / "net" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["change.weight"] = tensors["change.weight"] * 0.5
    save_file(tensors, weights, {"format": "pt"})
    folders = ["--photos", str(bench.folder / "photos"), "--recoverer", str(home)]
    out = bench.path("no_rl")
    done = CliRunner().invoke(cli, ["eval", "embedded", *folders, "--out", str(out), "--name", "no_rl", *WORDS])
    assert done.exit_code == 0, done.output
    return read(out), json.loads(done.stdout)


@pytest.fixture
def written(bench: Bench, weaker: tuple[Run, Run], tmp_path: Path) -> str:
    """The page of both runs."""
    write([bench.full, weaker[0]], tmp_path / "docs" / "embedded_model.md", "cpu")
    return (tmp_path / "docs" / "embedded_model.md").read_text("utf-8")


def section(page: str, name: str) -> str:
    return page.split(f"\n## {name}\n")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, list[str]]:
    """The lines of its tables by their first cell."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {first.strip("`"): rest for first, *rest in found}


def test_the_page_has_each_section_and_says_who_wrote_it(written: str, bench: Bench) -> None:
    assert re.findall(r"^## (.+)$", written, re.MULTILINE) == SECTIONS
    assert "written by `ru1 eval report`" in written.splitlines()[2]
    told = rows(section(written, "What was measured"))
    for part in ("recoverer", "answerer"):
        assert bench.full["header"][part]["revision"] in told[part][0]
    assert told["photos"] == [f"3 held-out photos, digest `{bench.full['header']['inputs']['photos']}`"]


def test_every_table_is_whole_and_no_figure_is_raw(written: str) -> None:
    for block in written.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert not re.search(r"\b(nan|None|inf)\b|\d\.\d{5}|[( ]-\d", written)


def test_gains_are_those_of_the_run_and_judged_by_the_targets_of_the_hardware(bench: Bench, tmp_path: Path) -> None:
    found = bench.full["summary"]["photos"]["corruptions"]["gaussian_noise"]["mid"]["psnr/gain"]
    verdicts = {}
    for hardware, target in (("cpu", "+8.00"), ("gpu", "+11.00")):
        page, *_ = write([bench.full], tmp_path / f"{hardware}.md", hardware)
        row = rows(section(page.read_text("utf-8"), "Recovery of held-out photos").split("### By level")[0])
        told, aim, verdicts[hardware] = row["gaussian_noise"][2], *row["gaussian_noise"][4:]
        assert told.startswith(f"+{found['mean']:.2f} (+{found['low']:.2f} to")
        assert aim == target
        assert verdicts[hardware] == verdict(found, targets_of(hardware).psnr["gaussian_noise"])
        assert row["PSNR, dB"][-1] == "not judged: 2 of 15 measured"
    assert verdicts["cpu"].startswith("met")


def test_targets_that_were_not_measured_are_named(written: str) -> None:
    text = section(written, "Recovery of held-out photos")
    (line,) = [line for line in text.splitlines() if line.startswith("Not in this run")]
    assert "`block_exchange`" in line
    assert "`fog`" not in line


def test_a_verdict_says_when_the_interval_leaves_it_open() -> None:
    row = {"mean": 2.0, "low": 1.0, "high": 3.0}
    said = [verdict(row, target) for target in (0.5, 1.5, 2.5, 3.5)]
    assert said == ["met", "met, within the interval", "not met, within the interval", "not met"]
    assert verdict({"mean": 2.0, "low": None, "high": None}, 1.5) == "met"
    assert verdict(None, 1) == verdict(row, None) == "–"
    with pytest.raises(InvalidInput, match="cpu or gpu"):
        targets_of("abacus")


def test_answers_are_shares_of_the_runs_own_letters(written: str, bench: Bench) -> None:
    items = [item for name, found in bench.full["cells"].items() if name.startswith("scenes/fog") for item in found]
    items += [item for name, found in bench.full["cells"].items() if name.startswith("scenes/gauss") for item in found]
    text = section(written, "Answers")
    for place, condition in enumerate(("corrupted", "recovered", "both")):
        letters = "".join(item["answers"][condition] for item in items)
        share = sum(letter in "1!" for letter in letters) / len(letters)
        assert rows(text.split("### By kind")[0])["all"][place].startswith(f"{100 * share:.1f} (")
    assert set(rows(text.split("### By kind")[1])) >= {kind for item in items for kind in item["kinds"]}


def test_the_most_misleading_corruption_stands_first() -> None:
    shares = {"a": (0.1, 0.3), "b": (0.2, 0.0), "c": (0.1, 0.4), "d": (0.1, 0.3)}
    found = {
        name: {"all": {f"misleading/{c}": {"mean": v} for c, v in zip(("recovered", "both"), pair, strict=True)}}
        for name, pair in shares.items()
    }
    assert worst_first(found) == ["b", "c", "a", "d"]
    assert worst_first({**found, "none": {"all": {}}})[-1] == "none"


def test_figures_are_xml_with_a_title_and_within_their_frame(bench: Bench, tmp_path: Path) -> None:
    page, *figures = write([bench.full], tmp_path / "page.md", "cpu")
    assert [path.name for path in figures] == ["page_gain.svg", "page_answers.svg", "page_sparsification.svg"]
    for path in figures:
        assert f"](figures/{path.name})" in page.read_text("utf-8")
        root = ElementTree.fromstring(path.read_bytes())
        name = "{http://www.w3.org/2000/svg}"
        assert root.findtext(f"{name}title")
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for bar in root.iter(f"{name}rect"):
            x, y, wide, high = (float(bar.attrib[key]) for key in ("x", "y", "width", "height"))
            assert min(x, y, wide, high) >= 0
            assert (x + wide, y + high) <= (width, height)
    assert len(list(ElementTree.fromstring(figures[2].read_bytes()).iter(f"{name}polyline"))) == 2 * 4


def test_a_scale_holds_its_values_and_has_round_ticks() -> None:
    assert around([0.3, 12.2, -0.4], 8) == (-2, 14)
    low, high = around([])
    assert low == 0 < high
    scale = Scale(-2, 14, 100, 260)
    assert (scale(-2), scale(0), scale(14)) == (100, 120, 260)
    assert scale.ticks(8) == [-2, 0, 2, 4, 6, 8, 10, 12, 14]


def test_the_same_runs_give_the_same_bytes(bench: Bench, weaker: tuple[Run, Run], tmp_path: Path) -> None:
    first = write([bench.full, weaker[0]], tmp_path / "a" / "page.md", "cpu")
    again = [read(bench.path("no_rl")), read(bench.path("full"))]
    second = write(again, tmp_path / "b" / "page.md", "cpu")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_ablation_shows_what_changed_and_names_the_runs_that_are_missing(written: str) -> None:
    text = section(written, "Ablation")
    (line,) = [line for line in text.splitlines() if line.startswith("Missing: ")]
    assert all(f"`{name}`" in line for name in ("no_ssim", "no_clip", "no_both"))
    assert "no_rl" not in line
    assert "recoverer differs from the full run's" in text
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| photos | PSNR")]
    full, other, difference, told = cells[0][2:]
    assert float(full) > float(other)
    assert difference.startswith("−")
    assert told == "yes |"


def test_time_and_memory_are_those_the_run_saved(written: str, weaker: tuple[Run, Run], tmp_path: Path) -> None:
    assert rows(section(written, "Time and memory"))["A processor"] == ["2", "4", "0.43", "1.50", "812"]
    page, *_ = write([{**weaker[0], "header": {**weaker[0]["header"], "name": "mine"}}], tmp_path / "x.md", "cpu")
    text = page.read_text("utf-8")
    assert "measured neither time nor memory" in text
    assert "`no_rl` (without reinforcement learning)" in text


def _renamed(run: Run, name: str) -> Run:
    return {**run, "header": {**run["header"], "name": name}}


def _other_photos(run: Run) -> Run:
    changed = deepcopy(_renamed(run, "no_ssim"))
    changed["header"]["inputs"]["photos"] = "other"
    return changed


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (lambda run: [run, _renamed(run, "mine")], "no place on the page for a run named 'mine'"),
        (lambda run: [run, run], "Two of the runs are named 'full'"),
        (lambda run: [_renamed(run, "no_rl")], "None of the runs is named 'full'"),
        (lambda run: [run, _other_photos(run)], "photos is '[0-9a-f]+' and 'other'"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    bench: Bench, tmp_path: Path, runs: Callable[[Run], list[Run]], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        write(runs(bench.full), tmp_path / "page.md", "cpu")
    assert not list(tmp_path.iterdir())


def test_a_page_that_is_no_markdown_file_is_refused(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"ends in \.md"):
        write([bench.full], tmp_path / "page.json", "cpu")


@pytest.mark.parametrize(
    "data", [b"no JSON", b"[]", b'{"header": {"format": 0}}', b'{"header": {"format": 1}}', b"\xff"]
)
def test_a_file_that_is_no_run_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "run.json").write_bytes(data)
    done = CliRunner().invoke(cli, ["eval", "report", str(tmp_path / "run.json"), "--out", str(tmp_path / "page.md")])
    assert isinstance(done.exception, InvalidInput)
    assert "is no run of this version" in str(done.exception)
    assert not (tmp_path / "page.md").exists()


def test_the_embedded_command_prints_what_it_wrote(weaker: tuple[Run, Run]) -> None:
    run, printed = weaker
    assert printed == {"header": run["header"], "summary": run["summary"]}
    assert run["header"]["name"] == "no_rl"
    assert run["header"]["inputs"]["only"] == ["gaussian_noise", "fog"]
    assert run["summary"]["latency"] is None


def test_the_compare_command_tells_pairs_apart(bench: Bench, weaker: tuple[Run, Run]) -> None:
    paths = [str(bench.path(name)) for name in ("full", weaker[0]["header"]["name"])]
    found = json.loads(CliRunner().invoke(cli, ["eval", "compare", *paths, "--json"]).stdout)
    assert (found["first"]["name"], found["second"]["name"]) == ("full", "no_rl")
    assert found["photos"]["all"]["psnr/recovered"]["excludes_0"]
    same = json.loads(CliRunner().invoke(cli, ["eval", "compare", paths[0], paths[0], "--json"]).stdout)
    assert not same["photos"]["all"]["psnr/recovered"]["excludes_0"]
    lines = CliRunner().invoke(cli, ["eval", "compare", *paths]).stdout.splitlines()
    assert lines[0] == "no_rl minus full"
    assert any("psnr/recovered" in line and line.endswith("excludes 0") for line in lines)


def test_the_report_command_prints_the_paths_that_it_wrote(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "docs" / "page.md"
    words = ["eval", "report", str(bench.path("full")), "--out", str(out), "--hardware", "gpu"]
    printed = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert printed[0] == str(out)
    assert all(Path(path).is_file() for path in printed)
    assert CliRunner().invoke(cli, words).stdout.splitlines() == printed


def test_a_run_that_was_cut_goes_on_from_its_journal(bench: Bench, tmp_path: Path) -> None:
    out, journal = tmp_path / "run.json", tmp_path / "run.jsonl"
    *kept, last = bench.path("full").with_suffix(".jsonl").read_bytes().splitlines(keepends=True)[:-1]  # no latency
    journal.write_bytes(b"".join(kept) + last[: len(last) // 2])
    asked: list[str] = []

    class Watched:
        ref = bench.models.recoverer.ref

        def recover(self, request: Any) -> Any:
            asked.append("recovery")
            return bench.models.recoverer.recover(request)

    again = measure(bench.job, Models(Watched(), bench.models.answerer, bench.models.clip), out)
    assert len(asked) == 1  # the last cell is one photo's uncertainty
    assert again["summary"] == bench.full["summary"]
    assert read(out) == again
    assert journal.read_bytes() == bench.path("full").with_suffix(".jsonl").read_bytes()


def test_a_journal_of_another_run_is_not_gone_on_with(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(bench.path("full").with_suffix(".jsonl"), tmp_path)
    job = Job("another", PLAN, bench.job.photos)
    with pytest.raises(InvalidInput, match="was begun with something else: name was 'full' and is 'another'"):
        measure(job, bench.models, tmp_path / "full.json")


def test_groups_that_differ_do_not_widen_the_interval_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b"], 40)
    values = np.where(groups == "a", 0.0, 10.0) + rng.normal(size=80)
    found = mean_of_groups(values, groups, np.arange(80))
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.mean == pytest.approx((values[:40].mean() + values[40:].mean()) / 2, abs=1e-4)
    assert found.high - found.low == pytest.approx(2 * 1.96 / np.sqrt(80), rel=0.2)
    assert mean_of_groups(values, groups, np.where(groups == "a", -1, np.arange(80))) == (
        found.mean,
        None,
        None,
        80,
        41,
    )
    assert mean_of_groups(np.full(3, np.nan), groups[:3], np.arange(3)) is None
