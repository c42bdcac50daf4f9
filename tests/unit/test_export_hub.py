"""A push to the Hub: one commit of exactly the release, private unless asked, and no word of the token anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ru1_app.config import ROOT, Settings
from ru1_app.errors import InvalidInput
from ru1_app.export import Selection, hub, read_manifest, write_release
from ru1_app.store.audit_sql import entries
from ru1_app.store.database import Database
from ru1_app.store.sql import Store
from tests.hub_server import FIRST, SECOND, TOKEN, Hub
from tests.released import build

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    store = Store(f"sqlite:///{folder}/ru1.sqlite3", folder / "blobs")
    build(store)
    path, _ = write_release(store, folder / "made", Selection(), ["tables"], name="release")
    store.close()
    return path


class Pusher:
    """`ru1 release push` as a process of its own, with the real client of the Hub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(data_dir=folder / "data")
        self.environ = {**os.environ, "RU1_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT),
                        "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
                        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": TOKEN}  # fmt: skip

    def __call__(self, server: Hub, release: Path, *words: str, code: int = 0) -> Any:
        environ = {"HF_ENDPOINT": server.url, **self.environ}
        command = [sys.executable, "-m", "ru1_app", "release", "push", str(release), *(words or ("me/x",)), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=self.folder, check=False)
        assert done.returncode == code, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.strip() if code else json.loads(done.stdout)


@pytest.fixture
def push(tmp_path: Path) -> Pusher:
    return Pusher(tmp_path)


def committed(server: Hub) -> dict[str, bytes]:
    return {name: data for name, data in server.files.items() if name != ".gitattributes"}


def on_disk(release: Path) -> dict[str, bytes]:
    return {p.relative_to(release).as_posix(): p.read_bytes() for p in release.rglob("*") if p.is_file()}


def test_a_push_is_one_commit_of_the_whole_release_in_a_private_dataset(push: Pusher, made: Path) -> None:
    with Hub() as server:
        said = push(server, made)
        assert committed(server) == on_disk(made)
    digest = read_manifest(made).digest
    assert (said["private"], said["commit"], said["digest"]) == (True, SECOND, digest)
    (create,) = [call.json() for call in server.calls if call.path == "/api/repos/create"]
    assert create == {"name": "x", "organization": "me", "type": "dataset", "visibility": "private"}
    (lines,) = server.commits
    assert digest[:12] in lines[0]["value"]["summary"]
    assert digest in lines[0]["value"]["description"]
    assert lines[0]["value"]["parentCommit"] == FIRST
    assert {call.token for call in server.calls if "/lfs/" not in call.path} == {TOKEN}
    assert all(
        not call.token for call in server.calls if call.path.startswith("/lfs/")
    )  # that address is signed itself
    last = list(entries(Database(push.settings.url)))[-1]
    assert (last.actor, last.action, last.subject) == ("system", "release_pushed", digest)
    assert TOKEN not in last.detail


def test_a_dry_run_calls_nothing_and_says_what_would_be_sent(push: Pusher, made: Path) -> None:
    del push.environ["HF_TOKEN"]
    with Hub() as server:
        said = push(server, made, "me/x", "--dry-run")
    assert server.calls == []
    assert {each["path"]: each["size"] for each in said["operations"]} == {
        name: len(data) for name, data in on_disk(made).items()
    }
    assert not push.settings.data_dir.exists()


def test_public_is_said_on_purpose_and_a_private_push_never_lands_in_public(push: Pusher, made: Path) -> None:
    with Hub() as server:
        assert push(server, made, "me/x", "--public")["private"] is False
        count = len(server.commits)
        assert "everybody can read it" in push(server, made, "me/x", code=2)
        assert len(server.commits) == count


def test_files_of_an_earlier_release_go_and_other_files_stay(push: Pusher, made: Path) -> None:
    earlier = {"files": {"old/test.parquet": {}, "README.md": {}}}
    with Hub(exists=True) as server:
        server.files |= {"old/test.parquet": b"1", "notes.txt": b"mine", "manifest.json": json.dumps(earlier).encode()}
        assert push(server, made)["removed"] == ["old/test.parquet"]
        assert committed(server) == on_disk(made) | {"notes.txt": b"mine"}
        assert len(server.commits) == 1


def test_a_release_that_was_changed_is_not_pushed(push: Pusher, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("better")
    with Hub() as server:
        assert "README.md was changed" in push(server, tmp_path / "copy", code=2)
        assert "There is no release" in push(server, tmp_path / "none", code=1)
    assert server.calls == []


@pytest.mark.parametrize(
    ("part", "status", "says"),
    [
        ("create", 401, "does not know the token in HF_TOKEN"),
        ("create", 403, "may not write to me/x"),
        ("preupload", 404, "The Hub has no me/x"),
        ("commit", 412, "Somebody else changed me/x"),
        ("commit", 400, "The Hub refused (400)"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence_without_the_token(
    push: Pusher, made: Path, part: str, status: int, says: str
) -> None:
    with Hub(refuse={f"/{part}": status}) as server:
        said = push(server, made, code=1)
    assert says in said
    assert said.startswith("ru1: ")
    assert "\n" not in said
    assert server.commits == []


def test_without_a_token_or_a_line_it_says_what_to_do(push: Pusher, made: Path) -> None:
    with Hub() as server:
        push.environ["HF_HUB_OFFLINE"] = "1"
        assert "HF_HUB_OFFLINE is set" in push(server, made, code=1)
        push.environ["HF_HUB_OFFLINE"] = "0"
        del push.environ["HF_TOKEN"]
        assert "set HF_TOKEN" in push(server, made, code=1)
    push.environ |= {"HF_TOKEN": TOKEN, "HF_ENDPOINT": "http://127.0.0.1:9"}
    assert "cannot be reached" in push(server, made, code=1)
    assert server.calls == []


@pytest.mark.parametrize(
    "name", ["", "x", "me/", "/x", "me/x/y", "me/x y", "me/..", "me/x--y", "me/x.git", "../x", "mé/x"]
)
def test_what_is_no_name_of_a_repository_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="owner/name"):
        hub.check_name(name)
