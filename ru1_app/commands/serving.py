"""Commands about served models: the parity gate."""

from __future__ import annotations

from typing import Annotated

import typer

from ru1_app.commands.base import Json, show
from ru1_app.errors import InvalidInput, ModelFailed


def parity(
    served: Annotated[str, typer.Argument(help="A name from `ru1 models` whose model is served.")],
    local: Annotated[str, typer.Option(help="The same model, loaded here.")] = "embedded",
    steps: Annotated[int | None, typer.Option(min=1, max=100)] = None,
    json_: Json = False,
) -> None:
    """Compare a served model with the local one on fixed inputs and seeds; exit code 1 when they differ."""
    from ru1_app.models.catalogue import Role
    from ru1_app.parity import Parity, compare, fixed_inputs
    from ru1_app.wiring import wire

    app = wire()
    entries = {}
    for name in (local, served):
        if name not in app.catalogue.entries:
            raise InvalidInput(f"There is no model {name!r}. There are: {', '.join(app.catalogue.entries)}.")
        entries[name] = app.catalogue.entries[name]
    roles = set(entries[local].roles) & set(entries[served].roles)
    recoverers = [app.recoverer(name) if Role.RECOVER in roles else None for name in (local, served)]
    answerers = [app.answerer(name) if Role.ANSWER in roles else None for name in (local, served)]
    count = steps or app.settings.steps or entries[local].steps
    *_, report = compare(
        (recoverers[0], answerers[0]), (recoverers[1], answerers[1]), fixed_inputs(), steps=count
    )  # fmt: skip
    assert isinstance(report, Parity)
    show(report.as_dict(), json_, report.lines())
    if not report.passed:
        raise ModelFailed("The served model does not do what the local one does; do not use it in its place.")
