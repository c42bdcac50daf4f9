"""What a team may set for a model in its list: names and kinds of values are checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ru1_app.errors import InvalidInput


def checked(options: Mapping[str, Any], known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The options that are set (None is not), each of a kind that is allowed.

    Raises:
        InvalidInput: an option is unknown or of a wrong kind; the message says what there is.
    """
    values = {name: value for name, value in options.items() if value is not None}
    for name, value in values.items():
        if name not in known:
            raise InvalidInput(f"The option {name!r} is unknown. There are: {', '.join(sorted(known))}.")
        kinds = known[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise InvalidInput(f"The option {name!r} is {value!r}; it must be {wanted}.")
    return values
