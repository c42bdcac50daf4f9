"""The lead's page: an empty frame for everybody; what it shows comes by `gallery_api`, with a lead's token alone."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ru1_app.ui import view
from ru1_app.wiring import App

CSS = Path(__file__).with_name("lead.css")
SCRIPTS = [Path(__file__).with_name("lead.js")]
BOOT = "window.ru1.lead.start(element);"
TEMPLATE = """
<div class="lead"><p class="ru1-notice ru1-busy" role="status">Loading…</p>
<form class="lead-signin" hidden>
<label>Name <input name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button type="submit" class="ru1-button ru1-strong">Sign in</button>
<p class="ru1-small">With a Hugging Face account: sign in on the <a href="rate">rating page</a>, then come back.</p>
</form>
<div class="lead-body" hidden></div></div>
"""


def build(app: App, demo: gr.Blocks) -> None:
    """The page. Everything in it happens in its script; no Gradio event is needed."""
    gr.Navbar(main_page_name="Recover")
    title = view.header("Lead", "How far the labels are, how far they agree, and what needs settling.")
    gr.HTML(title, elem_id="head")
    gr.HTML(html_template=TEMPLATE, js_on_load=BOOT, apply_default_css=False, elem_id="lead", padding=False)
