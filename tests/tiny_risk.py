"""A risk model with random weights, and the shipped models beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from ru1_app.config import Settings
from ru1_app.scoring.risk import Described
from ru1_app.scoring.risk_net import DESCRIPTION, WEIGHTS, RiskNet

SHIPPED = Settings().models_dir
DESCRIBED = Described(
    900, 90, 40, 0.9, 0.85, 0.95, True, 1.0, 0.2, "abc" * 20, images=120, held_out_images=30, raters=5,
    simulated_raters=5, marked=40, hits=30, chance=0.1,
)  # fmt: skip
FEW = replace(DESCRIBED, labels=30, held_out=10, held_out_misleading=2, simulated=False, simulated_raters=0)


def make_models_without_risk(folder: Path) -> Path:
    """A folder of models like the shipped one, but for the risk model."""
    folder.mkdir(parents=True)
    for path in SHIPPED.iterdir():
        if path.name != "risk":
            (folder / path.name).symlink_to(path)
    return folder


def make_models_with_risk(folder: Path, described: Described = DESCRIBED) -> Path:
    """The same with a risk model that describes itself so."""
    make_models_without_risk(folder)
    (folder / "risk").mkdir()
    torch.manual_seed(0)
    head = RiskNet(SHIPPED / "clip").head
    save_file({name: value.half().contiguous() for name, value in head.state_dict().items()}, folder / "risk" / WEIGHTS)
    (folder / "risk" / DESCRIPTION).write_text(json.dumps(asdict(described)), "utf-8")
    return folder
