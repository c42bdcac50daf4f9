"""Boxes drawn on an image, by mouse, touch or keyboard. A `gr.HTML` with a script, no build step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel

from ru1_app.domain import Region
from ru1_app.errors import InvalidInput

TEMPLATE = """
<p class="ru1-small">Draw boxes on the recovered image around what is wrong: drag with mouse or finger. By keyboard:
add a box, focus the image, arrows move it, Shift and arrows resize it, Delete removes it.</p>
<div class="ru1-stage" hidden><img alt="Recovered image, to mark"><svg viewBox="0 0 100 100" preserveAspectRatio="none"
tabindex="0" role="application" aria-label="Boxes on the recovered image"></svg></div>
<div class="ru1-row"><button type="button" class="ru1-add">Add a box</button>
<span class="ru1-boxes ru1-row"></span></div>
"""


class BoxData(GradioModel):
    """`image` is a data address; `boxes` are fractions of it."""

    image: str | None = None
    boxes: list[dict[str, Any]] = []


class BoxAnnotator(gr.HTML):
    """Value in: `BoxData`. What comes back from the browser is checked by `regions`."""

    data_model = BoxData

    def __init__(self, value: BoxData | None = None, **options: Any) -> None:
        script = Path(__file__).with_suffix(".js").read_text("utf-8")
        super().__init__(
            value=value or BoxData(), html_template=TEMPLATE, js_on_load=script, apply_default_css=False, **options
        )

    def postprocess(self, value: BoxData | None) -> BoxData:
        return value or BoxData()

    def preprocess(self, payload: BoxData | None) -> BoxData:
        return payload or BoxData()


def regions(data: BoxData | None, category: str | None = None) -> tuple[Region, ...]:
    """The boxes as regions.

    Raises:
        InvalidInput: a box is not four finite numbers.
    """
    found = []
    for box in data.boxes if data else []:
        corners = [box.get(name) for name in ("x0", "y0", "x1", "y1")]
        numbers = [float(value) for value in corners if isinstance(value, int | float) and math.isfinite(value)]
        if len(numbers) != 4:
            raise InvalidInput("A box did not arrive whole. Remove it and draw it again.")
        found.append(Region(numbers[0], numbers[1], numbers[2], numbers[3], category))
    return tuple(found)
