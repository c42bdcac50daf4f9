"""How a checkpoint is used, from the options of a model's entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ru1_app.errors import InvalidInput
from ru1_app.models.bagel.edit import Sight
from ru1_app.models.bagel.settings import (
    SOUND,
    UPSTREAM,
    UPSTREAM_NOISE,
    Renorm,
    Resize,
    Sampling,
    Settings,
    Writing,
)

EDIT = Sampling(renorm_min=1.0)  # upstream's app: no renormalisation
NUMBER: tuple[type, ...] = (int, float)
SAMPLING: Mapping[str, tuple[type, ...]] = {
    "shift": NUMBER, "text_scale": NUMBER, "image_scale": NUMBER, "interval": (list, tuple), "renorm": (str,),
    "renorm_min": NUMBER, "noise_level": NUMBER,
}  # fmt: skip
OPTIONS: Mapping[str, tuple[type, ...]] = {
    **SAMPLING, "devices": (str, dict), "dtype": (str,), "quantize": (str,), "offload": (bool,), "sight": (str,),
    "think": (bool,), "upstream_compatible": (bool,), "max_iterations": (int,), "max_length": (int,),
    "temperature": NUMBER, "latent_resize": (list, tuple), "vision_resize": (list, tuple),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """How the model is used; the defaults are those of Robust-U1's app (edit) and demo (reason)."""

    edit: Sampling = EDIT
    reason: Sampling = Sampling()
    writing: Writing = Writing()
    sight: Sight = Sight.LATENT
    think: bool = False
    max_iterations: int = 5
    settings: Settings = field(default_factory=Settings)


def use_of(options: Mapping[str, Any]) -> Use:
    """The use that checked options ask for.

    Raises:
        InvalidInput: a value is none that there is.
    """
    try:
        sampling = _sampling(options)
        resizes = {key: Resize(*options[key]) for key in ("latent_resize", "vision_resize") if key in options}
        plain = {key: options[key] for key in ("think", "max_iterations") if key in options}
        return Use(
            replace(EDIT, **sampling),
            replace(Sampling(), **sampling),
            Writing(**{key: options[key] for key in ("max_length", "temperature") if key in options}),
            Sight(options.get("sight", Sight.LATENT)),
            settings=Settings(**resizes, choices=UPSTREAM if options.get("upstream_compatible") else SOUND),
            **plain,
        )
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"An option of the model is none that there is: {error}.") from error


def _sampling(options: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that options make to a sampling."""
    changes: dict[str, Any] = {"noise_level": UPSTREAM_NOISE} if options.get("upstream_compatible") else {}
    changes |= {key: options[key] for key in SAMPLING if key in options}
    if "renorm" in changes:
        changes["renorm"] = Renorm(changes["renorm"])
    if "interval" in changes:
        low, high = changes["interval"]
        changes["interval"] = (float(low), float(high))
    return changes
