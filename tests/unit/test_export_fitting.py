"""The fast check of records says what the validator of JSON Schema says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ru1_app.export import Selection, plan
from ru1_app.export.values.fitting import fitting
from ru1_app.export.values.records import to_record
from ru1_app.protocol import record_schema
from tests.released import LATER, store_in

FITS = fitting(record_schema())
VALIDATOR = Draft202012Validator(record_schema())
JUNK = st.sampled_from(
    [None, True, False, 0, 1, -1, 2.0, 0.5, 1.5, 9, float("inf"), float("nan"), "", "x", "0" * 64, "0" * 64 + "\n", [],
     ["x", "x"], {}, {"x": 1}]
)  # fmt: skip


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    store = store_in(tmp_path_factory.mktemp("records"))
    return [to_record(*each) for each in plan(store, Selection(visitors=True), LATER).source.rows()]


def spoil(value: Any, data: st.DataObject) -> Any:
    """The value with something in it replaced, removed, added or repeated."""
    if not value or not isinstance(value, dict | list) or data.draw(st.integers(0, 4)) == 0:
        return data.draw(JUNK)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, way = data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(("into", "into", "into", "less", "more")))
    if way == "into":
        value[key] = spoil(value[key], data)
    elif way == "less":
        del value[key]
    elif isinstance(value, dict):
        value["more"] = data.draw(JUNK)
    else:
        value.append(value[key])
    return value


def test_what_is_released_fits(records: list[dict[str, Any]]) -> None:
    assert records
    assert all(FITS(record) for record in records)


@given(st.data())
def test_it_agrees_with_the_validator_on_spoilt_records(records: list[dict[str, Any]], data: st.DataObject) -> None:
    spoilt = spoil(copy.deepcopy(data.draw(st.sampled_from(records))), data)
    assert FITS(spoilt) == VALIDATOR.is_valid(spoilt)


@pytest.mark.parametrize(
    "schema",
    [{"oneOf": []}, {"required": ["a"]}, {"properties": {"a": {"multipleOf": 2}}, "additionalProperties": False},
     {"properties": {}}, {"enum": [1]}],
)  # fmt: skip
def test_a_keyword_that_it_does_not_know_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="known"):
        fitting(schema)
