"""The app's pages, theme and style."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from ru1_app.config import Settings
from ru1_app.ui import cases_page, export_api, export_page, lead_page, rate_page, rating_api, recover_page, view
from ru1_app.wiring import App

CSS = Path(__file__).with_name("style.css")
SCRIPTS = [Path(__file__).with_name(name) for name in ("boxes.js", "page.js", "upload.js")]
SCRIPTS += [*cases_page.SCRIPTS, *lead_page.SCRIPTS, *export_page.SCRIPTS]


def create_ui(app: App) -> gr.Blocks:
    """All pages. Uploads in Gradio's cache are deleted within two hours."""
    with gr.Blocks(title="RU1", delete_cache=(1800, 7200)) as demo:
        gr.Navbar(main_page_name="Recover")
        _warn(app)
        recover_page.build(app, demo)
        rating_api.build(app)
        export_api.build(app)
    with demo.route("Cases", "cases"):
        cases_page.build(app, demo)
    with demo.route("Export", "export"):
        _warn(app)
        export_page.build(app, demo)
    with demo.route("Rate", "rate"):
        _warn(app)
        rate_page.build(app, demo)
    with demo.route("Lead", "lead"):
        lead_page.build(app, demo)
    return demo


def _warn(app: App) -> None:
    """Say at the top of a page that what is stored here may be lost."""
    if app.store_note:
        gr.HTML(view.notice(app.store_note, "bad"), elem_classes="ru1-store-note")


def look(settings: Settings) -> dict[str, Any]:
    """Theme, style and scripts for `launch`; colours raised to WCAG AA contrast."""
    limits = f"window.ru1 = {json.dumps({'maxBytes': settings.max_bytes})};"
    scripts = (limits, *(path.read_text("utf-8") for path in SCRIPTS), *rate_page.scripts())
    head = "".join(f"<script>{text}</script>" for text in scripts)
    theme = gr.themes.Default(primary_hue="blue").set(
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
    )
    styles = [CSS, rate_page.CSS, cases_page.CSS, lead_page.CSS, export_page.CSS]
    return {"theme": theme, "css_paths": styles, "head": head}
