"""A JSON Schema as one function, made once: whether a value fits, at a fraction of what a general validator takes.

It knows the keywords that our schemas use, and refuses to be made of others. What does not fit is left to
`jsonschema` to explain; a test holds that both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[Any], bool]

NOTES = frozenset(("$schema", "$id", "title", "version", "description", "format"))  # they ask for nothing
WITH_PROPERTIES = frozenset(("required", "additionalProperties"))
KINDS: Mapping[str, Fits] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def fitting(schema: Mapping[str, Any]) -> Fits:
    """Whether a value of plain JSON fits the schema.

    Raises:
        ValueError: the schema has a keyword that is not known here.
    """
    known = NOTES | WITH_PROPERTIES if "properties" in schema else NOTES
    checks = [_keyword(name, told, schema) for name, told in schema.items() if name not in known]
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _keyword(name: str, told: Any, schema: Mapping[str, Any]) -> Fits:
    match name:
        case "type":
            return _type([told] if isinstance(told, str) else told)
        case "const" | "enum":
            return _one_of([told] if name == "const" else told)
        case "pattern":
            search = re.compile(told).search
            return lambda value: not isinstance(value, str) or search(value) is not None
        case "minLength":
            return lambda value: not isinstance(value, str) or len(value) >= told
        case "minimum":
            return lambda value: not _is_number(value) or not value < told
        case "maximum":
            return lambda value: not _is_number(value) or not value > told
        case "items":
            fits = fitting(told)
            return lambda value: not isinstance(value, list) or all(map(fits, value))
        case "uniqueItems" if told is True:
            return lambda value: not isinstance(value, list) or all(a not in value[:n] for n, a in enumerate(value))
        case "properties" if schema.get("additionalProperties") is False:
            return _properties(told, frozenset(schema.get("required", ())))
    raise ValueError(f"The keyword {name!r} of the schema is not known: {told!r}.")


def _type(names: list[str]) -> Fits:
    kinds = [KINDS[name] for name in names]
    if len(kinds) == 1:
        return kinds[0]
    return lambda value: any(kind(value) for kind in kinds)


def _one_of(words: list[Any]) -> Fits:
    if not all(word is None or isinstance(word, str) for word in words):
        raise ValueError("Only texts and null are known in an enumeration.")  # 1, 1.0 and true are alike in Python
    return lambda value: value in words


def _properties(schemas: Mapping[str, Any], required: frozenset[str]) -> Fits:
    checks = {name: fitting(schema) for name, schema in schemas.items()}

    def fits(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        if not required <= value.keys() <= checks.keys():
            return False
        return all(checks[name](each) for name, each in value.items())

    return fits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
