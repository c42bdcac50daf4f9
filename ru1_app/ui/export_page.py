"""The export page: what goes in, what it would hold, the release itself. It lives in its script; see `export_api`."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ru1_app.ui import export_form, view
from ru1_app.wiring import App

CSS = Path(__file__).with_name("export.css")
SCRIPTS = [Path(__file__).with_name(name) for name in ("export_task.js", "export.js")]
BOOT = "window.ru1.exports.start(element);"
EMPTY = (
    '<div class="ru1-empty"><p><b>What would go in appears here.</b></p><p>Choose cases and formats, and press '
    "<b>Look first</b>: nothing is written yet.</p></div>"
)
SIGN_IN = (
    '<details class="export-signin"><summary>Sign in as a lead</summary><form class="lead-signin">'
    '<label>Name <input name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false">'
    '</label><label>Password <input name="password" type="password" autocomplete="current-password"></label>'
    '<button type="submit" class="ru1-button ru1-strong">Sign in</button>'
    '<span class="ru1-bad-word" role="alert"></span>'
    '<p class="ru1-small">With a Hugging Face account: sign in on the <a href="rate">rating page</a>, then come back.'
    "</p></form></details>"
)


def build(app: App, demo: gr.Blocks) -> None:
    """The page. Everything in it happens in its script; no Gradio event is needed."""
    gr.Navbar(main_page_name="Recover")
    title = view.header("Export", "Labelled cases as training data, in the formats that trainers read.")
    gr.HTML(title, elem_id="head")
    gr.HTML(
        html_template=_literal(_template()), js_on_load=BOOT, apply_default_css=False, elem_id="export", padding=False
    )


def _template() -> str:
    return (
        f'<div class="lead export">{view.notice("Loading…", "busy")}<div class="export-who" hidden></div>{SIGN_IN}'
        f'<div class="export-body" hidden>{export_form.form()}<div class="export-task" data-main></div>'
        f'<section class="export-result" aria-label="Result" tabindex="-1">{EMPTY}</section>'
        '<section class="export-past"></section></div></div>'
    )


def _literal(html: str) -> str:
    """The same HTML where Gradio would take parts of a text for JavaScript or a placeholder."""
    return "".join(f"&#{ord(char)};" if char in "`$\\{}" else char for char in html)
