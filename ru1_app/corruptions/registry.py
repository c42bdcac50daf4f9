"""All corruptions by name, in the order of the imaging chain."""

from __future__ import annotations

from ru1_app.corruptions import camera, channel, decoding, encoding, enhancement, environment, sensor
from ru1_app.corruptions.base import Corruption
from ru1_app.errors import InvalidInput

CORRUPTIONS: dict[str, Corruption] = {
    name: entry
    for module in (environment, camera, sensor, encoding, channel, decoding, enhancement)
    for name, entry in module.ENTRIES.items()
}


def entry_of(name: str) -> Corruption:
    """The registry's entry; an unknown name raises `InvalidInput` with those that there are."""
    if name not in CORRUPTIONS:
        raise InvalidInput(f"There is no corruption {name!r}. There are: {', '.join(CORRUPTIONS)}.")
    return CORRUPTIONS[name]
