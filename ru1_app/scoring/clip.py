"""CLIP similarity: the cosine of two image embeddings, through open_clip.

The score is the plain cosine; the reward's shaping exp(-5 (1 - cos)) belongs to training.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ru1_app.domain import Score
from ru1_app.errors import Unavailable
from ru1_app.images import Image8, digest
from ru1_app.scoring.base import Pair, ScorerSpec, mismatch, scored

WEIGHTS = "open_clip_model.safetensors"
KEPT = 64  # embeddings in memory
OPENAI = "ViT-B-32-quickgelu"  # OpenAI's weights need QuickGELU; plain ViT-B-32 is GELU in open_clip 3


class ClipScorer:
    """Image-image cosine of one CLIP model."""

    def __init__(self, model: Any, preprocess: Any, name: str) -> None:
        self._model, self._preprocess = model, preprocess
        self.spec = ScorerSpec(
            name="clip",
            label="CLIP similarity",
            version="1",
            low=-1.0,
            high=1.0,
            higher_is_better=True,
            unit="",
            definition="Cosine of the two images' CLIP embeddings: do they show the same thing? 1 = identical.",
            blind_to="Everything outside the centre square, and details finer than its input (small text, faces).",
            model=name,
            aligned=False,
        )
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, images: Sequence[Image8]) -> NDArray[np.float32]:
        """Unit embeddings [N, D] of RGB uint8 images of any size."""
        import torch

        with torch.inference_mode():
            batch = torch.stack([self._preprocess(Image.fromarray(image)) for image in images])
            features = self._model.encode_image(batch, normalize=True)
        return np.asarray(features.float().cpu().numpy(), np.float32)

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """One cosine per pair. An image seen lately is not embedded again: within a run, each is embedded once."""
        keys = [tuple(_key(image) for image in (pair.image, pair.other) if image is not None) for pair in pairs]
        images = {
            key: image
            for pair, names in zip(pairs, keys, strict=True)
            for key, image in zip(names, (pair.image, pair.other), strict=False)
            if image is not None
        }
        rows = self._rows(images)
        return [self._one(pair, names, rows) for pair, names in zip(pairs, keys, strict=True)]

    def _one(self, pair: Pair, names: tuple[str, ...], rows: Mapping[str, NDArray[np.float32]]) -> Score:
        if reason := mismatch(pair):
            return scored(self.spec, None, reason)
        return scored(self.spec, float(np.clip(rows[names[0]] @ rows[names[1]], -1, 1)))

    def _rows(self, images: Mapping[str, Image8]) -> dict[str, NDArray[np.float32]]:
        """The embedding of each image by its key, from memory where it is there."""
        with self._lock:
            rows = {key: self._kept[key] for key in images if key in self._kept}
        new = {key: image for key, image in images.items() if key not in rows}
        if new:
            rows |= dict(zip(new, self.embed(list(new.values())), strict=True))
        with self._lock:
            for key in images:
                self._kept[key] = rows[key]
                self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return rows


def _key(image: Image8) -> str:
    return digest(np.ascontiguousarray(image).tobytes() + str(image.shape).encode())


def load_embedded(folder: Path) -> ClipScorer:
    """The CLIP of this project, in open_clip's own format; no network is touched.

    Raises:
        Unavailable: a file is missing; the message names it.
    """
    for file in ("open_clip_config.json", WEIGHTS):
        if not (folder / file).is_file():
            raise Unavailable(f"The CLIP folder {folder.name!r} lacks {file}. Train it, or get it again.")
    import open_clip

    from ru1_app.models.revision import weights_revision

    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}", precision="fp32")
    return ClipScorer(model.eval(), preprocess, f"embedded CLIP {weights_revision(folder / WEIGHTS)}")


def load_openai() -> ClipScorer:
    """OpenAI's ViT-B/32, as in upstream's reward.

    Raises:
        Unavailable: the weights are neither on disk nor to be had from the model hub.
    """
    import open_clip

    try:
        model, preprocess = open_clip.create_model_from_pretrained(OPENAI, pretrained="openai")
    except Exception as error:
        raise Unavailable(
            "OpenAI's CLIP cannot be loaded: its weights are not on this disk and the model hub cannot be "
            "reached. Set RU1_CLIP=embedded to use the small CLIP that ships with the app."
        ) from error
    return ClipScorer(model.eval(), preprocess, "OpenAI CLIP ViT-B/32 (QuickGELU)")
