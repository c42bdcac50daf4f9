"""Two recoveries of one corrupted image side by side: pictures, scores, answers. No Gradio."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from ru1_app.domain import AnswerRecord, Condition, PairKind, Question
from ru1_app.pipeline import RunResult
from ru1_app.scoring.base import ScorerSpec
from ru1_app.ui import answers_view, scores_view, view

Specs = Mapping[str, ScorerSpec]


def versus(labels: tuple[str, str], results: tuple[RunResult, RunResult], specs: Specs) -> str:
    """The comparison of two models on the same input and seed."""
    first, names = results[0], tuple(escape(label) for label in labels)
    told = view.small(f"The same corrupted image, seed {first.case.recovery.seed}.")
    tables = _scores(labels, results, specs) + _answers(labels, results)
    return (
        f'<section class="ru1-versus"><h3>{names[0]} against {names[1]}</h3>{told}'
        f"{_pictures(labels, results)}{tables}</section>"
    )


def _pictures(labels: tuple[str, str], results: tuple[RunResult, RunResult]) -> str:
    first = results[0]
    shown = [("corrupted", first.images[first.case.sample.corrupted_sha])]
    shown += [
        (label, result.images[result.case.recovery.image_sha]) for label, result in zip(labels, results, strict=True)
    ]
    if first.case.sample.reference_sha is not None:
        shown.append(("clean", first.images[first.case.sample.reference_sha]))
    pictures = "".join(view.picture(view.png_uri(data), f"{name} image", name) for name, data in shown)
    return f'<div class="ru1-draws">{pictures}</div>'


def _scores(labels: tuple[str, str], results: tuple[RunResult, RunResult], specs: Specs) -> str:
    known = results[0].case.sample.reference_sha is not None
    pair = PairKind.RECOVERED_REFERENCE if known else PairKind.RECOVERED_CORRUPTED
    rows = "".join(
        _row(spec, PairKind.RECOVERED_CORRUPTED if spec.of_input else pair, results)
        for spec in specs.values()
        if spec.reference
    )
    against = "against the clean image" if known else "against the corrupted input: agreement, not quality"
    return _table("Score", labels, rows, against)


def _row(spec: ScorerSpec, pair: PairKind, results: tuple[RunResult, RunResult]) -> str:
    found = [result.score(spec.name, pair) for result in results]
    values = [None if record is None else record.score.value for record in found]
    if all(value is None for value in values):
        return ""
    best = None
    if values[0] is not None and values[1] is not None and values[0] != values[1]:
        best = int((values[1] > values[0]) == spec.higher_is_better)
    cells = "".join(
        f"<td>{'<b>' if k == best else ''}{scores_view.number(None if r is None else r.score, spec)}"
        f"{'</b> better' if k == best else ''}</td>"
        for k, r in enumerate(found)
    )
    return f"<tr><th>{escape(spec.label)}</th>{cells}</tr>"


def _answers(labels: tuple[str, str], results: tuple[RunResult, RunResult]) -> str:
    question = results[0].case.sample.question
    if question is None:
        return ""
    rows = ""
    for condition in Condition:
        records = [result.answer(condition) for result in results]
        if any(record is not None for record in records):
            cells = "".join(f"<td>{_said(record, question)}</td>" for record in records)
            rows += f"<tr><th>{answers_view.CONDITIONS[condition]}</th>{cells}</tr>"
    return _table("Answer", labels, rows, question.text)


def _said(record: AnswerRecord | None, question: Question) -> str:
    if record is None:
        return "–"
    return escape(answers_view.in_words(record.answered.choice or record.answered.text, question))


def _table(what: str, labels: tuple[str, str], rows: str, caption: str) -> str:
    heads = "".join(f"<th>{escape(label)}</th>" for label in labels)
    return (
        f'<table class="ru1-table"><caption>{escape(caption)}</caption><thead><tr><th>{what}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
