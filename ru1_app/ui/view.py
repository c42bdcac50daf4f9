"""Shapes values into HTML for the page. No Gradio; every text of a person or a model is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

import cv2
import numpy as np

from ru1_app.domain import Case
from ru1_app.images import Image8, png_bytes

PREVIEW_SIDE = 640  # longest side of a preview; results are shown whole


def png_uri(data: bytes) -> str:
    """PNG bytes as they are, for an `img`: nothing is encoded again, nothing is written to disk."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def image_uri(image: Image8) -> str:
    """An RGB uint8 image as a lossless data address."""
    return png_uri(png_bytes(image))


def jpeg_uri(image: Image8) -> str:
    """An RGB uint8 image as a JPEG data address: for maps in colours, which are looked at and not measured."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise RuntimeError("OpenCV could not encode the picture")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def preview_uri(image: Image8) -> str:
    """The same, quicker and larger: for pictures that change while a slider moves."""
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise RuntimeError("OpenCV could not encode the preview")
    return png_uri(data.tobytes())


def reduced(image: Image8, side: int) -> Image8:
    """The image with its longest side at most `side`, for previews and lists only."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def picture(uri: str, alt: str, caption: str = "") -> str:
    """One image with its caption."""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="ru1-picture"><img src="{uri}" alt="{escape(alt)}">{words}</figure>'


def notice(text: str, kind: str = "info") -> str:
    """A line for the person; `kind` is info, busy, good or bad."""
    return f'<p class="ru1-notice ru1-{kind}" role="status">{escape(text)}</p>'


def small(text: str) -> str:
    """A quiet line."""
    return f'<p class="ru1-small">{escape(text)}</p>'


def header(title: str, text: str) -> str:
    """The top of a page."""
    return f'<header class="ru1-head"><h1>{escape(title)}</h1><p>{escape(text)}</p></header>'


def progress(text: str, fraction: float, preview: Image8 | None = None, words: str = "") -> str:
    """What is being done, with a bar, the recovery as it stands and the model's words as far as they are written."""
    done = round(100 * min(1.0, max(0.0, fraction)))
    image = "" if preview is None else picture(image_uri(reduced(preview, PREVIEW_SIDE)), "The recovery as it stands")
    said = f'<blockquote class="ru1-words">{escape(words)}</blockquote>' if words else ""
    return (
        f'<div class="ru1-progress"><p class="ru1-notice ru1-busy" role="status">{escape(text)}…</p>'
        f'<progress max="100" value="{done}" aria-label="Progress">{done} %</progress>{image}{said}</div>'
    )


def empty_result() -> str:
    """What the result's place shows before the first run."""
    return (
        '<div class="ru1-empty"><p><b>The recovery appears here.</b></p>'
        "<p>Give an image or pick an example, choose what damages it, and press <b>Recover</b>.</p></div>"
    )


def draws(images: Sequence[Image8]) -> str:
    """The further draws of a run with several samples."""
    if len(images) < 2:
        return ""
    shown = "".join(picture(image_uri(im), f"Draw {k}", f"draw {k}") for k, im in enumerate(images, start=1))
    return f'<p class="ru1-small">All draws; the first is the recovery.</p><div class="ru1-draws">{shown}</div>'


def provenance(case: Case, seconds: Mapping[str, float]) -> str:
    """One line that says how to make this again."""
    model = case.recovery.model
    parts = [
        f"corruption {case.sample.corruption or 'none (as it is)'}",
        f"model {model.id} {model.revision}",
        model.engine,
        f"seed {case.recovery.seed}",
        *(f"{name} {value:.2f} s" for name, value in seconds.items()),
    ]
    return f'<p class="ru1-small">{escape(" · ".join(parts))}</p>'
