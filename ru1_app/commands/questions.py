"""Commands that ask: answer, and reason in one pass."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ru1_app.commands.base import MAX_SEED, Json, Model, show
from ru1_app.errors import InvalidInput, ModelFailed

Options = Annotated[list[str] | None, typer.Option(help="An option; give two to four.")]


def answer(
    corrupted: Annotated[Path, typer.Argument(help="The corrupted image.")],
    question: Annotated[str, typer.Option(help="The question.")],
    recovery: Annotated[Path | None, typer.Option(help="The recovered image.")] = None,
    option: Options = None,
    model: Model = None,
    json_: Json = False,
) -> None:
    """Answer a question from the corrupted image and, with --recovery, from it and from both."""
    from ru1_app.asking import ask, make_question
    from ru1_app.intake import read_file
    from ru1_app.wiring import wire

    asked = make_question(question, tuple(option or ()))
    if asked is None:
        raise InvalidInput("The question is empty. Type what you want to know of the image.")
    app = wire()
    images = [None if path is None else read_file(path, app.settings).image for path in (corrupted, recovery)]
    assert images[0] is not None
    records = ask(app.answerer(model or ""), asked, images[0], images[1])
    document = {record.condition.value: asdict(record.answered) for record in records}
    show(document, json_, [_answer_line(name, row) for name, row in document.items()])


def _answer_line(name: str, row: dict[str, Any]) -> str:
    sure = "" if row["confidence"] is None else f"  ({row['confidence']:.0%})"
    return f"{name:10} {row['text']}{sure}{'  - ' + row['note'] if row['note'] else ''}"


def reason(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The corrupted image.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="PNG file for the recovery.")],
    question: Annotated[str, typer.Option(help="The question.")],
    option: Options = None,
    model: Model = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED)] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=100)] = None,
    json_: Json = False,
) -> None:
    """Recover an image and answer a question in one pass; prints what the model wrote, and its answer."""
    from ru1_app.asking import make_question
    from ru1_app.images import write_png
    from ru1_app.intake import read_file
    from ru1_app.jobs import make_folders, plan
    from ru1_app.models.base import Reasoned, ReasonRequest
    from ru1_app.models.catalogue import Role
    from ru1_app.wiring import wire

    asked = make_question(question, tuple(option or ()))
    if asked is None:
        raise InvalidInput("The question is empty. Type what you want to know of the image.")
    (job,) = plan(source, out)
    app = wire()
    entry = app.check(model or "", Role.REASON)
    first = app.settings.seed if seed is None else seed
    image = read_file(job.source, app.settings).image
    reasoner = app.reasoner(entry.name)
    request = ReasonRequest(image, asked, first, steps or app.settings.steps or entry.steps)
    done = next(event for event in reasoner.reason(request) if isinstance(event, Reasoned))
    if done.recovered is None:
        raise ModelFailed(f"The model answered without making an image. It said: {done.trace[:300]!r}.")
    make_folders(job.targets)
    write_png(job.targets[0], done.recovered.images[0])
    document = {
        "out": str(job.targets[0]), "model": asdict(reasoner.ref), "seed": first, "trace": done.trace,
        "answer": asdict(done.answered), "seconds": round(done.recovered.seconds, 3),
    }  # fmt: skip
    show(document, json_, [done.trace, f"answer     {done.answered.choice or done.answered.text}"])
