"""The loop of stage II: draw, reward, compare within the group, take a step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ru1_app.errors import InvalidInput
from ru1_app.rewards import WeightedReward
from ru1_app.training.ema import follow
from ru1_app.training.rl.objective import advantages, objective
from ru1_app.training.rl.policy import Inputs, Policy, Rollout
from ru1_app.training.rl.scale import ScalePolicy
from ru1_app.training.rl.sde import SdePolicy
from ru1_app.training.run_log import RunLog


@dataclass(frozen=True)
class RlConfig:
    """Keys of rl.toml, explained there."""

    seed: int
    iterations: int
    seconds: float
    workers: int
    inputs: int
    group: int
    crop: int
    lr: float
    warmup: int
    clip: float
    beta: float
    updates: int
    max_norm: float
    ema: float
    policy: str
    cell: int
    temperature: float
    strength: float
    sde_steps: int
    sde_noise: float
    rewards: dict[str, float]
    clean_share: float
    second_share: float
    scene_share: float
    aligned_share: float
    checkpoint_every: int
    log_every: int


def policy_of(config: RlConfig, source_noise: float) -> Policy:
    """The policy that the settings name; `source_noise` is that of the flow.

    Raises:
        InvalidInput: there is no such policy.
    """
    if config.policy == "scale":
        return ScalePolicy(config.cell, config.temperature, config.strength)
    if config.policy == "sde":
        return SdePolicy(config.sde_steps, config.sde_noise, source_noise)
    raise InvalidInput(f"There is no policy {config.policy!r}. There are: scale, sde.")


class Report(NamedTuple):
    """What one iteration says of itself; `rewards` are means over all draws, by name."""

    rewards: Mapping[str, float]
    spread: float  # mean deviation of the total reward within a group
    ratio: float
    clipped: float
    kl: float
    norm: float
    psnr: float  # dB of the draws; watched, never a reward

    def as_dict(self) -> dict[str, float]:
        """Flat, for a log."""
        return {**self.rewards, **{name: value for name, value in self._asdict().items() if name != "rewards"}}


class Trainer:
    """Owns the weights, their average, the reference and the optimiser. `net` is called as `RecoveryNet` is."""

    def __init__(self, net: nn.Module, policy: Policy, reward: WeightedReward, config: RlConfig) -> None:
        self.net, self.policy, self.reward, self.config = net, policy, reward, config
        self.reference = deepcopy(net).requires_grad_(False)
        self.average = deepcopy(net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=config.lr, weight_decay=0.0)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.iteration, self.seconds = 0, 0.0

    @property
    def over(self) -> bool:
        """Whether the last iteration or second has been reached, counting those before a resume."""
        timed_out = bool(self.config.seconds) and self.seconds >= self.config.seconds
        return self.iteration >= self.config.iterations or timed_out

    def update(self, inputs: Inputs) -> Report:
        """One iteration on these inputs."""
        rollout = self.policy.sample(self.net, inputs, self.config.group, self.generator)
        rewards = self._judge(rollout)
        advantage = advantages(rewards["total"])
        with torch.no_grad():
            reference = self.policy.evaluate(self.reference, rollout) if self.config.beta else None
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr * min(1.0, (self.iteration + 1) / self.config.warmup)
        for _ in range(self.config.updates):
            current = self.policy.evaluate(self.net, rollout)
            aim = objective(
                current,
                rollout.log_probs,
                advantage,
                clip=self.config.clip,
                reference=reference,
                beta=self.config.beta,
            )
            self.optimizer.zero_grad(set_to_none=True)
            aim.loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.config.max_norm)
            self.optimizer.step()
        self.iteration += 1
        follow(self.average.state_dict(), self.net.state_dict(), self.config.ema)
        error = (rollout.images - inputs.clean[:, None]).square().flatten(2).mean(2).clamp(min=1e-8)
        return Report(
            {name: float(value.mean()) for name, value in rewards.items()},
            float(rewards["total"].std(1, correction=0).mean()),
            ratio=float(aim.ratio),
            clipped=float(aim.clipped),
            kl=float(aim.kl),
            norm=float(norm),
            psnr=float(-10 * error.log10().mean()),
        )

    def _judge(self, rollout: Rollout) -> dict[str, Tensor]:
        """The rewards [N, G] by name."""
        count, group = rollout.images.shape[:2]
        clean, corrupted = (
            images.repeat_interleave(group, 0) for images in (rollout.inputs.clean, rollout.inputs.corrupted)
        )
        values = self.reward(rollout.images.flatten(0, 1), clean, corrupted)
        return {name: value.view(count, group) for name, value in values.items()}

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs; the reference too, so that it stays what it was whatever `--init` names now."""
        nets = {name: getattr(self, name).state_dict() for name in ("net", "average", "reference", "optimizer")}
        return {
            **nets,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "generator": self.generator.get_state(),
            "config": asdict(self.config),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        for name in ("net", "average", "reference", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.iteration, self.seconds = state["iteration"], state.get("seconds", 0.0)
        self.generator.set_state(state["generator"].cpu())


def run(trainer: Trainer, source: Iterator[Inputs], folder: Path) -> Iterator[Report]:
    """Train to the last iteration or second, yielding each iteration's report; keeps `checkpoint.pt` and `log.csv`."""
    config = trainer.config
    log = RunLog(folder, config.log_every, trainer.iteration)
    began = time.monotonic()
    while not trainer.over:
        report = trainer.update(next(source))
        now = time.monotonic()
        trainer.seconds += now - began
        began = now
        log.add(trainer.iteration, report.as_dict())
        if trainer.over or trainer.iteration % config.checkpoint_every == 0:
            part = folder / "checkpoint.pt.part"
            torch.save(trainer.state(), part)
            part.replace(folder / "checkpoint.pt")
        yield report
    log.close()
