"""Recorded outputs of the original model code on a tiny random checkpoint, in the folder that RU1_GOLDEN_DIR names."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ru1_app.config import ROOT
from ru1_app.models.bagel.load import open_bagel
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.session import Session
from ru1_app.models.bagel.settings import UPSTREAM, Renorm, Resize, Sampling, Settings
from ru1_app.models.bagel.tokens import Tokens, open_tokens

FOLDER = Path(os.environ.get("RU1_GOLDEN_DIR") or ROOT.parent / "shared" / "golden")


class Recorded:
    """Draws that give recorded noise back, in the order in which it was drawn."""

    def __init__(self, posterior: list[Tensor], start: list[Tensor], step: list[Tensor] | None = None) -> None:
        self.left = {"posterior": list(posterior), "start": list(start), "step": list(step or [])}

    def posterior(self, shape: tuple[int, ...]) -> Tensor:
        return self._next("posterior", shape)

    def start(self, shape: tuple[int, ...]) -> Tensor:
        return self._next("start", shape)

    def step(self, shape: tuple[int, ...]) -> Tensor:
        return self._next("step", shape)

    def word(self, probabilities: Tensor) -> int:
        raise AssertionError("the recorded texts are greedy")

    def _next(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        noise = self.left[kind].pop(0)
        assert tuple(noise.shape) == tuple(shape)
        return noise


class Golden:
    """The recorded set: manifest, arrays, and the model on its checkpoint in float32."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        self._arrays = np.load(folder / "golden.npz")
        self.names: list[str] = self._arrays.files
        said = self.manifest.get("tolerance", {})
        self.close = float(said.get("hidden_kv_vit_latents", 3e-5))
        self.loose = float(said.get("velocity_logits", 1e-4))
        self.decoded = float(said.get("vae_decode", 1e-4))

    def array(self, name: str) -> Tensor:
        return torch.from_numpy(self._arrays[name])

    def image(self, name: str) -> Image.Image:
        return Image.fromarray(self._arrays[name])

    @cached_property
    def model(self) -> Bagel:
        return open_bagel(self.folder / "checkpoint")

    @cached_property
    def tokens(self) -> Tokens:
        return open_tokens(self.folder / "checkpoint", self.model.config.language.vocab_size)

    @property
    def settings(self) -> Settings:
        config = self.manifest["config"]
        return Settings(Resize(*config["vae_transform"]), Resize(*config["vit_transform"]), UPSTREAM)

    def session(self, draws: Recorded | None = None) -> Session:
        return Session(self.model, self.tokens, self.settings, draws or Recorded([], []))

    def sampling(self, hyper: dict[str, Any]) -> Sampling:
        return Sampling(
            points=hyper["num_timesteps"],
            shift=hyper["timestep_shift"],
            text_scale=hyper["cfg_text_scale"],
            image_scale=hyper["cfg_img_scale"],
            interval=(hyper["cfg_interval"][0], hyper["cfg_interval"][1]),
            renorm=Renorm(hyper["cfg_renorm_type"]),
            renorm_min=hyper["cfg_renorm_min"],
            noise_level=hyper.get("noise_level", 0.0),
        )

    def near(self, got: Any, name: str, tolerance: float) -> None:
        """The recorded array, within a tolerance."""
        want = self.array(name).double()
        got = torch.as_tensor(got).double()
        assert tuple(got.shape) == tuple(want.shape), name
        worst = float((got - want).abs().max()) if want.numel() else 0.0
        assert worst <= tolerance, f"{name}: {worst:.2e} is more than {tolerance:.0e}"

    def pixels(self, got: Any, name: str) -> None:
        """The recorded 8-bit image, within one level."""
        self.near(np.asarray(got).astype(int), name, 1)
