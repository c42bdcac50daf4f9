"""The answers of a case side by side. No Gradio; every text of a person or a model is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ru1_app.domain import CANNOT_TELL, Answered, AnswerRecord, Case, Condition, Question, Reading
from ru1_app.ui import view

LETTERS = "ABCD"
CONDITIONS = {
    Condition.CORRUPTED: "From the corrupted image",
    Condition.RECOVERED: "From the recovered image",
    Condition.BOTH: "From both",
}


def answers(case: Case) -> str:
    """The three answers side by side, and whether the recovery changed what the model says."""
    if not case.answers:
        return view.small("No question was asked. Type one to see whether the recovery changes the answer.")
    question = case.sample.question
    asked = f'<p class="ru1-question">{escape(question.text)}</p>{_right(question)}' if question else ""
    cards = "".join(_answer(record, question) for record in case.answers)
    notes = {record.answered.note for record in case.answers if record.answered.note}
    warning = "".join(view.notice(note, "bad") for note in sorted(notes))
    said = f'{asked}{badge(case.answers)}<div class="ru1-answers">{cards}</div>{over_draws(case)}{warning}'
    return said + trace(case)


def trace(case: Case) -> str:
    """What the model wrote while it recovered."""
    if not case.recovery.trace:
        return ""
    return (
        '<details class="ru1-trace"><summary>What the model wrote while recovering</summary>'
        f"<blockquote>{escape(case.recovery.trace)}</blockquote></details>"
    )


def over_draws(case: Case) -> str:
    """How far the answers agree when each draw takes the place of the recovery."""
    lines = []
    for each in case.sample_answers:
        answer, count = each.most
        where = CONDITIONS[each.condition].lower()
        said = escape(in_words(answer, case.sample.question))
        lines.append(f"<li><b>{count} of {len(each.said)}</b> draws say <b>{said}</b>, {where}.</li>")
    return f'<ul class="ru1-agree">{"".join(lines)}</ul>' if lines else ""


def in_words(answer: str, question: Question | None) -> str:
    """A letter with the words of its option; any other answer as it is."""
    letters = dict(zip(LETTERS, question.options if question else (), strict=False))
    return f"{answer}. {letters[answer]}" if answer in letters else answer or "nothing"


def _right(question: Question) -> str:
    if question.expected is None:
        return ""
    return f'<p class="ru1-small">The right answer is <b>{escape(in_words(question.expected, question))}</b>.</p>'


def badge(records: Sequence[AnswerRecord]) -> str:
    """Whether the final answer (both images) differs from that of the corrupted image alone."""
    said = {record.condition: record.answered.choice or record.answered.text.casefold() for record in records}
    first, last = said.get(Condition.CORRUPTED), said.get(Condition.BOTH)
    if first is None or last is None:
        return ""
    if first != last:
        return '<span class="ru1-badge ru1-warn">Recovery changed the answer</span>'
    return '<span class="ru1-badge">Recovery did not change the answer</span>'


def _answer(record: AnswerRecord, question: Question | None) -> str:
    answered, expected = record.answered, question.expected if question else None
    known = answered.confidence is not None and answered.in_scope  # of other questions it knows nothing
    sure = "" if not known else f'<span class="ru1-small">{answered.confidence:.0%} confident</span>'
    mark = ""
    if expected is not None:
        mark = _mark(answered, expected)
    bare = answered.text.strip(" .()") == answered.choice  # a letter alone is shown with its words
    text = escape(in_words(answered.choice or "", question) if bare else answered.text) or "no answer"
    scope = "" if answered.in_scope else '<p class="ru1-small">Outside what this model was trained for.</p>'
    label = CONDITIONS[record.condition]
    shares = _shares(answered) if answered.in_scope else ""
    return (
        f'<div class="ru1-card"><h4>{label}</h4><p class="ru1-value"><b>{text}</b>{mark}</p>{sure}{shares}'
        f"{_reading(answered.reading)}{scope}</div>"
    )


def _mark(answered: Answered, expected: str) -> str:
    """Right, wrong, or that no answer was given."""
    if answered.text == CANNOT_TELL:
        return '<span class="ru1-change">no answer</span>'
    said = answered.choice or answered.text.strip()
    right = said.casefold() == expected.casefold()
    return f'<span class="ru1-change ru1-{"good" if right else "bad"}">{"✓ right" if right else "✗ wrong"}</span>'


def _shares(answered: Answered) -> str:
    """How the model weighs the options, where it says so."""
    bars = "".join(
        f'<span class="ru1-share" title="{letter}: {share:.1%}">'
        f'<i style="height:calc({share:.3f} * 1.5rem)"></i>{letter}</span>'
        for letter, share in zip(LETTERS, answered.probabilities, strict=False)
    )
    words = ", ".join(f"{letter} {share:.0%}" for letter, share in zip(LETTERS, answered.probabilities, strict=False))
    return f'<span class="ru1-shares" role="img" aria-label="Options weighed: {words}">{bars}</span>' if bars else ""


def _reading(reading: Reading | None) -> str:
    """What the model says of the damage, and why."""
    if reading is None:
        return ""
    kinds = "".join(
        f'<span class="ru1-chip">{escape(each.type)}{f" · {escape(each.degree)}" if each.degree else ""}</span>'
        for each in reading.degradations
    )
    damage = f'<p class="ru1-small">Damage it sees: {kinds}</p>' if kinds else ""
    parts = {"Influence": reading.influence, "Reasoning": reading.reasoning, "Conclusion": reading.conclusion}
    told = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in parts.items() if text)
    return damage + (f"<details><summary>Why</summary><dl>{told}</dl></details>" if told else "")
