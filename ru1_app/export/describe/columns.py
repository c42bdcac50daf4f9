"""The columns of a Parquet file as a Croissant record set: how each value is taken out, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ru1_app.protocol import record_schema

IMAGE = "sc:ImageObject"
RAW_IMAGES = "jpg_"  # how the columns of image bytes that are no image features begin


def record_set(config: str, path: Path) -> dict[str, Any]:
    """The record set of a configuration, from the schema of one of its files."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    fields = [_field(config, column.name, column.type) for column in schema]
    return {"@type": "cr:RecordSet", "@id": config, "name": config, "field": fields}


def _field(config: str, name: str, kind: Any) -> dict[str, Any]:
    import pyarrow.types as pt

    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{config}/{name}", "name": name, **_meaning(config, name)}
    repeated = pt.is_list(kind) or pt.is_large_list(kind)
    inner = kind.value_type if repeated else kind
    if repeated:
        field["repeated"] = True
    if _is_image(inner):
        return {**field, "dataType": IMAGE, "source": _source(config, name, "bytes")}
    if pt.is_struct(inner):
        return {**field, "subField": list(_inner(config, name, inner))}
    data_type = IMAGE if name.startswith(RAW_IMAGES) else _type(inner)
    return {**field, "dataType": data_type, "source": _source(config, name)}


def _inner(config: str, name: str, kind: Any) -> Iterator[dict[str, Any]]:
    """The values of a struct; what is nested deeper is left to the Parquet schema."""
    import pyarrow.types as pt

    for each in kind:
        value = each.type.value_type if pt.is_list(each.type) else each.type
        if not pt.is_nested(value):
            id_ = f"{config}/{name}/{each.name}"
            source = _source(config, name, each.name)
            yield {"@type": "cr:Field", "@id": id_, "name": each.name, "dataType": _type(value), "source": source}


def _is_image(kind: Any) -> bool:
    """As `datasets` stores an image."""
    import pyarrow.types as pt

    return bool(pt.is_struct(kind)) and {each.name for each in kind} == {"bytes", "path"}


def _source(config: str, column: str, inner: str = "") -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": column}}
    return {**source, "transform": {"jsonPath": inner}} if inner else source


def _type(kind: Any) -> str:
    import pyarrow.types as pt

    if pt.is_boolean(kind):
        return "sc:Boolean"
    if pt.is_integer(kind):
        return "sc:Integer"
    if pt.is_floating(kind):
        return "sc:Float"
    return "sc:DateTime" if pt.is_timestamp(kind) else "sc:Text"


def _meaning(config: str, name: str) -> dict[str, str]:
    """What the record's schema says of a column of the samples."""
    told = record_schema()["properties"].get(name, {}) if config == "samples" else {}
    return {"description": told["description"]} if "description" in told else {}
