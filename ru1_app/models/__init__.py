"""Model adapters by name. Listing them imports nothing heavy; `wiring.App` loads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A choice in the model menu: `loader` is "module:function", called with the model's folder."""

    label: str
    loader: str
    folder: str  # below Settings.models_dir
    summary: str


RECOVERERS = {
    "embedded": ModelEntry(
        "Embedded recoverer",
        "ru1_app.models.embedded.adapter:load",
        "recoverer",
        "a small rectified flow trained by this project; runs on a CPU",
    ),
}

ANSWERERS = {
    "embedded": ModelEntry(
        "Embedded answerer",
        "ru1_app.models.vlm:load",
        "answerer",
        "a small vision-language model trained by this project on drawn road scenes",
    ),
}
