"""Runs of the benchmark, measured with the shipped models, and the page that is written from them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from ru1_app.cli import cli
from ru1_app.errors import InvalidInput
from ru1_app.evaluation import said
from ru1_app.evaluation.report import write
from ru1_app.evaluation.run import read
from ru1_app.evaluation.summary import summary
from ru1_app.evaluation.targets import targets_of, verdict
from ru1_app.training.damage import COVERS
from tests.measured import Bench, Run

pytestmark = pytest.mark.weights

SECTIONS = [
    "What was measured", "Recovery of held-out photos", "Recovery of held-out scenes", "Clean input", "Answers",
    "Open answers and descriptions", "“Cannot tell”", "Misleading recoveries", "Uncertainty", "Time and memory",
    "Ablation",
]  # fmt: skip


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


def test_a_run_on_all_photos_is_what_the_targets_are_judged_by(bench: Bench, tmp_path: Path) -> None:
    wide = deepcopy(_renamed(bench.full, "all_photos"))
    name = next(name for name in targets_of("cpu").psnr if name in wide["summary"]["photos"]["corruptions"])
    levels = wide["summary"]["photos"]["corruptions"][name]
    levels["mid"]["psnr/gain"] |= {"mean": 77.0, "low": 76.0, "high": 78.0}
    wide["summary"]["photos"]["corruptions"] = {name: levels}
    page, *figures = write([bench.full, wide], tmp_path / "x.md", "cpu")
    table = section(page.read_text("utf-8"), "Recovery of held-out photos").split("### By level")[0]
    assert f"`{name}` stand here for" in table
    assert rows(table)[name][2] == "+77.00 (+76.00 to +78.00)"
    others = [other for other in bench.full["summary"]["photos"]["corruptions"] if other != name]
    assert all(rows(table)[other][2] != rows(table)[name][2] for other in others)
    assert ">80<" in next(path for path in figures if path.stem.endswith("gain")).read_text("utf-8")


def test_targets_that_were_not_measured_are_named(written: str) -> None:
    text = section(written, "Recovery of held-out photos")
    (line,) = [line for line in text.splitlines() if line.startswith("Not in this run")]
    assert "`block_exchange`" in line
    assert "`fog`" not in line


def test_corruptions_that_move_or_shift_things_are_named(bench: Bench, tmp_path: Path) -> None:
    run = deepcopy(bench.full)
    found = run["summary"]
    found["photos"]["corruptions"]["turbulence"] = found["photos"]["corruptions"]["fog"]
    found["answers"]["corruptions"]["elastic_transform"] = found["answers"]["corruptions"]["fog"]
    page, *_ = write([run], tmp_path / "page.md", "cpu")
    text = section(page.read_text("utf-8"), "Recovery of held-out photos")
    assert "Not compared: `elastic_transform`." in text
    assert "To be read with care: `turbulence`." in text
    write([bench.full], page, "cpu")
    assert "Not compared" not in page.read_text("utf-8")


def test_cannot_tell_is_told_apart_by_what_the_corruption_left(bench: Bench, tmp_path: Path) -> None:
    cells = deepcopy(bench.full["cells"])
    for item in (item for name, found in cells.items() if name.startswith("scenes/") for item in found):
        rest = len(item["kinds"]) - 4
        item["gone"] = "1111" + "0" * rest
        item["answers"] |= {"corrupted": "?" * 4 + "1" * rest, "both": "?!01" + "?" + "1" * (rest - 1)}
    page, *_ = write([{**bench.full, "cells": cells, "summary": summary(cells)}], tmp_path / "page.md", "cpu")
    text = section(page.read_text("utf-8"), "“Cannot tell”")
    of_all, gone, seen = (
        {level: [cell.split(" ")[0] for cell in row] for level, row in rows(part).items()}
        for part in text.split("\nOf the questions")
    )
    count = rest + 4
    assert of_all["high"][:2] == [f"{400 / count:.1f}"] * 2
    assert of_all["high"][3] == f"{300 / count:.1f}"
    assert (gone["high"][0], gone["high"][2]) == ("100.0", "50.0")
    assert (seen["high"][0], seen["high"][2]) == ("0.0", f"{100 / rest:.1f}")


def test_covered_things_are_answered_apart(bench: Bench, tmp_path: Path) -> None:
    cells = deepcopy(bench.full["cells"])
    items = [item for name, found in cells.items() if name.startswith("covered/") for item in found]
    assert len(items) == len(COVERS) + 1
    for item in items:
        rest = len(item["kinds"]) - 2
        item["gone"] = "11" + "0" * rest
        item["answers"] |= {"corrupted": "??" + "1" * rest, "both": "?0" + "?" + "1" * (rest - 1)}
    page, *_ = write([{**bench.full, "cells": cells, "summary": summary(cells)}], tmp_path / "page.md", "cpu")
    told = rows(section(page.read_text("utf-8"), "“Cannot tell”"))
    for way, own in (("corrupted", items[:-1]), ("painted over", items[-1:])):
        gone, seen = told[f"{way}, gone"], told[f"{way}, seen"]
        assert [gone[0], *(cell.split(" ")[0] for cell in gone[1::2])] == [str(2 * len(own)), "100.0", "50.0"]
        count = sum(len(item["kinds"]) - 2 for item in own)
        asked, of_corrupted, _, of_both = (cell.split(" ")[0] for cell in seen)
        assert (asked, of_corrupted, of_both) == (str(count), "0.0", f"{100 * len(own) / count:.1f}")


def test_answers_are_shares_of_the_runs_own_letters(written: str, bench: Bench) -> None:
    items = [item for name, found in bench.full["cells"].items() if name.startswith("scenes/fog") for item in found]
    items += [item for name, found in bench.full["cells"].items() if name.startswith("scenes/gauss") for item in found]
    text = section(written, "Answers")
    for place, condition in enumerate(("corrupted", "recovered", "both")):
        letters = "".join(item["answers"][condition] for item in items)
        share = sum(letter in "1!" for letter in letters) / len(letters)
        assert rows(text.split("### By kind")[0])["all"][place].startswith(f"{100 * share:.1f} (")
    assert set(rows(text.split("### By kind")[1])) >= {kind for item in items for kind in item["kinds"]}


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


def test_the_same_runs_give_the_same_bytes(bench: Bench, weaker: tuple[Run, Run], tmp_path: Path) -> None:
    first = write([bench.full, weaker[0]], tmp_path / "a" / "page.md", "cpu")
    again = [read(bench.path("no_rl")), read(bench.path("full"))]
    second = write(again, tmp_path / "b" / "page.md", "cpu")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_ablation_shows_what_changed_and_names_the_runs_that_are_missing(written: str) -> None:
    text = section(written, "Ablation")
    (line,) = [line for line in text.splitlines() if line.startswith("Missing: ")]
    assert all(f"`{name}`" in line for name in ("no_ssim", "no_clip", "no_both", "no_stage3"))
    assert "no_rl" not in line
    assert "; the recoverer is another than the full run's." in text
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| photos | PSNR")]
    full, other, difference, told = cells[0][2:]
    assert float(full) > float(other)
    assert difference.startswith("−")
    assert told == "yes |"


def test_the_reader_before_stage_three_is_where_the_whole_way_begins(bench: Bench, tmp_path: Path) -> None:
    reader = deepcopy(_renamed(bench.full, "no_stage3"))
    for cell in (cell for name, cell in reader["cells"].items() if name.startswith("scenes/") and "/high" in name):
        for row in cell:
            row["answers"]["corrupted"] = said.WRONG * len(row["kinds"])
    page, *_ = write([bench.full, reader], tmp_path / "page.md", "cpu")
    text = section(page.read_text("utf-8"), "Ablation")
    told = rows(text.split("shown *both* against `no_stage3`")[1])
    assert "| photos | PSNR" not in text  # the recoverer is the full run's
    assert "| scenes | right, both |" in text
    assert told["high"][0].startswith("0.0")
    share = bench.full["summary"]["answers"]["levels"]["high"]["right/both"]["mean"] * 100
    assert told["high"][1].startswith(f"{share:.1f}")
    assert told["high"][2].startswith(f"+{share:.1f}")


def test_time_and_memory_are_those_the_run_saved(written: str, weaker: tuple[Run, Run], tmp_path: Path) -> None:
    assert rows(section(written, "Time and memory"))["A processor"] == ["2", "4", "0.43", "1.50", "812"]
    page, *_ = write([{**weaker[0], "header": {**weaker[0]["header"], "name": "mine"}}], tmp_path / "x.md", "cpu")
    text = page.read_text("utf-8")
    assert "measured neither time nor memory" in text
    assert "`no_rl` (without reinforcement learning)" in text


def _renamed(run: Run, name: str) -> Run:
    return {**run, "header": {**run["header"], "name": name}}


def _other_photos(run: Run, name: str) -> Run:
    changed = deepcopy(_renamed(run, name))
    changed["header"]["inputs"]["photos"] = "other"
    return changed


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (lambda run: [run, _renamed(run, "mine")], "no place on the page for a run named 'mine'"),
        (lambda run: [run, run], "Two of the runs are named 'full'"),
        (lambda run: [_renamed(run, "no_rl")], "None of the runs is named 'full'"),
        (lambda run: [run, _other_photos(run, "no_ssim")], "photos is '[0-9a-f]+' and 'other'"),
        (lambda run: [run, _other_photos(run, "all_photos")], "differ in recoverer or photos"),
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


def test_the_report_command_prints_the_paths_that_it_wrote(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "docs" / "page.md"
    words = ["eval", "report", str(bench.path("full")), "--out", str(out), "--hardware", "gpu"]
    printed = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert printed[0] == str(out)
    assert all(Path(path).is_file() for path in printed)
    assert CliRunner().invoke(cli, words).stdout.splitlines() == printed
