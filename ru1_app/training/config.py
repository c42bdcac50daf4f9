"""One config file per recipe: TOML with defaults, overridden key by key, checked against a dataclass."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from ru1_app.corruptions import CORRUPTIONS, Geometry
from ru1_app.errors import InvalidInput

T = TypeVar("T")

STILL = tuple(name for name, entry in CORRUPTIONS.items() if entry.geometry is not Geometry.MOVED)
"""The corruptions that leave things where they are, so that the clean image is what a recovery should equal."""

REPORTED = (
    "motion_blur", "low_light", "fog", "defocus_blur", "gaussian_noise", "shot_noise",
    "impulse_noise", "jpeg", "pixelate", "block_lost", "gaussian_blur", "contrast_loss",
)  # fmt: skip
"""The twelve corruptions that `eval_recoverer` and `eval_answerer` report, in the order of the cards."""


def load_config(kind: type[T], path: Path, overrides: Sequence[str] = ()) -> T:
    """Read `path` and apply `key=value` overrides (TOML values).

    `rewards.clip=0.4` changes one entry of a table, `rewards={ssim=1.0}` the whole table.

    Raises:
        InvalidInput: a key is unknown or missing, or an override is not `key=value`.
    """
    values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    for text in overrides:
        values |= _override(values, text)
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - names):
        raise InvalidInput(f"Unknown keys {unknown} in {path.name}; there are {sorted(names)}.")
    if missing := sorted(names - values.keys()):
        raise InvalidInput(f"{path.name} lacks {missing}.")
    return kind(**values)


def _override(values: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What `--set text` changes."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise InvalidInput(f"--set {text!r} is not key=value with a TOML value.") from None
    if "." not in text.partition("=")[0]:
        return given
    if single := [name for name in given if not isinstance(values.get(name, {}), dict)]:
        raise InvalidInput(f"--set {text!r} names an entry of {single[0]!r}, which is no table.")
    return {name: values.get(name, {}) | entries for name, entries in given.items()}
