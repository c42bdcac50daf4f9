"""Runs of the benchmark with the shipped models: the commands, and a run that was cut."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ru1_app.cli import cli
from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.evaluation.latency import in_fresh_process
from ru1_app.evaluation.measure import Models
from ru1_app.evaluation.run import Folders, Job, measure, read
from tests.measured import HOME, PLAN, Bench, Run

pytestmark = pytest.mark.weights


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


def test_time_and_memory_are_those_of_another_process_that_stays_small() -> None:
    found = in_fresh_process(Folders(HOME / "recoverer", HOME / "answerer", HOME / "clip"), threads=1)
    assert (found["side"], found["threads"]) == (384, 1)
    assert 0 < found["recover_seconds"] < found["run_seconds"]
    assert 300 < found["peak_mb"] < 2500
    with pytest.raises(ModelFailed, match="could not be measured: .*nowhere"):
        in_fresh_process(Folders(HOME / "nowhere", HOME / "answerer", HOME / "clip"))
