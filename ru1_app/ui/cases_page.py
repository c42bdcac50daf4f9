"""Flagged cases: a plain list, one case by its permalink, and the export."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from ru1_app.errors import NotFound
from ru1_app.export import FORMATS, export_zip
from ru1_app.ui import case_view, view
from ru1_app.ui.errors import shown
from ru1_app.wiring import App

SHOWN = 50


def build(app: App, demo: gr.Blocks) -> None:
    """Components, handlers, events."""
    gr.Navbar(main_page_name="Recover")
    title = view.header("Flagged cases", "What people said of recoveries, with everything needed to check it.")
    gr.HTML(title, elem_id="head")
    body = gr.HTML(view.notice("Loading…", "busy"), elem_id="cases", padding=False)
    gr.Markdown("### Export\nAll flagged cases as training data, with a manifest.")
    with gr.Row():
        names = [(label, name) for name, label in FORMATS.items()]
        format_radio = gr.Radio(names, value="all", label="Format", elem_id="export-format", scale=3)
        with gr.Column(scale=1, min_width=220):
            make_button = gr.Button("Prepare the export", elem_id="export")
            download = gr.DownloadButton("Download", visible=False, variant="primary", elem_id="download")

    def show(request: gr.Request) -> str:
        case_id = request.query_params.get("case") if request else None
        if not case_id:
            return case_view.listing(app.store.cases(limit=SHOWN), app.store.count_cases(), app.store.image)
        try:
            return case_view.detail(app.store.case(case_id), app.store.image)
        except NotFound as error:
            return view.notice(str(error), "bad")

    def prepare(format_: str) -> Any:
        folder = Path(tempfile.mkdtemp(prefix="export-", dir=_temporary()))
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        path = export_zip(app.store, folder / f"ru1-{format_}-{stamp}.zip", format_)
        return gr.DownloadButton("Download the .zip", value=str(path), visible=True)

    make_button.click(shown(prepare), format_radio, download, api_visibility="private")
    demo.load(shown(show), None, body, api_visibility="private")


def _temporary() -> Path:
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return folder
