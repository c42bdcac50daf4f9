"""Commands that list: corruptions, models, formats of releases."""

from __future__ import annotations

from typing import Any

from ru1_app.commands.base import Json, show


def corruptions(json_: Json = False) -> None:
    """List the corruptions: name, step of the imaging chain, what happens, and whether it is local or moves things."""
    from ru1_app.corruptions import CORRUPTIONS

    rows = [
        {"name": name, "label": e.label, "step": e.step, "physics": e.physics,
         "local": e.local is not None, "geometry": e.geometry.value}
        for name, e in CORRUPTIONS.items()
    ]  # fmt: skip
    show(rows, json_, [f"{row['name']:20} {row['step']:12} {row['physics']}" for row in rows])


def models(json_: Json = False) -> None:
    """List the models: what each can do, and whether it can be used here."""
    from ru1_app.wiring import wire

    rows = [
        {
            "name": state.entry.name, "label": state.entry.label, "roles": [role.value for role in state.entry.roles],
            "adapter": state.entry.adapter, "source": state.entry.source, "steps": state.entry.steps,
            "summary": state.entry.summary, "needs": state.entry.needs, "license": state.entry.license,
            "available": state.available, "reason": state.reason, "remedy": state.remedy,
        }
        for state in wire().states()
    ]  # fmt: skip
    show(rows, json_, [line for row in rows for line in _model_lines(row)])


def formats(json_: Json = False) -> None:
    """List the formats of releases: whose code reads each, what it can train and what it cannot."""
    from ru1_app.export import FORMATS

    rows = [
        {"name": name, "title": each.title, "consumer": each.consumer, "trains": each.trains, "cannot": each.cannot}
        for name, each in FORMATS.items()
    ]
    show(rows, json_, [line for row in rows for line in _format_lines(row)])


def _format_lines(row: dict[str, str]) -> list[str]:
    space = f"{'':18} "
    head = f"{row['name']:18} {row['title']}"
    return [head, f"{space}For: {row['consumer']}", space + row["trains"], f"{space}But: {row['cannot']}"]


def _model_lines(row: dict[str, Any]) -> list[str]:
    head = f"{row['name']:18} {', '.join(row['roles']):24} {row['source']}"
    return [
        head,
        f"{'':18} not here: {row['reason']}; {row['remedy']}" if row["reason"] else f"{'':18} {row['summary']}",
    ]
