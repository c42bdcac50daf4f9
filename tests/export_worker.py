"""A process of its own that writes a release: it says how far it is, and how much memory it took, as JSON lines."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ru1_app.export import Selection, write_release
from ru1_app.store.sql import Store
from tests.masses import END


def memory() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def say(**values: object) -> None:
    """One line."""
    print(json.dumps(values), flush=True)


def main(url: str, blobs: str, root: str, formats: str, name: str) -> None:
    """Write the release, then once more a small part of it would make no difference: imports are counted apart."""
    import datasets  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    store = Store(url, Path(blobs))
    store.count_cases()
    before, most = memory(), 0.0
    began = time.perf_counter()

    def step(what: str, share: float) -> None:
        nonlocal most
        most = max(most, memory())
        say(what=what, share=share)

    _, manifest = write_release(store, Path(root), Selection(), formats.split(","), name=name, until=END, step=step)
    seconds = time.perf_counter() - began
    rows = {each: sum(written.rows.values()) for each, written in manifest.formats.items()}
    say(done=manifest.digest, before=before, most=max(most, memory()), seconds=seconds, rows=rows,
        judgements=manifest.judgements)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
