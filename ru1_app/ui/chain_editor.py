"""The chain of corruptions, edited step by step: picker with search, severities, boxes, seed. A `gr.HTML`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel

from ru1_app.corruptions import CORRUPTIONS, MAX_SEED, MAX_STEPS, STEPS, Box, CorruptionSpec, CorruptionStep, entry_of
from ru1_app.corruptions.base import Geometry
from ru1_app.errors import InvalidInput
from ru1_app.ui.thumbnails import COLUMNS

TEMPLATE = f"""
<ol class="ru1-steps"></ol>
<p class="ru1-notice ru1-none">No corruption: the image is used as it is, for pictures that are damaged already.
There is no clean image to compare with then.</p>
<div class="ru1-row"><button type="button" class="ru1-open" aria-expanded="false">Add a corruption</button>
<button type="button" class="ru1-surprise">Surprise me</button>
<button type="button" class="ru1-clear">Use as it is</button></div>
<div class="ru1-picker" hidden><input type="search" class="ru1-search" aria-label="Search corruptions"
placeholder="Search: noise, blur, weather…"><div class="ru1-groups"></div>
<p class="ru1-small ru1-nothing" hidden>Nothing has that name. Try blur, noise, colour, block or weather.</p></div>
<div class="ru1-row ru1-seed"><label>Corruption seed <input type="number" min="0" max="{MAX_SEED}" step="1"></label>
<button type="button" class="ru1-dice">New seed</button></div>
"""
MOVES = {Geometry.MOVED: "moves things: no scores against the clean image", Geometry.SHIFTED: "shifts things a little"}


class ChainData(GradioModel):
    """`steps` hold name, severity and box ([x0, y0, x1, y1] or null). What comes in is checked by `to_spec`."""

    steps: list[dict[str, Any]] = []
    seed: int = 0


class ChainEditor(gr.HTML):
    """Edits `ChainData`; its event `changed` fires with each change a person makes."""

    data_model = ChainData

    def __init__(self, value: ChainData | None = None, **options: Any) -> None:
        script = Path(__file__).with_suffix(".js").read_text("utf-8")
        super().__init__(
            value=value or ChainData(), html_template=TEMPLATE, js_on_load=script, apply_default_css=False,
            catalogue=catalogue(), steps=list(STEPS.items()), columns=COLUMNS, most=MAX_STEPS, **options,
        )  # fmt: skip

    def postprocess(self, value: ChainData | None) -> ChainData:
        return value or ChainData()

    def preprocess(self, payload: ChainData | None) -> ChainData:
        return payload or ChainData()


def catalogue() -> list[dict[str, str]]:
    """What the picker shows of each corruption, in the order of the imaging chain."""
    return [
        {
            "name": name,
            "label": entry.label,
            "step": entry.step,
            "physics": entry.physics,
            "moves": MOVES.get(entry.geometry, ""),
        }
        for name, entry in CORRUPTIONS.items()
    ]


def to_spec(data: ChainData) -> CorruptionSpec | None:
    """The chain as a spec; None where it is empty and the image is used as it is.

    Raises:
        InvalidInput: what came from the browser is no chain.
    """
    if not data.steps:
        return None
    return CorruptionSpec(tuple(_step(each) for each in data.steps), data.seed)


def from_spec(spec: CorruptionSpec | None) -> ChainData:
    """The spec as the editor's value."""
    if spec is None:
        return ChainData()
    steps = [{"name": s.name, "severity": s.severity, "box": list(s.box) if s.box else None} for s in spec.steps]
    return ChainData(steps=steps, seed=spec.seed)


def _step(each: dict[str, Any]) -> CorruptionStep:
    name, severity, box = each.get("name"), each.get("severity"), each.get("box")
    whole = isinstance(name, str) and isinstance(severity, int | float)
    if not whole or not (box is None or _is_box(box)):
        raise InvalidInput("A corruption did not arrive whole. Remove it and add it again.")
    entry_of(str(name))
    return CorruptionStep(str(name), float(severity or 0), Box(*box) if box else None)


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(isinstance(value, int | float) for value in box)
