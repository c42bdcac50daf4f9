"""Maps of a result as colours: where it is unsure, may mislead, differs, where the damage was. No Gradio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ru1_app.corruptions import Geometry
from ru1_app.domain import Region, UncertaintyKind
from ru1_app.images import Image8
from ru1_app.pipeline import UNCERTAINTY_FULL, RunResult
from ru1_app.scoring.maps import difference_map, ssim_map
from ru1_app.scoring.ssim import WINDOW
from ru1_app.uncertainty import UNSURE

DIFFERENCE_FULL = 64.0  # grey levels that are shown brightest
RISK_FULL = 0.5  # share of raters that is shown brightest: of hardly any place do more say so


@dataclass(frozen=True)
class Overlay:
    """One map over the recovered image, with the words of its colour bar."""

    name: str
    label: str
    image: Image8
    low: str
    high: str
    note: str = ""
    regions: tuple[Region, ...] = ()


def heat(values: Any, full: float) -> Image8:
    """A map [H, W] from 0 (dark) to `full` or more (bright) as RGB colours."""
    scaled = np.clip(np.asarray(values) * (255 / full), 0, 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)


def overlays(result: RunResult) -> list[Overlay]:
    """Those that the result has."""
    return [*_unsure(result), *_risky(result), *_differences(result), *_damage(result)]


def _unsure(result: RunResult) -> Iterator[Overlay]:
    found = result.case.recovery.uncertainty
    if result.uncertainty is None or found is None:
        return
    drawn = found.kind is UncertaintyKind.DEVIATION
    label = "where the draws differ" if drawn else "where the model is unsure"
    what = "standard deviation over the draws" if drawn else "error that the model expects"
    note = f"{what}; {found.share:.0%} of the image has {UNSURE[found.kind]:.0f} levels or more"
    if found.regions:
        note += ", boxes around the least sure parts"
    image = heat(result.uncertainty, UNCERTAINTY_FULL)
    yield Overlay("unsure", label, image, "0", f"{UNCERTAINTY_FULL:.0f}+ grey levels", note, found.regions)


def _risky(result: RunResult) -> Iterator[Overlay]:
    """In squares as coarse as the model tells them."""
    if result.places is None:
        return
    shares, judges, note = result.places
    height, width = result.recovered.shape[:2]
    image = cv2.resize(heat(shares, RISK_FULL), (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    across = f"{shares.shape[1]}×{shares.shape[0]}"
    full = f"{RISK_FULL:.0%} or more"
    here = f"({across} places), here at most {shares.max():.0%}"
    told = f"of {judges} would mark the place as false, by a model of them {here}; {note}"
    yield Overlay("risk", "where it may mislead", image, "0", full, told)


def _differences(result: RunResult) -> Iterator[Overlay]:
    """To the clean image; to the corrupted one where that is not known, or where the corruption moved things."""
    moved = result.geometry is Geometry.MOVED
    known = result.reference is not None and not moved
    other = result.corrupted if result.reference is None or moved else result.reference
    what = "clean image" if known else "corrupted input"
    full = f"{DIFFERENCE_FULL:.0f}+ grey levels"
    difference = heat(difference_map(result.recovered, other), DIFFERENCE_FULL)
    yield Overlay("difference", f"difference to the {what}", difference, "0", full)
    if min(result.recovered.shape[:2]) >= WINDOW:
        values = 1 - ssim_map(result.recovered, other)
        yield Overlay("ssim", f"SSIM to the {what}", heat(values, 1.0), "1, the same", "0 or less")


def _damage(result: RunResult) -> Iterator[Overlay]:
    if result.mask is None or result.mask.all():
        return
    yield Overlay(
        "damage", "damaged part", heat(result.mask, 1.0), "untouched", "damaged",
        f"{result.mask.mean():.0%} of the image was damaged",
    )  # fmt: skip
