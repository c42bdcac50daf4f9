"""Flagged cases as training data. An export appears whole or not at all."""

from __future__ import annotations

import errno
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ru1_app.domain import Rating, RatingSource, Verdict
from ru1_app.errors import ExportFailed, InvalidInput
from ru1_app.export.card import write_card
from ru1_app.export.flow_grpo import write_flow_grpo
from ru1_app.export.manifest import Manifest, write_manifest
from ru1_app.export.parquet import write_records
from ru1_app.export.records import check_record, shown_rating, to_record
from ru1_app.store.sql import Store

__all__ = ["FORMATS", "Filters", "Manifest", "export", "export_zip"]

Record = Mapping[str, Any]
Writer = Callable[[Store, Iterable[Record], Path], int]
WRITERS: dict[str, Writer] = {"records": write_records, "flow_grpo": write_flow_grpo}
FORMATS = {
    "records": "Parquet with images, and JSONL",
    "flow_grpo": "Flow-GRPO restoration folder (cases with a reference)",
    "all": "Both",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases; None takes all."""

    verdict: Verdict | None = None
    source: RatingSource | None = None
    corruption: str | None = None

    def fits(self, rating: Rating) -> bool:
        """Whether the judgement that is shown is one of these: a case may hold others beside it."""
        return self.verdict in (None, rating.verdict) and self.source in (None, rating.source)

    def as_dict(self) -> dict[str, str]:
        """Those that are set."""
        pairs = {"verdict": self.verdict, "source": self.source, "corruption": self.corruption}
        return {name: str(value) for name, value in pairs.items() if value is not None}


@dataclass
class _Tally:
    """Cases by id, noted while a writer draws records: with two writers each is still counted once."""

    skipped: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unconfirmed: set[str] = field(default_factory=set)

    def counts(self) -> dict[str, int]:
        """How many were left out, by reason."""
        return {reason: len(cases) for reason, cases in self.skipped.items()}


def export(store: Store, out: Path, format: str = "records", filters: Filters | None = None) -> Manifest:
    """Write an export to the new folder `out`.

    Raises:
        InvalidInput: unknown format, `out` exists and is not empty, or there is nothing to export.
        ExportFailed: the disk refused; nothing is left behind.
    """
    if format not in FORMATS:
        raise InvalidInput(f"There is no format {format!r}. There are: {', '.join(FORMATS)}.")
    out = out.resolve()
    if out == Path.cwd():
        raise InvalidInput("The current folder cannot be the export itself. Name a new folder.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(f"{str(out)!r} exists already. Name a new folder.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as part:
            manifest = _write(store, Path(part) / "export", format, filters or Filters())
            if out.exists():
                out.rmdir()
            (Path(part) / "export").rename(out)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another export was quicker
            raise InvalidInput(f"{str(out)!r} exists already. Name a new folder.") from error
        raise ExportFailed(f"The export could not be written: {error.strerror}.") from error
    return manifest


def export_zip(store: Store, path: Path, format: str = "records", filters: Filters | None = None) -> Path:
    """The same as one .zip file at `path`, replaced if it exists. Images are stored, not compressed again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as part:
            folder = Path(part) / "folder"
            export(store, folder, format, filters)
            whole = Path(part) / "archive.zip"
            with zipfile.ZipFile(whole, "w") as archive:
                for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                    archive.write(file, Path(path.stem) / file.relative_to(folder))
            whole.replace(path)
    except OSError as error:
        raise ExportFailed(f"The export could not be written: {error.strerror}.") from error
    return path


def _write(store: Store, folder: Path, format_: str, filters: Filters) -> Manifest:
    folder.mkdir()
    tally, counts = _Tally(), {}
    for name in WRITERS if format_ == "all" else (format_,):
        records = _records(store, filters, tally, reference=name == "flow_grpo")
        counts[name] = WRITERS[name](store, records, folder)
    if not any(counts.values()):
        raise InvalidInput(_why_empty(tally))
    write_card(folder, counts)
    return write_manifest(folder, format_, filters.as_dict(), counts, len(tally.unconfirmed), tally.counts())


def _records(store: Store, filters: Filters, tally: _Tally, *, reference: bool) -> Iterator[Record]:
    for case in store.iter_cases(verdict=filters.verdict, source=filters.source, corruption=filters.corruption):
        rating = shown_rating(case)
        if rating is None:
            tally.skipped["without consent"].add(case.id)
        elif not filters.fits(rating):
            tally.skipped["another judgement is the one shown"].add(case.id)
        elif reference and case.sample.reference_sha is None:
            tally.skipped["flow_grpo: without a reference"].add(case.id)
        elif not store.has_images(case):
            tally.skipped["an image is missing or damaged"].add(case.id)
        else:
            if rating.source is RatingSource.VISITOR:
                tally.unconfirmed.add(case.id)
            yield check_record(to_record(case, rating))


def _why_empty(tally: _Tally) -> str:
    if tally.skipped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in tally.counts().items())
        return f"No case fits this export ({reasons}). Choose another format or other filters."
    return "No flagged cases yet. Recover an image, flag the recovery, then export."
