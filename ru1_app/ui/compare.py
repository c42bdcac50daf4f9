"""The comparison of a result's images: HTML whose slider, overlay and downloads `page.js` drives. No Gradio."""

from __future__ import annotations

from html import escape
from typing import Any

import cv2
import numpy as np

from ru1_app.images import Image8
from ru1_app.pipeline import UNCERTAINTY_FULL, RunResult
from ru1_app.ui.view import image_uri, png_uri


def heat(uncertainty: Any) -> Image8:
    """The uncertainty map [H, W] in levels as colours, dark = sure, bright = `UNCERTAINTY_FULL` or more."""
    scaled = np.clip(np.asarray(uncertainty) * (255 / UNCERTAINTY_FULL), 0, 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)


def compare(result: RunResult) -> str:
    """Corrupted (or clean) over recovered with a slider between them, and the uncertainty map on demand.

    Each image is in the page once, as its exact PNG; `page.js` moves the slider and feeds the downloads.
    """
    sample, recovery = result.case.sample, result.case.recovery
    height, width = result.recovered.shape[:2]
    sides = {"corrupted": sample.corrupted_sha, "clean": sample.reference_sha}
    left = "".join(
        f'<img class="ru1-before" data-left="{name}" src="{png_uri(result.images[sha])}" '
        f'alt="{name.capitalize()} image"{"" if name == "corrupted" else " hidden"}>'
        for name, sha in sides.items()
        if sha is not None
    )
    return (
        f'<div class="ru1-result"><div class="ru1-compare" style="aspect-ratio:{width}/{height};'
        f'--ratio:{width / height:.4f}">'
        f'<img class="ru1-after" src="{png_uri(result.images[recovery.image_sha])}" alt="Recovered image">'
        f"{left}{_overlay(result)}"
        '<span class="ru1-tag ru1-left">corrupted</span><span class="ru1-tag ru1-right">recovered</span>'
        '<input type="range" min="0" max="100" value="50" step="1" data-ru1="slide" '
        'aria-label="Compare: share of the left image that is shown"></div>'
        f"{_below(result)}</div>"
    )


def _overlay(result: RunResult) -> str:
    if result.uncertainty is None:
        return ""
    return f'<img class="ru1-heat" src="{image_uri(heat(result.uncertainty))}" alt="Uncertainty map" hidden>'


def _below(result: RunResult) -> str:
    name = result.case.id[:8]
    links = "".join(
        f'<a href="#" data-save="{where}" download="{what}-{name}.png">Save {what} PNG</a>'
        for what, where in (("recovered", ".ru1-after"), ("corrupted", "[data-left=corrupted]"))
    )
    row = f'<div class="ru1-below">{_against(result)}{_toggle(result)}<span class="ru1-links">{links}</span></div>'
    if result.uncertainty is not None:
        return row
    return f'{row}<p class="ru1-small">{escape(result.uncertainty_note or "This model has no uncertainty map.")}</p>'


def _against(result: RunResult) -> str:
    if result.reference is None:
        return ""
    group = f"against-{result.case.id[:8]}"
    return (
        '<span class="ru1-toggle" role="group" aria-label="Left side of the comparison">Left side:'
        + "".join(
            f'<label class="ru1-toggle"><input type="radio" name="{group}" value="{name}" data-ru1="against"'
            f"{' checked' if name == 'corrupted' else ''}> {name}</label>"
            for name in ("corrupted", "clean")
        )
        + "</span>"
    )


def _toggle(result: RunResult) -> str:
    if result.uncertainty is None:
        return ""
    return (
        '<label class="ru1-toggle"><input type="checkbox" data-ru1="heat"> Show where the model is unsure</label>'
        '<span class="ru1-legend">expected error <i>0</i><span class="ru1-bar"></span>'
        f"<i>{UNCERTAINTY_FULL:.0f}+ grey levels</i></span>"
    )
