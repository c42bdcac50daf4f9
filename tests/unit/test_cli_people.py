"""`ru1 users` and `ru1 audit` on the command line."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import sqlite3
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ru1_app.config import ROOT, Settings
from ru1_app.items import Role
from ru1_app.wiring import wire

pytestmark = pytest.mark.service
PASSWORD = "correct horse"


class Cli:
    """Runs `ru1` with a data folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "RU1_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}

    def __call__(self, *words: str, code: int = 0, typed: str = "") -> Any:
        command = [sys.executable, "-m", "ru1_app", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=self.environ, check=False, input=typed
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        if code:
            assert done.stderr.startswith("ru1: ")
            assert done.stderr.count("\n") == 1
            return done.stderr.strip()
        return json.loads(done.stdout) if "--json" in words else done.stdout.strip()

    def on_terminal(self, *words: str, typed: list[bytes]) -> tuple[int, str]:
        """Exit code, and what is seen on a terminal where each of `typed` answers a question."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(sys.executable, [sys.executable, "-m", "ru1_app", *words], self.environ)
        seen = b""
        while select.select([terminal], [], [], 60)[0]:
            try:
                seen += os.read(terminal, 1000)
            except OSError:
                break  # the program ended
            if typed and seen.rstrip().endswith(b":"):
                while b"[y/N]" not in seen and termios.tcgetattr(terminal)[3] & termios.ECHO:
                    time.sleep(0.01)  # the question is seen before the echo is off
                os.write(terminal, typed.pop(0))
                seen += b"|"
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def settings_of(cli: Cli) -> Settings:
    return Settings(data_dir=cli.folder / "data")


def test_people_are_added_listed_changed_and_forgotten(cli: Cli) -> None:
    assert "Nobody yet" in cli("users", "list")
    said = cli("users", "add", "ann", "--role", "lead", "--password-stdin", typed=PASSWORD + "\n")
    assert said.startswith("ann may sign in as lead;")
    (row,) = cli("users", "list", "--json")
    assert (row["name"], row["provider"], row["role"]) == ("ann", "local", "lead")
    assert row["id"] in said
    assert "secret" not in row
    assert cli("users", "role", "ann", "admin") == "ann is admin now."
    assert wire(settings_of(cli)).accounts.sign_in("ann", PASSWORD)[1].role.value == "admin"
    assert cli("users", "forget", "ann", "--yes").startswith("Forgotten.")
    (row,) = cli("users", "list", "--json")
    assert row["name"] is None
    assert row["forgotten_at"]
    assert "(forgotten)" in cli("users", "list")


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("add", "ann", "--password-stdin"), "named 'ann' already", 1),
        (("add", "no spaces", "--password-stdin"), "is not allowed", 2),
        (("add", "bob", "--role", "boss", "--password-stdin"), "boss", 2),
        (("add", "bob"), "pipe it in with --password-stdin", 2),
        (("role", "bob", "lead"), "Nobody is named 'bob'", 1),
        (("role", "ann", "boss"), "boss", 2),
        (("forget", "ann"), "say --yes", 2),
        (("forget", "bob", "--yes"), "Nobody is named 'bob'", 1),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(cli: Cli, words: tuple[str, ...], says: str, code: int) -> None:
    people = wire(settings_of(cli)).people
    ann = people.add("ann", Role.RATER, "system", datetime.now(UTC))
    assert says in cli("users", *words, code=code, typed=PASSWORD)
    assert people.all() == [ann]


def test_a_short_password_is_refused(cli: Cli) -> None:
    assert "has 5 characters; 10 to 200" in cli("users", "add", "ann", "--password-stdin", typed="short\n", code=2)
    assert cli("users", "list", "--json") == []


def test_a_terminal_is_asked_without_an_echo(cli: Cli) -> None:
    code, seen = cli.on_terminal("users", "add", "ann", typed=[PASSWORD.encode() + b"\n"] * 2)
    assert code == 0, seen
    assert "ann may sign in as rater" in seen
    assert PASSWORD not in seen
    code, seen = cli.on_terminal("users", "add", "bob", typed=[b"\x03"])
    assert (code != 0, "Traceback" in seen) == (True, False), seen
    assert [row["name"] for row in cli("users", "list", "--json")] == ["ann"]
    code, seen = cli.on_terminal("users", "forget", "ann", typed=[b"n\n"])
    assert code == 2
    assert "Nothing was forgotten." in seen
    assert cli.on_terminal("users", "forget", "ann", typed=[b"y\n"])[0] == 0
    assert [row["name"] for row in cli("users", "list", "--json")] == [None]


def fill(cli: Cli, count: int = 3) -> None:
    app = wire(settings_of(cli))
    for number in range(count):
        app.accounts.hugging_face(f"person-{number}")
    app.store.close()


def test_the_log_is_verified(cli: Cli) -> None:
    assert cli("audit", "verify", "--json") == {"lines": 0, "verifies": True, "last_hash": "0" * 64, "wrong": None}
    fill(cli)
    document = cli("audit", "verify", "--json")
    assert (document["lines"], document["verifies"]) == (3, True)
    assert cli("audit", "verify") == f"3 lines verify; the last hash is {document['last_hash']}."
    cli("audit", "verify", "--seen", document["last_hash"])
    path = settings_of(cli).data_dir / "ru1.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM audit WHERE number = 3")
    assert "2 lines verify" in cli("audit", "verify")
    assert "lines were removed" in cli("audit", "verify", "--seen", document["last_hash"], code=1)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE audit SET actor = 'somebody' WHERE number = 2")
    said = cli("audit", "verify", code=1)
    assert said == "ru1: The audit log does not verify: line 2 was changed after it was written."
    assert "line 2 was changed" in cli("audit", "verify", "--json", code=1)


def test_the_export_can_be_checked_by_anyone(cli: Cli) -> None:
    fill(cli)
    said = cli("audit", "export", "log.jsonl")
    lines = [json.loads(line) for line in (cli.folder / "log.jsonl").read_text().splitlines()]
    previous = "0" * 64
    for number, line in enumerate(lines, 1):
        fields = [previous, number, line["at"], line["actor"], line["action"], line["subject"], line["detail"]]
        previous = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
        assert line["hash"] == previous
    assert said == f"log.jsonl: 3 lines; the last hash is {previous}."
    assert "person-0" not in (cli.folder / "log.jsonl").read_text()
    assert "exists already" in cli("audit", "export", "log.jsonl", code=2)
    assert "does not exist" in cli("audit", "export", "nowhere/log.jsonl", code=2)


def test_an_export_that_fails_leaves_nothing(cli: Cli) -> None:
    fill(cli)
    with sqlite3.connect(settings_of(cli).data_dir / "ru1.sqlite3") as raw:
        raw.execute("UPDATE audit SET at = 'no moment' WHERE number = 3")
    for words in (("export", "log.jsonl"), ("verify",)):
        assert "a line holds a moment that cannot be read" in cli("audit", *words, code=1)
    assert [path.name for path in cli.folder.iterdir()] == ["data"]
