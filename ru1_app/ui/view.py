"""Shapes values into HTML for the page. No Gradio; every text of a person or a model is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

import cv2
import numpy as np

from ru1_app.domain import AnswerRecord, Case, Condition, PairKind, Question, Score
from ru1_app.images import Image8, png_bytes
from ru1_app.scoring.base import ScorerSpec

CONDITIONS = {
    Condition.CORRUPTED: "From the corrupted image",
    Condition.RECOVERED: "From the recovered image",
    Condition.BOTH: "From both",
}
PREVIEW_SIDE = 640  # longest side of a preview; results are shown whole
SMALL = {"ssim": 0.005, "psnr": 0.1, "clip": 0.005}  # changes below this are shown as "about the same"


def png_uri(data: bytes) -> str:
    """PNG bytes as they are, for an `img`: nothing is encoded again, nothing is written to disk."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def image_uri(image: Image8) -> str:
    """An RGB uint8 image as a lossless data address."""
    return png_uri(png_bytes(image))


def preview_uri(image: Image8) -> str:
    """The same, quicker and larger: for pictures that change while a slider moves."""
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise RuntimeError("OpenCV could not encode the preview")
    return png_uri(data.tobytes())


def reduced(image: Image8, side: int) -> Image8:
    """The image with its longest side at most `side`, for previews and lists only."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def picture(uri: str, alt: str, caption: str = "") -> str:
    """One image with its caption."""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="ru1-picture"><img src="{uri}" alt="{escape(alt)}">{words}</figure>'


def notice(text: str, kind: str = "info") -> str:
    """A line for the person; `kind` is info, busy, good or bad."""
    return f'<p class="ru1-notice ru1-{kind}" role="status">{escape(text)}</p>'


def small(text: str) -> str:
    """A quiet line."""
    return f'<p class="ru1-small">{escape(text)}</p>'


def header(title: str, text: str) -> str:
    """The top of a page."""
    return f'<header class="ru1-head"><h1>{escape(title)}</h1><p>{escape(text)}</p></header>'


def progress(text: str, fraction: float, preview: Image8 | None = None) -> str:
    """What is being done, with a bar and the recovery as it stands."""
    done = round(100 * min(1.0, max(0.0, fraction)))
    image = "" if preview is None else picture(image_uri(reduced(preview, PREVIEW_SIDE)), "The recovery as it stands")
    return (
        f'<div class="ru1-progress"><p class="ru1-notice ru1-busy" role="status">{escape(text)}…</p>'
        f'<progress max="100" value="{done}" aria-label="Progress">{done} %</progress>{image}</div>'
    )


def empty_result() -> str:
    """What the result's place shows before the first run."""
    return (
        '<div class="ru1-empty"><p><b>The recovery appears here.</b></p>'
        "<p>Give an image or pick an example, choose what damages it, and press <b>Recover</b>.</p></div>"
    )


def draws(images: Sequence[Image8]) -> str:
    """The further draws of a run with several samples."""
    if len(images) < 2:
        return ""
    shown = "".join(picture(image_uri(im), f"Draw {k}", f"draw {k}") for k, im in enumerate(images, start=1))
    return f'<p class="ru1-small">All draws; the first is the recovery.</p><div class="ru1-draws">{shown}</div>'


def scores(case: Case, specs: Mapping[str, ScorerSpec]) -> str:
    """The score strip: before → after with a reference, else agreement with the input, said so."""
    values = {(record.score.scorer, record.pair): record.score for record in case.scores}
    known = case.sample.reference_sha is not None
    cards = "".join(_card(spec, values, known) for spec in specs.values())
    head = "Corrupted → recovered, each against the clean image" if known else "Recovered against the corrupted input"
    hint = "" if known else " There is no clean image: this is agreement with the input, <b>not quality</b>."
    return f'<p class="ru1-small">{head}.{hint}</p><div class="ru1-scores">{cards}</div>'


def _card(spec: ScorerSpec, values: Mapping[tuple[str, PairKind], Score], known: bool) -> str:
    if known:
        before = values.get((spec.name, PairKind.CORRUPTED_REFERENCE))
        after = values.get((spec.name, PairKind.RECOVERED_REFERENCE))
        body = f"{number(before, spec)} → <b>{number(after, spec)}</b>{change(before, after, spec)}"
    else:
        body = f"<b>{number(values.get((spec.name, PairKind.RECOVERED_CORRUPTED)), spec)}</b>"
    model = f"<br>Measured with {escape(spec.model)}." if spec.model else ""
    named = f'<span class="ru1-small">{escape(spec.model)}</span>' if spec.model else ""
    return (
        f'<div class="ru1-card"><h4>{escape(spec.label)}</h4><p class="ru1-value">{body}</p>{named}'
        f"<details><summary>What it is</summary>{escape(spec.definition)} "
        f"<b>Cannot see:</b> {escape(spec.blind_to)}{model}</details></div>"
    )


