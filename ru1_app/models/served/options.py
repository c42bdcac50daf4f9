"""What may be set for a served model. Both roles take the same options, as one entry of a list has both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from ru1_app.errors import InvalidInput
from ru1_app.models.options import checked

_NUMBER = (int, float)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "connect": _NUMBER, "timeout": _NUMBER, "total": _NUMBER, "retries": (int,), "backoff": _NUMBER,
    "parallel": (int,), "max_tokens": (int,), "style": (str,), "prompt": (str,), "extra": (dict,),
}  # fmt: skip
_LIMITS = {"retries": (0, 20), "parallel": (1, 64), "max_tokens": (1, 100_000), "backoff": (0, 60)}
_DAY = 86_400


class Style(StrEnum):
    """How a server edits images."""

    IMAGES = "images"  # POST /images/edits
    CHAT = "chat"  # POST /chat/completions, whose answer carries an image


@dataclass(frozen=True, slots=True)
class Options:
    """Time-outs in seconds: `connect` to get through, `timeout` without a byte, `total` for one request with all its
    tries. `extra` fields go into each request as they are and win over ours.
    """

    connect: float = 10.0
    timeout: float = 300.0
    total: float = 900.0
    retries: int = 3  # after the first try
    backoff: float = 0.5  # the first pause, which doubles
    parallel: int = 4  # requests of one `answer()` at a time
    max_tokens: int = 1024
    style: Style = Style.IMAGES
    prompt: str = "Please restore this corrupted image to its clean version."  # as Robust-U1 asks
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """The options that a person set, and the defaults of the others.

        Raises:
            InvalidInput: one is unknown, of a wrong kind or out of range; the message says what is allowed.
        """
        values = checked(given, _KINDS)
        for option in fields(cls):
            value = values.get(option.name)
            if isinstance(value, int | float):
                least, most = _LIMITS.get(option.name, (0.01, _DAY))
                if not (math.isfinite(value) and least <= value <= most):
                    raise InvalidInput(f"The option {option.name!r} is {value}; it must be from {least} to {most}.")
        if "style" in values:
            if values["style"] not in set(Style):
                raise InvalidInput(f"The option 'style' is {values['style']!r}; it must be 'images' or 'chat'.")
            values["style"] = Style(values["style"])
        try:
            json.dumps(values.get("extra"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The option 'extra' holds what JSON cannot ({error}).") from error
        return cls(**values)
