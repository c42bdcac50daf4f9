"""The comparison of a result's images: HTML whose slider, overlay and downloads `page.js` drives. No Gradio."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ru1_app.pipeline import RunResult
from ru1_app.ui.overlays import Overlay, overlays
from ru1_app.ui.view import jpeg_uri, png_uri


def compare(result: RunResult) -> str:
    """Corrupted (or clean) over recovered with a slider between them, and maps over the recovered side on demand.

    Each image is in the page once, as its exact PNG; `page.js` moves the slider and feeds the downloads.
    """
    sample, recovery = result.case.sample, result.case.recovery
    height, width = result.recovered.shape[:2]
    maps = overlays(result)
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
        f"{left}{_overlays(maps)}"
        '<span class="ru1-tag ru1-left">corrupted</span><span class="ru1-tag ru1-right">recovered</span>'
        '<input type="range" min="0" max="100" value="50" step="1" data-ru1="slide" '
        'aria-label="Compare: share of the left image that is shown"></div>'
        f"{_below(result, maps)}</div>"
    )


def _overlays(shown: Sequence[Overlay]) -> str:
    return "".join(
        f'<img class="ru1-heat" data-overlay="{each.name}" src="{jpeg_uri(each.image)}" '
        f'alt="{escape(each.label)}" hidden>'
        f'<span class="ru1-spots" data-overlay="{each.name}" hidden>{_boxes(each)}</span>'
        for each in shown
    )


def _boxes(overlay: Overlay) -> str:
    return "".join(
        f'<span class="ru1-mark" style="left:{r.x0:.2%};top:{r.y0:.2%};width:{r.x1 - r.x0:.2%};'
        f'height:{r.y1 - r.y0:.2%}"></span>'
        for r in overlay.regions
    )


def _below(result: RunResult, maps: Sequence[Overlay]) -> str:
    name = result.case.id[:8]
    tail = f"-{result.case.sample.corruption or 'as-it-is'}-{name}"
    links = "".join(
        f'<a href="#" data-save="{where}" download="{escape(what + tail)}.png">Save {what} PNG</a>'
        for what, where in (("recovered", ".ru1-after"), ("corrupted", "[data-left=corrupted]"))
    )
    row = f'<div class="ru1-below">{_against(result)}<span class="ru1-links">{links}</span></div>{_choice(maps, name)}'
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


def _choice(shown: Sequence[Overlay], group: str) -> str:
    """Which map lies over the recovered side, with the colour bar of each."""
    if not shown:
        return ""
    names = [("", "none"), *((each.name, each.label) for each in shown)]
    choices = "".join(
        f'<label class="ru1-toggle"><input type="radio" name="overlay-{group}" value="{name}" data-ru1="overlay"'
        f"{'' if name else ' checked'}> {escape(label)}</label>"
        for name, label in names
    )
    legends = "".join(
        f'<span class="ru1-legend" data-overlay="{each.name}" hidden><i>{escape(each.low)}</i>'
        f'<span class="ru1-bar"></span><i>{escape(each.high)}</i>'
        f'<span class="ru1-note">{escape(each.note)}</span></span>'
        for each in shown
    )
    return f'<div class="ru1-below" role="group" aria-label="Map over the recovered side">Map: {choices}</div>{legends}'