def number(score: Score | None, spec: ScorerSpec) -> str:
    """The value with its unit, or why there is none."""
    if score is None:
        return "–"
    if score.value is None:
        return escape(score.reason or "not scored")
    return f"{score.value:.1f} {spec.unit}" if spec.name == "psnr" else f"{score.value:.3f}"


def change(before: Score | None, after: Score | None, spec: ScorerSpec) -> str:
    """Better or worse in words and sign, not by colour alone."""
    if before is None or after is None or before.value is None or after.value is None:
        return ""
    delta = after.value - before.value
    if abs(delta) < SMALL.get(spec.name, 0.0):
        return '<span class="ru1-change">about the same</span>'
    good = (delta > 0) == spec.higher_is_better
    digits = 1 if spec.name == "psnr" else 3
    word, kind, arrow = ("better", "good", "▲") if good else ("worse", "bad", "▼")
    return f'<span class="ru1-change ru1-{kind}">{arrow} {delta:+.{digits}f} {word}</span>'


def answers(case: Case) -> str:
    """The three answers side by side, and whether the recovery changed what the model says."""
    if not case.answers:
        return small("No question was asked. Type one to see whether the recovery changes the answer.")
    question = case.sample.question
    asked = f'<p class="ru1-question">{escape(question.text)}</p>{_right(question)}' if question else ""
    expected = question.expected if question else None
    cards = "".join(_answer(record, expected) for record in case.answers)
    notes = {record.answered.note for record in case.answers if record.answered.note}
    warning = "".join(notice(note, "bad") for note in sorted(notes))
    return f'{asked}{badge(case.answers)}<div class="ru1-answers">{cards}</div>{warning}'


def _right(question: Question) -> str:
    if question.expected is None:
        return ""
    letters = dict(zip("ABCD", question.options, strict=False))
    words = f"{question.expected}. {letters[question.expected]}" if question.expected in letters else question.expected
    return f'<p class="ru1-small">The right answer is <b>{escape(words)}</b>.</p>'


def badge(records: Sequence[AnswerRecord]) -> str:
    """Whether the final answer (both images) differs from that of the corrupted image alone."""
    said = {record.condition: record.answered.choice or record.answered.text.casefold() for record in records}
    first, last = said.get(Condition.CORRUPTED), said.get(Condition.BOTH)
    if first is None or last is None:
        return ""
    if first != last:
        return '<span class="ru1-badge ru1-warn">Recovery changed the answer</span>'
    return '<span class="ru1-badge">Recovery did not change the answer</span>'


def _answer(record: AnswerRecord, expected: str | None) -> str:
    answered = record.answered
    known = answered.confidence is not None and answered.in_scope  # of other questions it knows nothing
    sure = "" if not known else f'<span class="ru1-small">{answered.confidence:.0%} confident</span>'
    mark = ""
    if expected is not None:
        said = answered.choice or answered.text.strip()
        right = said.casefold() == expected.casefold()
        mark = f'<span class="ru1-change ru1-{"good" if right else "bad"}">{"✓ right" if right else "✗ wrong"}</span>'
    text = escape(answered.text) or "no answer"
    scope = "" if answered.in_scope else '<p class="ru1-small">Outside what this model was trained for.</p>'
    label = CONDITIONS[record.condition]
    return f'<div class="ru1-card"><h4>{label}</h4><p class="ru1-value"><b>{text}</b>{mark}</p>{sure}{scope}</div>'


def provenance(case: Case, seconds: Mapping[str, float]) -> str:
    """One line that says how to make this again."""
    model = case.recovery.model
    parts = [
        f"corruption {case.sample.corruption or 'none (as it is)'}",
        f"model {model.id} {model.revision}",
        f"seed {case.recovery.seed}",
        *(f"{name} {value:.2f} s" for name, value in seconds.items()),
    ]
    return f'<p class="ru1-small">{escape(" · ".join(parts))}</p>'
