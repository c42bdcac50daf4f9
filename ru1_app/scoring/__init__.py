"""Scorers by name. Only CLIP and the risk model need torch; they load their weights here."""

from __future__ import annotations

from ru1_app.config import Settings
from ru1_app.errors import InvalidInput
from ru1_app.scoring.base import Pair, Scorer, ScorerSpec
from ru1_app.scoring.ciede import CIEDE2000
from ru1_app.scoring.clip import load_embedded, load_openai
from ru1_app.scoring.ms_ssim import MS_SSIM
from ru1_app.scoring.no_reference import BLOCKINESS, NOISE, SHARPNESS
from ru1_app.scoring.psnr import PsnrScorer
from ru1_app.scoring.risk import load_risk
from ru1_app.scoring.ssim import SSIM

__all__ = ["Pair", "Scorer", "ScorerSpec", "load_scorers", "scorers_with"]

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
    risk = settings.models_dir / "risk"
    models: list[Scorer] = [CLIPS[settings.clip](settings)]
    if risk.is_dir():
        models.append(load_risk(risk, settings.models_dir / "clip"))
    return scorers_with(*models)


def scorers_with(*models: Scorer) -> dict[str, Scorer]:
    """All scorers with these that need weights, in the order in which they are shown."""
    scorers: tuple[Scorer, ...] = (SSIM, MS_SSIM, PsnrScorer(), CIEDE2000, *models, SHARPNESS, NOISE, BLOCKINESS)
    return {scorer.spec.name: scorer for scorer in scorers}
