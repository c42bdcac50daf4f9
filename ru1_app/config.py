"""Settings: one frozen value, the only reader of the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ru1_app.errors import InvalidInput


def variable(name: str) -> str | None:
    """An environment variable that a list of models names, or None when it is not set or empty."""
    return os.environ.get(name) or None


def is_set_to(name: str, *values: str) -> bool:
    """Whether an environment variable is set to one of the values; "" is one too."""
    return os.environ.get(name) in values


ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Settings:
    """Every default of the app, once. Field `x_y` is read from the environment as `RU1_X_Y`."""

    data_dir: Path = ROOT / "data"  # SQLite file and image blobs
    models_dir: Path = ROOT / "assets" / "models"
    database_url: str = ""  # empty: SQLite in data_dir
    profile: str = "embedded"  # which of the built-in models: embedded, cpu, gpu or zerogpu
    models_file: str = ""  # a team's own list of models, YAML
    recoverer: str = ""  # empty: the profile's default
    answerer: str = ""
    memory_gb: float = 0.0  # that models may take together; 0 = nine tenths of the GPU's, or of the main memory
    clip: str = "embedded"  # "embedded" or "openai" (ViT-B/32, needs the model hub)
    host: str = "127.0.0.1"
    port: int = 7860
    threads: int = 0  # torch CPU threads; 0 = all cores
    max_bytes: int = 30_000_000  # of one uploaded file
    max_pixels: int = 64_000_000  # of one uploaded image, read from its header; above 89 million Pillow refuses it
    max_jpeg_pixels: int = 200_000_000  # of a baseline JPEG, which is read reduced when it is over max_pixels
    max_heavy_pixels: int = 48_000_000  # of a WebP, AVIF or JPEG 2000, whose decoders hold it several times
    max_aspect: float = 32.0
    min_side: int = 16
    max_side: int = 1024  # longer images are scaled down once, before anything is done to them
    seed: int = 0
    steps: int = 0  # 0: as many as the model's entry says
    samples: int = 1
    raters: tuple[str, ...] = ()  # Hugging Face names that are raters when they sign in
    leads: tuple[str, ...] = ()  # and those that are leads
    lease_seconds: int = 600  # an item that was shown and not judged goes back to the queue after this long
    overlap: int = 3  # raters for each item
    overlap_most: int = 5  # where they disagree
    queue_seed: int = 0  # of the draws that order the queue
    flags_per_hour: int = 20  # that one visitor's session may make
    accept_unsafe_store: bool = False  # SQLite also where the disk ignores locks

    @property
    def url(self) -> str:
        """The database as an SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir / 'ru1.sqlite3'), safe='/:')}"

    @property
    def blob_dir(self) -> Path:
        """Where image blobs are, by SHA-256."""
        return self.data_dir / "blobs"

    @property
    def releases_dir(self) -> Path:
        """Where releases of training data are, one folder each."""
        return self.data_dir / "releases"

    @property
    def passing_dir(self) -> Path:
        """Where releases of people who are not signed in are for a few hours."""
        return self.data_dir / "passing"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read `RU1_*`; a value of the wrong type raises `InvalidInput` naming the variable."""
        values: dict[str, object] = {}
        for name, field in cls.__dataclass_fields__.items():
            key = f"RU1_{name.upper()}"
            text = environ.get(key)
            if not text:
                continue
            values[name] = _value(key, text, field.default)
            _check(key, values[name])
        return cls(**values)  # type: ignore[arg-type]


LEAST = {"threads": 0, "seed": 0, "port": 1, "steps": 0, "memory_gb": 0, "queue_seed": 0}  # of all other numbers 1
MOST = {"port": 65_535, "seed": 2**32 - 1, "steps": 100, "samples": 16, "queue_seed": 2**32 - 1}
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _value(key: str, text: str, default: object) -> object:
    """The text as a value of the default's type: a tuple is separated by commas, a bool is 1 or 0."""
    if isinstance(default, bool):
        if text.lower() not in (*YES, *NO):
            raise InvalidInput(f"{key}={text!r} is neither 1 nor 0.")
        return text.lower() in YES
    if isinstance(default, tuple):
        return tuple(filter(None, (part.strip() for part in text.split(","))))
    kind: Callable[[str], object] = Path if isinstance(default, Path) else type(default)
    try:
        return kind(text)
    except ValueError:
        raise InvalidInput(f"{key}={text!r} is not a {type(default).__name__}.") from None


def _check(key: str, value: object) -> None:
    """Refuse a number that nothing can be done with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    name = key.removeprefix("RU1_").lower()
    least, most = LEAST.get(name, 1), MOST.get(name, math.inf)
    if not least <= value <= most:
        limits = f"at least {least}" if math.isinf(most) else f"from {least} to {most}"
        raise InvalidInput(f"{key}={value} is out of range; it must be {limits}.")
