"""Where the database lies: a disk that ignores locks is refused, one that a restart empties is told of."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ru1_app.config import ROOT, Settings
from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.store import places
from ru1_app.store.places import Mount, Place, PlaceKind, check_place, locks_work, mount_of, place_of
from ru1_app.wiring import wire

ROOT_MOUNT = Mount(Path("/"), "overlay")
LISTING = r"""22 1 8:1 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /data rw,relatime shared:5 master:2 - fuse.hf-mount org/bucket rw
31 30 0:41 / /data/fast\040disk rw - xfs /dev/vdb rw
32 22 0:42 / /srv rw - nfs4 host:/srv rw
33 22 0:43 / /srv rw - ext4 /dev/vdc rw
a line of another kind
"""
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#define IGNORING(name) int name(int fd, int cmd, ...) { \\
  va_list list; va_start(list, cmd); void *value = va_arg(list, void *); va_end(list); \\
  if (cmd == F_SETLK || cmd == F_SETLKW) return 0; \\
  if (cmd == F_GETLK) { ((struct flock *)value)->l_type = F_UNLCK; return 0; } \\
  return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, #name))(fd, cmd, value); }
IGNORING(fcntl)
IGNORING(fcntl64)
"""


@pytest.fixture
def on_mount(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(places, "mount_of", lambda path: Mount(Path("/data"), "fuse.hf-mount"))
    return monkeypatch


def test_a_local_disk_says_nothing(settings: Settings) -> None:
    assert place_of(settings.url) == Place(PlaceKind.LOCAL, True)
    app = wire(settings)
    assert app.store.count_cases() == 0
    assert app.store_note is None
    assert not list(settings.data_dir.glob(".ru1-probe*"))


@pytest.mark.parametrize("url", ["postgresql://db/ru1", "sqlite://", "nonsense"])
def test_where_there_is_no_file_there_is_nothing_to_look_at(url: str) -> None:
    assert check_place(url) == Place(PlaceKind.SERVER, True)


@pytest.mark.parametrize(
    ("path", "point", "type_", "far"),
    [
        ("/home/x", "/", "ext4", False),
        ("/data/ru1", "/data", "fuse.hf-mount", True),
        ("/data/fast disk/ru1", "/data/fast disk", "xfs", False),
        ("/database", "/", "ext4", False),
        ("/srv/x", "/srv", "ext4", False),  # mounted over the other
    ],
)
def test_the_mount_of_a_path_is_the_innermost(path: str, point: str, type_: str, far: bool) -> None:
    mount = mount_of(Path(path), LISTING)
    assert mount == Mount(Path(point), type_)
    assert mount.far is far


@pytest.mark.parametrize("type_", ["fuse", "fuse.s3fs", "s3fs", "hf-mount", "nfs", "nfs4", "cifs", "9p"])
def test_network_and_fuse_mounts_are_far(type_: str) -> None:
    assert Mount(Path("/"), type_).far


@pytest.mark.parametrize("type_", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "fuseblk", "zfs"])
def test_disks_of_this_machine_are_not(type_: str) -> None:
    assert not Mount(Path("/"), type_).far


