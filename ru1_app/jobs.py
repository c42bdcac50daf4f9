"""Which file becomes which, for commands that take a file or a folder. Nothing is written over by accident."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ru1_app.errors import InvalidInput

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2"}
LONGEST = 200  # bytes of a stem: file systems allow 255, and a number and `.png` follow


@dataclass(frozen=True, slots=True)
class Job:
    """One input and where its pictures go: one for each draw, and the uncertainty map, if wanted."""

    source: Path
    targets: tuple[Path, ...]
    map: Path | None = None


class Names:
    """Hands out names in a folder, each once."""

    def __init__(self) -> None:
        self._taken: set[Path] = set()

    def free(self, folder: Path, stem: str) -> Path:
        """`stem.png`, or `stem-2.png` and so on where that is taken."""
        short = stem.encode()[:LONGEST].decode("utf-8", "ignore") or "picture"
        names = (folder / f"{short}{tail}.png" for tail in ("", *(f"-{k}" for k in range(2, 100_000))))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name


def plan(source: Path, out: Path, *, draws: int = 1, map_to: Path | None = None) -> list[Job]:
    """The jobs for a file, or for the images of a folder.

    Raises:
        InvalidInput: the folder holds no image, OUT is of the wrong kind, or a picture would be written over its
            source, another source or another picture.
    """
    sources = images_in(source) if source.is_dir() else [source]
    if source.is_dir() and out.is_file():
        raise InvalidInput(f"{str(source)!r} is a folder, so OUT must be one too; {str(out)!r} is a file.")
    many, names = source.is_dir() or out.is_dir(), Names()
    jobs = []
    for path in sources:
        first = names.free(out, path.stem) if many else _png(out)
        rest = [names.free(first.parent, f"{first.stem}-{k}") for k in range(2, draws + 1)]
        jobs.append(Job(path, (first, *rest), _map_name(map_to, first, many=source.is_dir())))
    check_targets([job.source for job in jobs], (path for job in jobs for path in (*job.targets, job.map) if path))
    return jobs


def check_targets(sources: Iterable[Path], targets: Iterable[Path]) -> None:
    """Refuse to write over a source, or twice to one place."""
    read, written = {path.resolve() for path in sources}, set()
    for target in targets:
        place = target.resolve()
        if place in read:
            raise InvalidInput(f"{str(target)!r} would be written over its own source. Name another OUT.")
        if place in written:
            raise InvalidInput(f"{str(target)!r} would be written twice. Name different places.")
        written.add(place)


def make_folders(targets: Iterable[Path]) -> None:
    """The folders of the targets; one that cannot be made raises `InvalidInput`."""
    for folder in dict.fromkeys(target.parent for target in targets):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{str(folder)!r} cannot be a folder to write to ({error.strerror}).") from error


def images_in(folder: Path) -> list[Path]:
    """The images of a folder in order of name; `InvalidInput` where it holds none."""
    found = sorted(path for path in _files(folder) if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InvalidInput(f"{str(folder)!r} holds no image ({', '.join(sorted(SUFFIXES))}).")
    return found


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file())


def _png(out: Path) -> Path:
    if out.suffix.lower() != ".png":
        raise InvalidInput(f"OUT is {str(out)!r}; give a .png file or a folder: other formats would lose pixels.")
    return out


def _map_name(map_to: Path | None, target: Path, *, many: bool) -> Path | None:
    if map_to is None:
        return None
    return map_to / target.name if many or map_to.is_dir() else map_to
