"""The rating page: mark-up, style and scripts from `rate/`, and a Space's sign-in. It calls the rating desk's API."""

from __future__ import annotations

import json
import os
from pathlib import Path

import gradio as gr

from ru1_app.wiring import App

FOLDER = Path(__file__).with_name("rate")
CSS = FOLDER / "rate.css"
KEYMAP = FOLDER / "keymap.json"
ORDER = (
    "dom", "api", "rules", "keys", "difference", "viewer", "gestures", "marks", "form", "stages", "drafts", "desk",
    "sheets", "signin", "page",
)  # fmt: skip
BOOT = "window.ru1rate.start(element);"


def build(app: App, demo: gr.Blocks) -> None:
    """The page. Everything in it happens in its scripts; no Gradio event is needed."""
    gr.Navbar(main_page_name="Recover")
    template = (FOLDER / "template.html").read_text("utf-8")
    gr.HTML(html_template=template, js_on_load=BOOT, apply_default_css=False, elem_id="rate", padding=False)
    if os.environ.get("OAUTH_CLIENT_ID"):  # set by a Space; elsewhere the button would refuse to start
        gr.LoginButton(elem_id="rate-account")


def scripts() -> list[str]:
    """The page's scripts in the order in which they build on each other; the keymap comes first."""
    keymap = json.dumps(json.loads(KEYMAP.read_text("utf-8"))).replace("</", "<\\/")
    modules = [(FOLDER / f"{name}.js").read_text("utf-8") for name in ORDER]
    return [f"window.ru1rate = {{ keymap: {keymap} }};", *modules]