def test_a_disk_that_ignores_locks_is_refused(
    settings: Settings, on_mount: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_mount.setattr(places, "locks_work", lambda folder: False)
    app = wire(settings)
    for ask in (lambda: app.store, lambda: app.store_note, lambda: app.people):
        with pytest.raises(Unavailable, match="fuse.hf-mount mount .* ignores file locks") as caught:
            ask()
    assert "local disk, or use PostgreSQL through RU1_DATABASE_URL" in str(caught.value)
    assert not (settings.data_dir / "ru1.sqlite3").exists()
    accepted = wire(replace(settings, accept_unsafe_store=True))
    with caplog.at_level(logging.WARNING):
        assert accepted.store.count_cases() == 0
    assert accepted.store_note is not None
    assert "two writers would damage it" in accepted.store_note
    assert accepted.store_note in caplog.text


def test_a_far_disk_with_locks_is_told_of(settings: Settings, on_mount: pytest.MonkeyPatch) -> None:
    place = check_place(settings.url)
    assert (place.kind, place.locks) == (PlaceKind.NETWORK, True)
    assert "let no other one use the same file" in (place.sentence or "")


@pytest.mark.parametrize(("far", "locks"), [(True, False), (False, True)])
def test_where_locks_cannot_be_tried_the_mount_decides(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, far: bool, locks: bool
) -> None:
    monkeypatch.setattr(places, "locks_work", lambda folder: None)
    monkeypatch.setattr(places, "mount_of", lambda path: Mount(Path("/"), "nfs" if far else "ext4"))
    assert place_of(settings.url).locks is locks


@pytest.mark.parametrize(
    ("mount", "kind"),
    [
        (ROOT_MOUNT, PlaceKind.EPHEMERAL),
        (None, PlaceKind.EPHEMERAL),
        (Mount(Path("/tmp"), "tmpfs"), PlaceKind.EPHEMERAL),
        (Mount(Path("/data"), "ext4"), PlaceKind.LOCAL),
        (Mount(Path("/data"), "fuse.hf-mount"), PlaceKind.NETWORK),
    ],
)
def test_a_space_says_what_a_restart_loses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, mount: Mount | None, kind: PlaceKind
) -> None:
    monkeypatch.setenv("SPACE_ID", "team/ru1")
    monkeypatch.setattr(places, "mount_of", lambda path: mount)
    app = wire(settings)
    assert app._place.kind is kind
    assert app.store.count_cases() == 0
    if kind is PlaceKind.EPHEMERAL:
        assert (app.store_note or "").startswith("What is stored here is lost when the Space restarts")


def test_the_probe_sees_sqlite_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locks_work(tmp_path) is True
    with_locks = places._address
    monkeypatch.setattr(places, "_address", lambda probe: with_locks(probe) + "?vfs=unix-none")
    assert locks_work(tmp_path) is False
    assert not list(tmp_path.iterdir())


@pytest.mark.service
@pytest.mark.skipif(shutil.which("cc") is None or sys.platform != "linux", reason="needs Linux and a C compiler")
def test_the_probe_sees_a_system_whose_locks_do_nothing(tmp_path: Path) -> None:
    """As on a bucket mount: every lock is granted. Two connections of one process would not have shown it."""
    (tmp_path / "shim.c").write_text(SHIM)
    shim = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c", "-ldl"], check=True)
    code = (
        "import pathlib, sys; from ru1_app.store.places import locks_work; print(locks_work(pathlib.Path(sys.argv[1])))"
    )
    for preload, said in (("", "True"), (str(shim), "False")):
        environ = {**os.environ, "LD_PRELOAD": preload}
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environ,
        )
        assert done.stdout.strip() == said


def test_a_folder_that_cannot_be_written_is_not_called_unsafe(tmp_path: Path) -> None:
    assert locks_work(tmp_path / "nothing") is None
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made"):
        check_place(f"sqlite:///{tmp_path}/file/ru1.sqlite3")


def test_the_settings_of_the_desk_are_read(tmp_path: Path) -> None:
    read = Settings.from_env({"RU1_RATERS": "ann, bob,,", "RU1_LEADS": "eve", "RU1_ACCEPT_UNSAFE_STORE": "1"})
    assert (read.raters, read.leads, read.accept_unsafe_store) == (("ann", "bob"), ("eve",), True)
    assert Settings.from_env({"RU1_ACCEPT_UNSAFE_STORE": "no"}) == Settings()
    assert Settings.from_env({"RU1_QUEUE_SEED": "0", "RU1_OVERLAP": "1"}).overlap == 1
    for key, text in (
        ("ACCEPT_UNSAFE_STORE", "maybe"),
        ("OVERLAP", "0"),
        ("FLAGS_PER_HOUR", "x"),
        ("QUEUE_SEED", "-1"),
    ):
        with pytest.raises(InvalidInput, match=f"RU1_{key}"):
            Settings.from_env({f"RU1_{key}": text})
