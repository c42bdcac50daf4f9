"""Cases: the gallery with its filters and saved views, one case by its permalink; what is found leads to its export."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ru1_app.ui import gallery_view, view
from ru1_app.wiring import App

CSS = Path(__file__).with_name("gallery.css")
SCRIPTS = [Path(__file__).with_name(name) for name in ("calls.js", "gallery.js")]
BOOT = "window.ru1.gallery.start(element);"


def build(app: App, demo: gr.Blocks) -> None:
    """The page. The gallery lives in its script and calls `gallery_api`."""
    gr.Navbar(main_page_name="Recover")
    title = view.header("Cases", "Recoveries with what people said of them, and everything needed to check it.")
    gr.HTML(title, elem_id="head")
    gr.HTML(html_template=_template(), js_on_load=BOOT, apply_default_css=False, elem_id="cases", padding=False)


def _template() -> str:
    return (
        '<div class="ru1-cases"><section class="ru1-one" hidden></section><div class="ru1-gallery" hidden>'
        '<details class="ru1-side" open><summary>Filters<b class="ru1-active"></b></summary>'
        f"{gallery_view.controls()}</details>"
        '<div class="ru1-results"><div class="ru1-views" aria-label="Saved views"></div>'
        '<div class="ru1-found"><p class="ru1-told" role="status"></p>'
        '<a class="ru1-button ru1-export" href="export">Export these cases</a></div><ul class="ru1-cards"></ul>'
        '<button type="button" class="ru1-button ru1-more" hidden>Show more</button></div></div>'
        f"{view.notice('Loading…', 'busy')}</div>"
    )
