"""The scores of a case: against the clean image, each image alone, by damage, consistency. No Gradio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from ru1_app.domain import Case, PairKind, Score
from ru1_app.scorecard import INSIDE, MOVED, OUTSIDE
from ru1_app.scoring.base import ScorerSpec
from ru1_app.scoring.psnr import IDENTICAL
from ru1_app.scoring.risk import NAME as RISK
from ru1_app.ui import risk_view

Values = Mapping[tuple[str, PairKind], Score]
Specs = Mapping[str, ScorerSpec]
SMALL = {"ssim": 0.005, "ms_ssim": 0.005, "psnr": 0.1, "clip": 0.005, "ciede2000": 0.1}  # below: "about the same"
DIGITS = {"psnr": 1, "ciede2000": 1, "sharpness": 0, "noise": 1, "blockiness": 2}  # others 3
FOR, AGAINST = 30.0, 20.0  # dB of consistency from which it speaks for, and below which against, the recovery


def scores(case: Case, specs: Specs) -> str:
    """All scores: before → after with a reference, else agreement with the input, said so."""
    values = {(record.score.scorer, record.pair): record.score for record in case.scores}
    risk = specs.get(RISK)
    risky = risk_view.risk(risk, values.get((RISK, PairKind.RECOVERED_CORRUPTED)), _about(risk) if risk else "")
    parts = (_strip(case, values, specs), risky, _by_damage(values), _consistency(values))
    return "".join(parts) + _alone(values, specs)


def _strip(case: Case, values: Values, specs: Specs) -> str:
    known = case.sample.reference_sha is not None
    cards = "".join(_card(spec, values, known) for spec in specs.values() if spec.reference and not spec.of_input)
    head = "Corrupted → recovered, each against the clean image" if known else "Recovered against the corrupted input"
    hint = "" if known else " There is no clean image: this is agreement with the input, <b>not quality</b>."
    return f'<p class="ru1-small">{head}.{hint}</p><div class="ru1-scores">{cards}</div>'


def _card(spec: ScorerSpec, values: Values, known: bool) -> str:
    if known:
        before = values.get((spec.name, PairKind.CORRUPTED_REFERENCE))
        after = values.get((spec.name, PairKind.RECOVERED_REFERENCE))
        body = _before_after(before, after, spec)
    else:
        body = f"<b>{number(values.get((spec.name, PairKind.RECOVERED_CORRUPTED)), spec)}</b>"
    named = f'<span class="ru1-small">{escape(spec.model)}</span>' if spec.model else ""
    return (
        f'<div class="ru1-card"><h4>{escape(spec.label)}</h4><p class="ru1-value">{body}</p>{named}{_about(spec)}</div>'
    )


def _before_after(before: Score | None, after: Score | None, spec: ScorerSpec) -> str:
    reasons = {score.reason for score in (before, after) if score is not None and score.value is None}
    if before is not None and after is not None and before.value is None and after.value is None and len(reasons) == 1:
        reason = reasons.pop() or "not scored"
        if reason == IDENTICAL:
            return "identical → <b>identical</b>"
        return f'<span class="ru1-small">{"Withheld" if reason == MOVED else "Not scored"}: {escape(reason)}.</span>'
    return f"{number(before, spec)} → <b>{number(after, spec)}</b>{change(before, after, spec)}"


def _about(spec: ScorerSpec) -> str:
    best = "Higher is better" if spec.higher_is_better else "Lower is better"
    model = f"<br>Measured with {escape(spec.model)}." if spec.model else ""
    return (
        f"<details><summary>What it is</summary>{escape(spec.definition)} {best}; "
        f"{_range(spec)}. "
        f"<b>Cannot see:</b> {escape(spec.blind_to)}{model}</details>"
    )


def _range(spec: ScorerSpec) -> str:
    unit = f" {escape(spec.unit)}" if spec.unit else ""
    return f"from {spec.low:g}{unit} up" if math.isinf(spec.high) else f"from {spec.low:g} to {spec.high:g}{unit}"


def number(score: Score | None, spec: ScorerSpec) -> str:
    """The value with its unit, or why there is none."""
    if score is None:
        return "–"
    if score.value is None:
        return escape(score.reason or "not scored")
    if spec.name == RISK:
        return risk_view.percent(score.value)
    return f"{score.value:.{DIGITS.get(spec.name, 3)}f}{' ' + escape(spec.unit) if spec.unit else ''}"


def change(before: Score | None, after: Score | None, spec: ScorerSpec) -> str:
    """Better or worse in words and sign, not by colour alone."""
    if before is None or after is None or before.value is None or after.value is None:
        return ""
    delta = after.value - before.value
    if abs(delta) < SMALL.get(spec.name, 0.0):
        return '<span class="ru1-change">about the same</span>'
    good = (delta > 0) == spec.higher_is_better
    word, kind, arrow = ("better", "good", "▲") if good else ("worse", "bad", "▼")
    return f'<span class="ru1-change ru1-{kind}">{arrow} {delta:+.{DIGITS.get(spec.name, 3)}f} {word}</span>'


def _by_damage(values: Values) -> str:
    def pair(name: str) -> str:
        found = [values.get((name, kind)) for kind in (PairKind.CORRUPTED_REFERENCE, PairKind.RECOVERED_REFERENCE)]
        return " → ".join("–" if score is None or score.value is None else f"{score.value:.3f}" for score in found)

    if (INSIDE, PairKind.RECOVERED_REFERENCE) not in values:
        return ""
    return (
        f"<p><b>SSIM inside</b> the damaged part {pair(INSIDE)} · <b>outside</b> {pair(OUTSIDE)} "
        '<span class="ru1-small">(outside, a recovery should change nothing)</span></p>'
    )


def _consistency(values: Values) -> str:
    ssim, psnr = (values.get((name, PairKind.RECORRUPTED_CORRUPTED)) for name in ("ssim", "psnr"))
    if psnr is None or (psnr.value is None and psnr.reason != IDENTICAL):
        return ""
    if psnr.value is None or psnr.value >= FOR:
        said = "speaks for the recovery, as far as the corruption lets anything through"
    elif psnr.value < AGAINST:
        said = "speaks against the recovery: this image would not have become that input"
    else:
        said = "does not settle it"
    distance = "exactly" if psnr.value is None else f"to {psnr.value:.1f} dB"
    likeness = "" if ssim is None or ssim.value is None else f" (SSIM {ssim.value:.3f})"
    return (
        f"<p><b>Consistency:</b> the same corruption applied to the recovery gives back the input {distance}{likeness}."
        f' That {said}. <span class="ru1-small">From {FOR:.0f} dB for, below {AGAINST:.0f} dB against. It cannot see '
        "details that the corruption would wipe out again.</span></p>"
    )


def _alone(values: Values, specs: Specs) -> str:
    rows = "".join(
        f"<tr><th>{escape(spec.label)}</th><td>{number(values.get((spec.name, PairKind.CORRUPTED_ALONE)), spec)} → "
        f"<b>{number(values.get((spec.name, PairKind.RECOVERED_ALONE)), spec)}</b></td><td>{_about(spec)}</td></tr>"
        for spec in specs.values()
        if not spec.reference
    )
    if not rows:
        return ""
    return (
        '<details class="ru1-alone"><summary>Each image alone, measured without a clean one</summary>'
        f'<table class="ru1-table"><tbody>{rows}</tbody></table></details>'
    )
