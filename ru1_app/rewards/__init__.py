"""Rewards of recoveries, by name: batch-first on tensors, on any device. Higher is better; 1 is a perfect recovery.

    total = reward_of({"ssim": 1.0, "clip": 0.2}, Folders(clip=clip_folder))
    total(recovered, clean)  # {"ssim": [N], "clip": [N], "total": [N]}

Robust-U1 (arXiv 2606.08063) sums SSIM with weight 1.0 and exp(-5 (1 - cos)) of CLIP's image embeddings with weight 0.2.
`risk` is 1 less the probability that people find the recovery misleading, by a model of their judgements. What people
said of a recovery that exists is no reward of one that will be made: see `human`. PSNR and MS-SSIM are never rewards
here: they are what a run is watched by. `flow_grpo` gives all of them to Flow-GRPO's trainers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ru1_app.errors import InvalidInput
from ru1_app.rewards.clip import STEEPNESS, ClipReward

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["STEEPNESS", "WEIGHTS", "Folders", "Reward", "WeightedReward", "names", "register", "reward_of", "versions"]

WEIGHTS: Mapping[str, float] = {"ssim": 1.0, "clip": 0.2}
"""Robust-U1's rewards and what they weigh."""


class Reward(Protocol):
    """(recovered, clean, corrupted), each [N, 3, H, W] in [0, 1], to [N]; most do not look at the corrupted images."""

    def __call__(self, recovered: Tensor, clean: Tensor, corrupted: Tensor | None) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the models of the rewards are."""

    clip: Path
    risk: Path | None = None


class Made(NamedTuple):
    """How a reward is made, and the version of its definition: a run says which ones it was trained by."""

    make: Callable[[Folders], Reward]
    version: str


_MAKERS: dict[str, Made] = {}


def register(name: str, make: Callable[[Folders], Reward], version: str = "1") -> None:
    """Add a reward by name.

    Raises:
        InvalidInput: the name is taken.
    """
    if name in _MAKERS:
        raise InvalidInput(f"There is a reward {name!r} already. Choose another name.")
    _MAKERS[name] = Made(make, version)


def names() -> tuple[str, ...]:
    """The rewards there are."""
    return tuple(_MAKERS)


def versions(weights: Mapping[str, float]) -> dict[str, str]:
    """The version of each reward that is named."""
    return {name: _MAKERS[name].version for name in weights}


class WeightedReward:
    """The weighted sum of named rewards."""

    def __init__(self, parts: Mapping[str, tuple[Reward, float]]) -> None:
        self._parts = dict(parts)

    def __call__(self, recovered: Tensor, clean: Tensor, corrupted: Tensor | None = None) -> dict[str, Tensor]:
        """Each part and, as "total", the sum; without gradients."""
        import torch

        with torch.no_grad():
            values = {name: reward(recovered, clean, corrupted) for name, (reward, _) in self._parts.items()}
            weighed = [weight * values[name] for name, (_, weight) in self._parts.items()]
            return {**values, "total": torch.stack(weighed).sum(0)}


def reward_of(weights: Mapping[str, float], folders: Folders) -> WeightedReward:
    """The sum of the rewards named in `weights`; one that weighs 0 is left out.

    Raises:
        InvalidInput: there is no such reward, or none is left.
        Unavailable: a model is missing.
    """
    if unknown := sorted(weights.keys() - _MAKERS.keys()):
        raise InvalidInput(f"There is no reward {unknown[0]!r}. There are: {', '.join(_MAKERS)}.")
    parts = {name: (_MAKERS[name].make(folders), weight) for name, weight in weights.items() if weight}
    if not parts:
        raise InvalidInput(f"No reward has a weight. Give one of {', '.join(_MAKERS)} a weight other than 0.")
    return WeightedReward(parts)


def _ssim(_: Folders) -> Reward:
    from ru1_app.scoring.ssim_torch import ssim_batch

    return lambda recovered, clean, corrupted: ssim_batch(recovered, clean)


def _risk(folders: Folders) -> Reward:
    from ru1_app.rewards.risk import RiskReward

    return RiskReward(folders)


register("ssim", _ssim)
register("clip", lambda folders: ClipReward(folders.clip), "2")
register("risk", _risk)
