"""The models as cards: what each can do, where it comes from, whether it is here, what it needs. No Gradio."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ru1_app.models.catalogue import ASSETS, Role
from ru1_app.models.states import ModelState

CAN = {Role.RECOVER: "recovers", Role.ANSWER: "answers", Role.REASON: "recovers and reasons in one pass"}


def models(states: Sequence[ModelState]) -> str:
    """All models; those that cannot be used here last, with the reason and what would help."""
    here = [state for state in states if state.available]
    away = [state for state in states if not state.available]
    rest = (
        f'<details><summary>{len(away)} more that cannot be used here, and why</summary><div class="ru1-models">'
        f"{''.join(map(_card, away))}</div></details>"
        if away
        else ""
    )
    return f'<div class="ru1-models">{"".join(map(_card, here))}</div>{rest}'


def _card(state: ModelState) -> str:
    entry = state.entry
    can = "".join(f'<span class="ru1-chip">{CAN[role]}</span>' for role in entry.roles)
    comes = "the app itself" if entry.source.startswith(ASSETS) else entry.source
    facts = {"From": comes, "Needs": entry.needs, "Licence": entry.license}
    told = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text)
    return (
        f'<div class="ru1-card"><h4>{escape(entry.label)} <code>{escape(entry.name)}</code></h4>'
        f'<p class="ru1-small">{escape(entry.summary)}</p><p>{can}{_stands(state)}</p><dl>{told}</dl></div>'
    )


def _stands(state: ModelState) -> str:
    if not state.available:
        text = f"Not here: {state.reason}. To use it, {state.remedy}."
        return f'</p><p class="ru1-small">{escape(text)}'
    if state.loaded:
        return '<span class="ru1-chip ru1-good">loaded</span>'
    return f'<span class="ru1-chip">{escape(state.note)}</span>'
