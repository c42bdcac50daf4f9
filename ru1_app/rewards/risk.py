"""The reward of not misleading: 1 less the probability that people find the recovery misleading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.rewards import Folders

if TYPE_CHECKING:
    from torch import Tensor


class RiskReward:
    """By a risk model (`ru1_app.scoring.risk`), which looks at whole images: it is no reward of small crops."""

    def __init__(self, folders: Folders) -> None:
        if folders.risk is None:
            raise Unavailable("The reward 'risk' needs the folder of a risk model. Train one on a release.")
        from ru1_app.scoring.risk import describe
        from ru1_app.scoring.risk_net import load_net

        self._temperature = describe(folders.risk).temperature
        self._net = load_net(folders.risk, folders.clip)

    def __call__(self, recovered: Tensor, clean: Tensor, corrupted: Tensor | None) -> Tensor:
        """See `Reward`."""
        import torch

        if corrupted is None:
            raise InvalidInput("The reward 'risk' compares with the corrupted images; give them too.")
        self._net.to(recovered.device)
        with torch.no_grad():
            risk: Tensor = torch.sigmoid(self._net(corrupted, recovered).logit / self._temperature)
        return 1 - risk
