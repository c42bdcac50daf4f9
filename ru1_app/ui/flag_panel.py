"""The flag panel: verdict, categories, boxes, answer impact, comment, consent."""

from __future__ import annotations

import hashlib
from typing import Any

import gradio as gr

from ru1_app.domain import Condition
from ru1_app.errors import InvalidInput
from ru1_app.flagging import MAX_COMMENT, FlagForm, derive_impact, flag
from ru1_app.pipeline import RunResult
from ru1_app.protocol import load_protocol
from ru1_app.ui.box_annotator import BoxAnnotator, BoxData, regions
from ru1_app.ui.errors import shown
from ru1_app.ui.view import png_uri
from ru1_app.wiring import App

CONSENT = "I may share this image. Store it with the recovery and what I say, and let it be exported as training data."


def build() -> dict[str, Any]:
    """The components, hidden until there is a recovery."""
    words = load_protocol()
    parts: dict[str, Any] = {}
    with gr.Column(visible=False, elem_id="flag-panel", elem_classes="ru1-flag") as group:
        gr.Markdown("### Flag this recovery\nIs what you see in the recovery true to the image it was made from?")
        parts["verdict"] = gr.Radio(
            [(f"{v.label}: {v.definition}", v.code) for v in words.verdicts], label="Verdict", elem_id="verdict",
            elem_classes="ru1-list",
        )  # fmt: skip
        parts["severity"] = gr.Radio(
            [(f"{s.value} · {s.label}", s.value) for s in words.severities], value=0, label="How bad is it",
            elem_id="flag-severity",
        )  # fmt: skip
        parts["categories"] = gr.CheckboxGroup(
            [(c.label, c.code) for c in words.categories], label="What is wrong (for misleading or unusable)",
            elem_id="categories",
        )  # fmt: skip
        parts["boxes"] = BoxAnnotator(elem_id="boxes", padding=False)
        parts["impact"] = gr.Radio(
            [(i.label, i.code) for i in words.impacts], value="unknown", label="What it did to the answer",
            elem_id="impact",
        )  # fmt: skip
        parts["comment"] = gr.Textbox(
            label="Comment", placeholder="What do you see, and where?", lines=2, max_length=MAX_COMMENT,
            elem_id="comment",
        )  # fmt: skip
        parts["consent"] = gr.Checkbox(label=CONSENT, elem_id="consent")
        parts["flag"] = gr.Button("Flag", variant="primary", elem_id="flag")
        parts["done"] = gr.Markdown("", elem_id="flag-done")
    parts["group"] = group
    return parts


def fresh(parts: dict[str, Any], result: RunResult) -> dict[Any, Any]:
    """The panel for a new recovery, with the answer impact derived where the right answer is known."""
    asked = result.case.sample.question
    before, after = (result.answer(condition) for condition in (Condition.CORRUPTED, Condition.BOTH))
    impact = "not_applicable"
    if asked and before and after:
        expected = asked.expected if asked.options else None
        impact = derive_impact(expected, before.answered.choice, after.answered.choice).value
    image = png_uri(result.images[result.case.recovery.image_sha])
    return {
        parts["group"]: gr.Column(visible=True),
        parts["verdict"]: None,
        parts["severity"]: 0,
        parts["categories"]: [],
        parts["boxes"]: BoxData(image=image),
        parts["impact"]: impact,
        parts["comment"]: "",
        parts["consent"]: False,
        parts["flag"]: gr.Button(interactive=True),
        parts["done"]: "",
    }


def connect(app: App, parts: dict[str, Any], result_state: gr.State) -> None:
    """Events of the panel."""
    words = load_protocol()

    def on_verdict(verdict: str | None) -> Any:
        return words.verdict(verdict).default if verdict else 0

    def on_flag(
        result: RunResult | None, verdict: str | None, severity: int, categories: list[str], boxes: BoxData,
        impact: str, comment: str, consent: bool, request: gr.Request,
    ) -> tuple[str, gr.Button]:  # fmt: skip
        if result is None:
            raise InvalidInput("There is no recovery to flag any more. Press Recover again; your entries stay.")
        form = FlagForm(
            verdict=verdict or "",
            severity=int(severity),
            consent=consent,
            session_id=pseudonym(request),
            categories=dict.fromkeys(categories, int(severity)),
            regions=regions(boxes, categories[0] if len(categories) == 1 else None),
            answer_impact=impact,
            comment=comment,
        )
        session = form.session_id
        case = flag(
            app.store, result.case, result.images, form,
            guard=app.guard.admit, on_flagged=lambda flagged: app.filler.flagged(flagged, session),
        )  # fmt: skip
        link = f"cases?case={case.id}"
        return f"**Flagged.** Thank you. Permalink: [{link}]({link})", gr.Button(interactive=False)

    parts["verdict"].input(
        shown(on_verdict), parts["verdict"], parts["severity"], show_progress="hidden", api_visibility="private"
    )
    fields = ("verdict", "severity", "categories", "boxes", "impact", "comment", "consent")
    parts["flag"].click(
        shown(on_flag), [result_state, *(parts[name] for name in fields)], [parts["done"], parts["flag"]],
        api_visibility="private",
    )  # fmt: skip


def pseudonym(request: gr.Request) -> str:
    """The browser session as a pseudonym: no address, no name."""
    return "visitor-" + hashlib.sha256(str(request.session_hash).encode()).hexdigest()[:16]
