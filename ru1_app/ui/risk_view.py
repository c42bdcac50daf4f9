"""The hallucination risk of a recovery: a number in plain words, or why there is none. No Gradio."""

from __future__ import annotations

from html import escape

from ru1_app.domain import Score
from ru1_app.scoring.base import ScorerSpec

RAISED, HIGH = 0.2, 0.5  # probabilities from which the risk is called so
NO_MODEL = "Hallucination risk: not told here, since no model of raters' judgements is installed."


def risk(spec: ScorerSpec | None, score: Score | None, about: str) -> str:
    """The risk with what it rests on; `about` is the markup that explains the score.

    A quiet line where no model is there; nothing where the case has no such score.
    """
    if spec is None:
        return f'<p class="ru1-small">{NO_MODEL}</p>'
    if score is None:
        return ""
    shown = _withheld(score) if score.value is None else _told(score.value, spec)
    level = "none" if score.value is None else level_of(score.value)
    return (
        f'<section class="ru1-risk" data-level="{level}" aria-label="{escape(spec.label)}">'
        f"<h4>{escape(spec.label)}</h4>{shown}"
        f'<p class="ru1-small">{escape(spec.rests_on)}</p>{about}</section>'
    )


def level_of(value: float) -> str:
    """The probability in one word."""
    return "high" if value >= HIGH else "raised" if value >= RAISED else "low"


def percent(value: float) -> str:
    """A probability for a person; none is said to be certain."""
    return "under 1 %" if value < 0.01 else "over 99 %" if value > 0.99 else f"{value:.0%}".replace("%", " %")


def _told(value: float, spec: ScorerSpec) -> str:
    return (
        f'<p class="ru1-value"><b>{percent(value)}</b> <span class="ru1-level">{level_of(value)}</span></p>'
        f'<span class="ru1-gauge" aria-hidden="true"><i style="width:{100 * value:.0f}%"></i></span>'
        f"<p>{_of_ten(value)} {escape(spec.judges or 'people')} would say that this recovery misleads, "
        "going by the two images alone, without a clean one.</p>"
    )


def _of_ten(value: float) -> str:
    tenths = round(10 * value)
    return "Fewer than 1 of 10" if tenths == 0 else "Nearly all" if tenths == 10 else f"About {tenths} of 10"


def _withheld(score: Score) -> str:
    return f'<p class="ru1-value"><b>{escape(score.reason or "not scored")}</b></p>'
