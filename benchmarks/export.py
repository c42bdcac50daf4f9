"""Releases at scale: memory, rows a second, equal bytes, and whether the gallery still answers meanwhile.

    python benchmarks/export.py [--json] [--ratings 100000] [--formats tables trl_preference …]

References: 200 MB of memory growth, and 300 ms for a page of the gallery at the 95th percentile while a release is
written by another process of the same database. Rows a second are compared with those of `tables` alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from common import row, show  # noqa: E402

from ru1_app.items import Role  # noqa: E402
from ru1_app.store.filters import Filters  # noqa: E402
from ru1_app.store.gallery_sql import GallerySql  # noqa: E402
from ru1_app.store.seen_sql import Viewer  # noqa: E402
from ru1_app.store.sql import Store  # noqa: E402
from tests.masses import fill  # noqa: E402

GROWTH, PAGE = 200.0, 0.3
FORMATS = ("tables", "trl_preference", "flow_grpo", "imagefolder")


def released(home: Path, formats: str, name: str) -> dict[str, Any]:
    """A release by a process of its own; the last line that it says."""
    arguments = [f"sqlite:///{home}/ru1.sqlite3", str(home / "blobs"), str(home / "releases"), formats, name]
    done = subprocess.run(
        [sys.executable, "-m", "tests.export_worker", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def pages(store: Store, over: threading.Event) -> list[float]:
    """Seconds of each page of the gallery, asked for as a person would, until it is over."""
    gallery, viewer, times = GallerySql(store.database), Viewer(role=Role.LEAD), []
    while not over.is_set():
        began = time.perf_counter()
        gallery.page(Filters(), viewer)
        times.append(time.perf_counter() - began)
        over.wait(0.2)
    return times


def main() -> None:
    """Fill, write twice, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    known, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = Store(f"sqlite:///{home}/ru1.sqlite3", home / "blobs")
        fill(store, known.ratings)
        over, times = threading.Event(), list[float]()
        asking = threading.Thread(target=lambda: times.extend(pages(store, over)))
        asking.start()
        first = released(home, ",".join(known.formats), "first")
        over.set()
        asking.join()
        plain = released(home, "tables", "plain")
        again = released(home, ",".join(known.formats), "second")
    if first["done"] != again["done"]:
        raise SystemExit("Two releases of the same labels differ.")
    rate = {name: told["judgements"] / told["seconds"] for name, told in (("all", again), ("tables", plain))}
    label = f"{known.ratings:,} ratings, {len(known.formats)} formats"
    rows = [
        row(f"{label}: memory growth", first["most"] - first["before"], "MB", GROWTH),
        row(f"{label}: ratings a second", rate["all"], "/s", rate["tables"]),
        row("gallery page meanwhile, p95", float(np.percentile(times, 95)), "s", PAGE),
    ]
    show(rows, parser)


if __name__ == "__main__":
    main()
