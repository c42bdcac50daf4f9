"""Weights of the recoverer in and out: the folder that the app loads."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from diffusers.schedulers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file

from ru1_app.errors import InvalidInput
from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.models.embedded.pipeline import SourceFlowPipeline


def start_from(net: RecoveryNet, folder: Path) -> None:
    """Take over the weights of an earlier model; what it lacks of later additions keeps its zero start.

    Raises:
        InvalidInput: there is none, or it is of another shape.
    """
    path = folder / "net" / "diffusion_pytorch_model.safetensors"
    if not path.is_file():
        raise InvalidInput(f"There is no recoverer in {folder}: it lacks net/{path.name}.")
    state, own = load_file(path), net.state_dict()
    wrong = [name for name, value in state.items() if name not in own or own[name].shape != value.shape]
    if wrong or any(not name.startswith("local.") for name in own.keys() - state.keys()):
        raise InvalidInput(f"The model in {folder} is of another shape than the configuration; {wrong[:3]} do not fit.")
    net.load_state_dict(state, strict=False)


def save_pipeline(net: RecoveryNet, source_noise: float, folder: Path) -> None:
    """The diffusers folder that the app loads, in half precision on disk."""
    half = deepcopy(net).to(torch.float16)
    half.register_to_config(_name_or_path="")  # else the folder that it was once loaded from goes out with it
    SourceFlowPipeline(half, FlowMatchEulerDiscreteScheduler(), source_noise).save_pretrained(folder)
