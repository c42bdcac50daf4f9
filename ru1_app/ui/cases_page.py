"""Cases: the gallery with its filters and saved views, one case by its permalink, and the export."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from ru1_app.export import FORMATS, export_zip
from ru1_app.ui import gallery_view, view
from ru1_app.ui.errors import shown
from ru1_app.wiring import App

CSS = Path(__file__).with_name("gallery.css")
SCRIPTS = [Path(__file__).with_name(name) for name in ("calls.js", "gallery.js")]
BOOT = "window.ru1.gallery.start(element);"


def build(app: App, demo: gr.Blocks) -> None:
    """Components, handlers, events. The gallery itself lives in its script and calls `gallery_api`."""
    gr.Navbar(main_page_name="Recover")
    title = view.header("Cases", "Recoveries with what people said of them, and everything needed to check it.")
    gr.HTML(title, elem_id="head")
    gr.HTML(html_template=_template(), js_on_load=BOOT, apply_default_css=False, elem_id="cases", padding=False)
    gr.Markdown("### Export\nAll flagged cases as training data, with a manifest.")
    with gr.Row():
        names = [(label, name) for name, label in FORMATS.items()]
        format_radio = gr.Radio(names, value="all", label="Format", elem_id="export-format", scale=3)
        with gr.Column(scale=1, min_width=220):
            make_button = gr.Button("Prepare the export", elem_id="export")
            download = gr.DownloadButton("Download", visible=False, variant="primary", elem_id="download")

    def prepare(format_: str) -> Any:
        folder = Path(tempfile.mkdtemp(prefix="export-", dir=_temporary()))
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        path = export_zip(app.store, folder / f"ru1-{format_}-{stamp}.zip", format_)
        return gr.DownloadButton("Download the .zip", value=str(path), visible=True)

    make_button.click(shown(prepare), format_radio, download, api_visibility="private")


def _template() -> str:
    return (
        '<div class="ru1-cases"><section class="ru1-one" hidden></section><div class="ru1-gallery" hidden>'
        '<details class="ru1-side" open><summary>Filters<b class="ru1-active"></b></summary>'
        f"{gallery_view.controls()}</details>"
        '<div class="ru1-results"><div class="ru1-views" aria-label="Saved views"></div>'
        '<p class="ru1-told" role="status"></p><ul class="ru1-cards"></ul>'
        '<button type="button" class="ru1-button ru1-more" hidden>Show more</button></div></div>'
        f"{view.notice('Loading…', 'busy')}</div>"
    )


def _temporary() -> Path:
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return folder
