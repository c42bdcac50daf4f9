"""Files that strangers might give: a right picture or one sentence, quickly, in little memory, through every way in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ru1_app.config import ROOT, Settings
from ru1_app.errors import InvalidInput
from ru1_app.images import Image8, from_png
from ru1_app.intake import Intake, read_file, read_image, safe_name
from tests.hostile import FILES, Expect, Hostile, write_all
from tests.hostile.pieces import encode, quarters

IDLE = """
import resource, sys
from ru1_app.cli import main
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    main()
finally:
    print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_all(tmp_path_factory.mktemp("hostile") / "files")


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and len(text) < 400 and "Traceback" not in text


def check(file: Hostile, image: Image8, notes: str) -> None:
    height, width = image.shape[:2]
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert file.size in (None, (width, height))
    for probe in file.probes:
        off = np.abs(image[probe.y, probe.x].astype(int) - probe.rgb)
        assert off.max() <= probe.off, (probe, image[probe.y, probe.x])
    assert all(words in notes for words in file.says), notes
    assert not any(words in notes for words in file.silent), notes


def test_the_suite_is_as_large_as_it_says() -> None:
    groups = Counter(file.group for file in FILES)
    least = {
        "size": 7, "modes": 7, "alpha": 7, "depth": 7, "exif": 11, "gps": 1, "animated": 4, "huge": 2, "bombs": 8,
        "broken": 7, "no image": 12, "formats": 12, "icc": 4, "values": 3, "names": 9, "control": 2,
    }  # fmt: skip
    assert all(groups[name] >= count for name, count in least.items()), groups
    assert len({file.name for file in FILES}) == len(FILES) >= 103


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.group}: {ascii(file.name)[:40]}")
def test_a_file_is_read_rightly_or_refused_in_one_sentence(
    file: Hostile, places: dict[str, Path], recwarn: pytest.WarningsRecorder
) -> None:
    began = time.perf_counter()
    taken: Intake | None = None
    refusal = ""
    try:
        taken = read_file(places[file.name], Settings())
    except InvalidInput as error:
        refusal = str(error)
    assert time.perf_counter() - began < 10
    assert not recwarn.list
    if taken is None:
        assert file.expect is not Expect.ACCEPT, refusal
        assert is_one_sentence(refusal)
        assert all(words in refusal for words in file.says), refusal
    else:
        assert file.expect is not Expect.REJECT, taken.notes
        check(file, taken.image, "; ".join(taken.notes))
        assert taken.name == safe_name(file.name)


def test_the_command_line_says_the_same_of_all_in_bounded_memory(places: dict[str, Path], tmp_path: Path) -> None:
    environ = {**os.environ, "RU1_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    before = {path: path.stat().st_mtime_ns for path in next(iter(places.values())).parent.iterdir()}
    files = ["--", *map(str, places.values())]
    done = subprocess.run(
        [sys.executable, "-c", IDLE, "check", "--json", "--out", str(tmp_path / "out"), *files],
        cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    rows = json.loads(done.stdout)
    idle, peak = (int(value) for value in done.stderr.splitlines()[-1].split())
    assert done.returncode == 2
    assert (peak - idle) * 1024 < 1e9
    assert len(rows) == len(FILES)
    written = set()
    for file, row in zip(FILES, rows, strict=True):
        assert row["accepted"] or is_one_sentence(row["reason"])
        assert file.expect in (Expect.EITHER, Expect.ACCEPT if row["accepted"] else Expect.REJECT), row
        if row["accepted"]:
            written.add(Path(row["png"]).resolve())
            check(file, from_png((tmp_path / row["png"]).read_bytes()), "; ".join(row["notes"]))
    assert len(written) == sum(row["accepted"] for row in rows)  # no picture was written over another
    assert {path.resolve() for path in (tmp_path / "out").iterdir()} == written
    assert not (tmp_path / "data").exists()
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("kind", ["folder", "missing", "pipe", "device", "loop"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "it.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    with pytest.raises(InvalidInput) as caught:
        read_file(path, Settings())
    assert is_one_sentence(str(caught.value))


def test_a_link_to_a_picture_is_the_picture(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(encode(quarters()))
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    assert read_file(tmp_path / "link.png", Settings()).name == "link.png"


SOUND = {
    "PNG": encode(quarters()), "JPEG": encode(quarters(), "JPEG"), "GIF": encode(quarters(), "GIF"),
    "WEBP": encode(quarters(), "WEBP"), "TIFF": encode(quarters(), "TIFF"), "BMP": encode(quarters(), "BMP"),
}  # fmt: skip


@given(
    kind=st.sampled_from(list(SOUND)),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=6),
)
@hypothesis_settings(max_examples=300, deadline=None)
def test_any_damage_gives_a_picture_or_one_sentence(kind: str, cut: float, flips: list[tuple[float, int]]) -> None:
    data = bytearray(SOUND[kind])
    for place, mask in flips:
        data[int(place * (len(data) - 1))] ^= mask
    refusal, sides = "Nothing was said.", 0
    try:
        sides = read_image(bytes(data[: int(cut * len(data))] if cut < 0.9 else data), "damaged", Settings()).image.ndim
    except InvalidInput as error:
        refusal = str(error)
    assert sides == 3 or is_one_sentence(refusal)


@given(st.text(max_size=300))
@hypothesis_settings(max_examples=300, deadline=None)
def test_any_name_becomes_one_that_can_be_shown(name: str) -> None:
    shown = safe_name(name)
    assert 0 < len(shown) <= 120
    assert not set(shown) & set('/\\<>"|?*\n\r\t\0')
    assert shown.isprintable()
    assert safe_name(shown) == shown
