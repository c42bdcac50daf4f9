"""A selection from what a person types: a saved view and `key=value` settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ru1_app.errors import InvalidInput
from ru1_app.export.cases.selection import Selection
from ru1_app.store.sql import Store
from ru1_app.store.views_sql import Views

PREFIX = "filters."


def selection_of(store: Store, view: str, settings: Sequence[str]) -> Selection:
    """The filters of the view (none without one), then the settings; `filters.x=…` adds to the filters.

    Raises:
        NotFound: there is no such view.
        InvalidInput: a setting is unknown or of the wrong kind.
    """
    filters: dict[str, Any] = Views(store.database).view(view).filters.to_dict() if view else {}
    raw: dict[str, Any] = {}
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign:
            raise InvalidInput(f"{text[:64]!r} is no setting; write it as least_raters=2.")
        target, key = (filters, name.removeprefix(PREFIX)) if name.startswith(PREFIX) else (raw, name)
        target[key] = _value(value)
    return Selection.from_dict({**raw, "filters": filters})


def _value(text: str) -> Any:
    """JSON where it is, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
