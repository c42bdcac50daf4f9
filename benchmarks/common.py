"""What the benchmarks share: timing and output."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any


def median_seconds(work: Callable[[], Any], repeats: int = 10) -> float:
    """Median wall time of `repeats` calls after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def row(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    """One result; `ratio` is value / reference."""
    return {
        "name": name,
        "value": float(f"{value:.5g}"),
        "unit": unit,
        "reference": float(f"{reference:.5g}"),
        "ratio": round(value / reference, 3),
    }


def show(rows: list[dict[str, Any]], parser: argparse.ArgumentParser | None = None) -> None:
    """Print the rows, as JSON with `--json`; `parser` knows the benchmark's other options, if it has any."""
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    if parser.parse_args().json:
        print(json.dumps(rows, indent=2))
        return
    for entry in rows:
        print(
            f"{entry['name']:48} {entry['value']:10.4g} {entry['unit']:3} "
            f"reference {entry['reference']:.4g}  ratio {entry['ratio']:.2f}"
        )
