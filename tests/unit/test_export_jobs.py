"""Releases in the background: who may have what, progress, stopping, packing, and what stays."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ru1_app.config import Settings
from ru1_app.domain import RatingSource, Stage, Verdict
from ru1_app.errors import Forbidden, InvalidInput, NotFound, Unavailable
from ru1_app.export import Selection, differences, read_manifest
from ru1_app.export.jobs import background as background_module
from ru1_app.export.jobs.archive import archive_of
from ru1_app.export.jobs.background import ENDED, Background, Job, State, Step
from ru1_app.export.jobs.past import past_in
from ru1_app.export.jobs.releases import PASSING, PASSING_MOST, Looked, Releases
from ru1_app.export.jobs.tickets import Tickets
from ru1_app.items import Person, Role
from ru1_app.store import audit_sql
from ru1_app.store.audit_sql import broken, entries
from ru1_app.store.filters import Filters
from ru1_app.wiring import App
from tests.factories import make_case
from tests.labels import PASSWORD
from tests.released import build, rating

PAUSE = 0.02


@pytest.fixture
def app(settings: Settings) -> App:
    app = App(settings)
    build(app.store)
    return app


@pytest.fixture
def lead(app: App) -> Person:
    return app.accounts.add("lead", PASSWORD, Role.LEAD)


def ended(job: Callable[[], Job]) -> Job:
    deadline = time.monotonic() + 60
    while job().state not in ENDED:
        assert time.monotonic() < deadline
        time.sleep(PAUSE)
    return job()


def result(releases: Releases, person: Person | None, id_: str) -> Any:
    job = ended(lambda: releases.job(person, id_))
    assert job.state is State.DONE, job.error
    return job.result


def test_a_look_says_what_would_go_in_and_writes_nothing(app: App, lead: Person) -> None:
    found = result(app.releases, lead, app.releases.look(lead, Selection()))
    assert isinstance(found, Looked)
    assert (found.plan.considered, found.plan.kept) == (18, 14)
    assert found.plan.excluded == {"flagged by visitors only": 3, "without consent": 1}
    assert [len(part) for part in (found.preview.rows, found.preview.pairs, found.preview.texts)] == [6, 6, 6]
    pair = found.preview.pairs[0]
    assert {pair.chosen_sha, pair.rejected_sha, pair.corrupted_sha} <= {path.stem for path in blobs(app)}
    assert [text.wrong is None for text in found.preview.texts] == [False] * 4 + [True] * 2  # wrong answers first
    assert not app.settings.releases_dir.exists()
    assert found.plan.source.chosen == (), "what is remembered of a look does not grow with the store"


def blobs(app: App) -> list[Path]:
    return [path for path in app.settings.blob_dir.rglob("*") if path.is_file()]


def test_what_was_looked_at_is_what_is_made(app: App, lead: Person) -> None:
    looked = app.releases.look(lead, Selection())
    seen = result(app.releases, lead, looked).plan
    app.store.add_rating(rating("r30", "rater-a", Verdict.FAITHFUL, 0, created_at=datetime.now(UTC), item_id=None))
    same = result(app.releases, lead, app.releases.start(lead, Selection(), ["tables"], looked))
    assert (same.manifest.kept, same.manifest.judgements) == (seen.kept, seen.survey.judgements)
    other = result(app.releases, lead, app.releases.start(lead, Selection(test_share=0.2), ["tables"], looked))
    assert other.manifest.kept == seen.kept + 1  # another selection: judged up to now


def test_a_release_is_listed_told_and_checked(app: App, lead: Person) -> None:
    releases = app.releases
    first = result(releases, lead, releases.start(lead, Selection(), ["tables", "tables"]))
    (one,) = releases.past(lead)
    assert (one.name, one.digest, one.kept) == (first.name, first.manifest.digest, 14)
    assert one.formats == {"tables": {"test": 3, "train": 11}}
    assert one.size == sum(path.stat().st_size for path in releases.where(lead, one.name).rglob("*") if path.is_file())
    line = next(entry for entry in entries(app.store.database) if entry.action == "release")
    assert (line.actor, line.subject) == (lead.id, first.manifest.digest)
    assert '"selection"' in line.detail
    assert broken(app.store.database)[1] is None
    assert result(releases, lead, releases.verify(lead, one.name)) == []
    (releases.where(lead, one.name) / "README.md").unlink()
    assert result(releases, lead, releases.verify(lead, one.name)) == ["README.md is missing."]


def test_two_releases_of_one_second_have_two_names(app: App, lead: Person) -> None:
    at = datetime.now(UTC)
    releases = Releases(app.store, app.settings.releases_dir, app.settings.passing_dir, lambda: at)
    names = [result(releases, lead, releases.start(lead, Selection(), ["tables"])).name for _ in range(2)]
    assert names[1] == f"{names[0]}-2"
    assert [each.digest for each in releases.past(lead)] == [read_manifest(releases.folder / names[0]).digest] * 2


def test_unfinished_and_foreign_folders_are_no_releases(app: App, lead: Person) -> None:
    made = result(app.releases, lead, app.releases.start(lead, Selection(), ["tables"]))
    root = app.settings.releases_dir
    (root / ".unfinished-x" / "release").mkdir(parents=True)
    (root / "notes").mkdir()
    (root / "broken").mkdir()
    (root / "broken" / "manifest.json").write_text("{}")
    raw = json.loads((root / made.name / "manifest.json").read_text("utf-8"))
    for number, files in enumerate(
        ({"x": {}}, {"../x": {"sha256": "0", "bytes": 1}}, {"/x": {"sha256": "", "bytes": 1}}, [])
    ):
        (root / f"foreign-{number}").mkdir()
        (root / f"foreign-{number}" / "manifest.json").write_text(json.dumps({**raw, "files": files}))
        with pytest.raises(InvalidInput, match="not that of a release"):
            read_manifest(root / f"foreign-{number}")
    assert [each.name for each in past_in(root)] == [made.name]
    assert past_in(root / "nowhere") == []


def test_who_is_signed_out_gets_flags_of_what_no_rater_judged_alone(app: App) -> None:
    flag = {"source": RatingSource.VISITOR, "stage": Stage.OPEN, "item_id": None}
    app.store.add_rating(rating("r00", "visitor", Verdict.FAITHFUL, 0, id="flag-r00", **flag))  # raters judged that too
    made = result(app.releases, None, app.releases.start(None, Selection(least_raters=3, adjudicated=True), ["tables"]))
    assert (made.manifest.considered, made.manifest.kept, made.manifest.raters) == (3, 3, 1)
    assert made.manifest.selection["flags_only"] is True
    assert made.manifest.preferences["kept"] == {}
    assert app.releases.past(None) == []
    assert past_in(app.settings.releases_dir) == []
    assert app.releases.where(None, made.name).parent == app.settings.passing_dir
    line = next(entry for entry in entries(app.store.database) if entry.action == "release")
    assert line.actor == "visitor"


def test_no_filter_tells_who_is_signed_out_what_raters_said(app: App) -> None:
    wanted = Selection(filters=Filters(verdict=("faithful",)))
    found = result(app.releases, None, app.releases.look(None, wanted))
    assert (found.plan.considered, found.plan.excluded) == (0, {})


def test_raters_judge_blind_and_get_nothing(app: App, lead: Person) -> None:
    anna = app.accounts.add("anna", PASSWORD, Role.RATER)
    with pytest.raises(Forbidden, match="judge blind"):
        app.releases.look(anna, Selection())
    with pytest.raises(Forbidden, match="judge blind"):
        app.releases.start(anna, Selection(), ["tables"])
    with pytest.raises(Forbidden, match="Leads alone"):
        app.releases.push(anna, "x", "me/x")
    looked = app.releases.look(lead, Selection())
    with pytest.raises(NotFound):
        app.releases.job(anna, looked)
    with pytest.raises(NotFound):
        app.releases.job(app.accounts.add("other", PASSWORD, Role.LEAD), looked)
    result(app.releases, lead, looked)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a/b", "none", ".archives", "x\0", "x" * 300, 5])
def test_only_a_release_can_be_named(app: App, lead: Person, name: Any) -> None:
    app.settings.releases_dir.mkdir(parents=True)
    with pytest.raises(NotFound, match="no release"):
        app.releases.where(lead, name)


def test_wrong_formats_are_refused_before_anything_waits(app: App, lead: Person) -> None:
    with pytest.raises(InvalidInput, match="at least one format"):
        app.releases.start(lead, Selection(), [])
    with pytest.raises(InvalidInput, match="no format 'csv'"):
        app.releases.start(lead, Selection(), ["csv"])


def test_what_nothing_fits_ends_with_a_sentence(app: App, lead: Person) -> None:
    id_ = app.releases.start(lead, Selection(filters=Filters(text="bicycle")), ["tables"])
    job = ended(lambda: app.releases.job(lead, id_))
    assert (job.state, job.error.startswith("No judged case")) == (State.FAILED, True)
    assert app.releases.past(lead) == []


def test_a_stopped_release_leaves_nothing(app: App, lead: Person) -> None:
    for seed in range(60):
        case, images = make_case(seed)
        app.store.add_case(case, images)
        app.store.add_rating(rating(case.id, "rater-a", Verdict.FAITHFUL, 0, id=f"{case.id}-a", item_id=None))
    for share in (0.0, 0.2, 0.8):
        id_ = app.releases.start(lead, Selection(), ["tables"])
        while app.releases.job(lead, id_).share < share:
            assert app.releases.job(lead, id_).state not in ENDED
            time.sleep(0.001)
        app.releases.cancel(lead, id_)
        assert ended(lambda id_=id_: app.releases.job(lead, id_)).state is State.STOPPED  # type: ignore[misc]
    root = app.settings.releases_dir
    assert not root.exists() or list(root.iterdir()) == []
    assert not [entry for entry in entries(app.store.database) if entry.action == "release"]


def test_releases_of_who_is_signed_out_are_few_and_go(app: App) -> None:
    names = []
    for _ in range(PASSING_MOST + 1):
        made = result(app.releases, None, app.releases.start(None, Selection(), ["tables"]))
        result(app.releases, None, app.releases.pack(None, made.name))
        names.append(made.name)
    root = app.settings.passing_dir
    assert len(list(root.glob("[!.]*"))) == PASSING_MOST
    for name in names[-PASSING_MOST:]:
        old = time.time() - PASSING - 1
        os.utime(root / name, (old, old))
    made = result(app.releases, None, app.releases.start(None, Selection(), ["tables"]))
    assert [path.name for path in root.glob("[!.]*")] == [made.name]
    assert list((root / ".archives").iterdir()) == []


def test_an_archive_is_the_release_and_always_the_same_bytes(app: App, lead: Person, tmp_path: Path) -> None:
    made = result(app.releases, lead, app.releases.start(lead, Selection(), ["tables"]))
    path = result(app.releases, lead, app.releases.pack(lead, made.name))
    first = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    (folder,) = (each for each in tmp_path.iterdir() if each.name.startswith("ru1-"))
    assert folder.name == f"ru1-{made.manifest.digest[:12]}"
    assert differences(folder) == []
    shutil.copytree(app.releases.where(lead, made.name), tmp_path / "other" / "copy")
    assert archive_of(tmp_path / "other" / "copy").read_bytes() == first
    assert differences(app.releases.where(lead, made.name)) == []  # nothing was put into it
    word = app.releases.tickets.give(path)
    assert app.releases.tickets.file(word) == path
    for wrong in ("", "x", word[:-1]):
        with pytest.raises(NotFound, match="not good any more"):
            Tickets().file(wrong)


def test_jobs_run_one_after_the_other_and_may_be_stopped_while_they_wait() -> None:
    work, go, seen = Background(), threading.Event(), []

    def slow(step: Step) -> str:
        step("Slowly", 0.5)
        go.wait(30)
        seen.append("slow")
        return "slow"

    first = work.start("me", "slow", slow)
    second, third = (work.start("me", name, lambda step, name=name: seen.append(name)) for name in ("b", "c"))  # type: ignore[misc]
    while work.job(first).share < 0.5:
        time.sleep(PAUSE)
    assert [work.job(id_).ahead for id_ in (first, second, third)] == [0, 1, 2]
    assert work.job(third).state is State.WAITING
    work.cancel(second)
    assert work.job(second).state is State.STOPPED
    go.set()
    assert ended(lambda: work.job(third)).state is State.DONE
    assert (seen, work.job(first).result) == (["slow", "c"], "slow")
    again = work.start("me", "later", lambda step: 1)  # the thread has ended, and there is a new one
    assert ended(lambda: work.job(again)).result == 1


def test_a_bug_is_logged_and_told_as_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    work = Background()
    id_ = work.start("me", "bug", lambda step: 1 / 0)
    assert "Something failed on the server" in ended(lambda: work.job(id_)).error
    assert "ZeroDivisionError" in caplog.text
    with pytest.raises(NotFound, match="Begin anew"):
        work.job("unknown")


def test_whatever_a_library_raises_the_next_job_is_done() -> None:
    class Panic(BaseException):
        """As Rust's libraries raise it."""

    def panic(step: Step) -> None:
        raise Panic

    work = Background()
    first, second = work.start("me", "panic", panic), work.start("me", "next", lambda step: 1)
    assert ended(lambda: work.job(first)).state is State.FAILED
    assert ended(lambda: work.job(second)).result == 1


def test_a_release_that_the_audit_log_does_not_tell_of_is_not_there(
    app: App, lead: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*told: object) -> None:
        raise Unavailable("The database is locked.")

    monkeypatch.setattr(audit_sql, "tell", refuse)
    id_ = app.releases.start(lead, Selection(), ["labels_csv"])
    assert ended(lambda: app.releases.job(lead, id_)).error == "The database is locked."
    assert list(app.settings.releases_dir.iterdir()) == []


def test_too_much_is_refused_and_old_jobs_are_forgotten() -> None:
    work, go = Background(), threading.Event()
    first = work.start("me", "wait", lambda step: go.wait(30))
    while work.job(first).state is not State.RUNNING:
        time.sleep(PAUSE)
    for _ in range(background_module.WAITING):
        last = work.start("me", "next", lambda step: None)
    with pytest.raises(Unavailable, match="Too much is waiting"):
        work.start("me", "more", lambda step: None)
    go.set()
    ended(lambda: work.job(last))
    for _ in range(background_module.KEPT + 2):
        last = work.start("me", "many", lambda step: None)
        ended(lambda last=last: work.job(last))  # type: ignore[misc]
    with pytest.raises(NotFound):
        work.job(first)
