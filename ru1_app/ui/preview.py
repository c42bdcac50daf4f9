"""The image that the model will get, with the boxes that corruptions are confined to. A `gr.HTML` with a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel

TEMPLATE = """
<figure class="ru1-picture" hidden><div class="ru1-stage"><img alt=""><svg viewBox="0 0 100 100"
preserveAspectRatio="none" tabindex="-1" role="application" aria-label="Draw the box here"></svg></div>
<p class="ru1-notice ru1-busy ru1-hint" role="status" hidden>Drag a box over the picture; Escape leaves it.</p>
<figcaption></figcaption></figure>
"""


class PreviewData(GradioModel):
    """`image` is a data address; the texts are shown as they are."""

    image: str | None = None
    alt: str = ""
    caption: str = ""


class Preview(gr.HTML):
    """Shows `PreviewData`; the chain editor's boxes are drawn over it by `preview.js`."""

    data_model = PreviewData

    def __init__(self, **options: Any) -> None:
        script = Path(__file__).with_suffix(".js").read_text("utf-8")
        super().__init__(
            value=PreviewData(), html_template=TEMPLATE, js_on_load=script, apply_default_css=False, **options
        )

    def postprocess(self, value: PreviewData | None) -> PreviewData:
        return value or PreviewData()

    def preprocess(self, payload: PreviewData | None) -> PreviewData:
        return payload or PreviewData()
