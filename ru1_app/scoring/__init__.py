"""Scorers by name. SSIM and PSNR need no torch; CLIP loads its weights here."""

from __future__ import annotations

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.scoring.base import Pair, Scorer, ScorerSpec
from ru1_app.scoring.clip import load_embedded, load_openai
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.ssim import SsimScorer

__all__ = ["Pair", "Scorer", "ScorerSpec", "load_scorers"]

CLIPS = {
    "embedded": lambda settings: load_embedded(settings.models_dir / "clip"),
    "openai": lambda settings: load_openai(),
}


def load_scorers(settings: Settings) -> dict[str, Scorer]:
    """All scorers, ready, in the order in which they are shown.

    Raises:
        InvalidInput: the setting names no CLIP.
        Unavailable: the CLIP's weights cannot be had.
    """
    if settings.clip not in CLIPS:
        raise InvalidInput(f"RU1_CLIP={settings.clip!r} is not one of {', '.join(CLIPS)}.")
    return {"ssim": SsimScorer(), "psnr": PsnrScorer(), "clip": CLIPS[settings.clip](settings)}
