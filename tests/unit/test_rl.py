"""Stage II on toy flows whose optimum is known, and its parts against independent calculations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ru1_app.errors import InvalidInput
from ru1_app.models.embedded.net import Prediction
from ru1_app.rewards import Folders, WeightedReward, names, register, reward_of
from ru1_app.training.config import load_config
from ru1_app.training.rl import trainer as trainer_module
from ru1_app.training.rl.objective import advantages, divergence, objective
from ru1_app.training.rl.policy import Inputs, Policy, Rollout
from ru1_app.training.rl.scale import FAINT, ScalePolicy
from ru1_app.training.rl.sde import SdePolicy
from ru1_app.training.rl.trainer import RlConfig, Trainer, run
from ru1_app.training.run_log import read_log

SIDE = 8
TARGET = 0.7
CONFIG = load_config(RlConfig, Path(trainer_module.__file__).with_name("rl.toml"))
POLICIES: list[Policy] = [ScalePolicy(4, 1.0, 0.1), SdePolicy(4, 1.0, 0.2)]


class Toy(nn.Module):
    """Predicts one colour everywhere, and half of what a draw adds: two numbers can be learned."""

    def __init__(self, level: float = 0.4) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(level))
        self.follow = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, corrupted: Tensor, time: Tensor, thumbnail: Tensor) -> Prediction:
        clean = self.level + self.follow * (x - corrupted) + torch.zeros_like(x)
        return Prediction(clean, torch.full_like(x[:, :1, ::4, ::4], math.log(0.05)))


def inputs(count: int = 4) -> Inputs:
    shape = (count, 3, SIDE, SIDE)
    return Inputs(torch.full(shape, 0.5), torch.full(shape, TARGET), torch.zeros(count, 8, 48, 48))


def nearness(recovered: Tensor, clean: Tensor, corrupted: Tensor | None = None) -> Tensor:
    """Highest, 0, where the recovery is the clean image."""
    return -(recovered - clean).square().flatten(1).mean(1)


def constant(recovered: Tensor, clean: Tensor, corrupted: Tensor | None) -> Tensor:
    return torch.full((len(recovered),), 0.3)


def slope(loss: Callable[[], Tensor], parameter: Tensor) -> float:
    """The derivative of a loss by a number, as a central difference."""
    there = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            parameter += step
            there.append(float(loss()))
            parameter -= step
    return (there[0] - there[1]) / 2e-6


def toy_trainer(policy: Policy, reward: object, **changes: object) -> Trainer:
    config = replace(CONFIG, lr=0.01, group=16, clip=0.2, beta=0.0, warmup=1, **changes)
    return Trainer(Toy(), policy, WeightedReward({"toy": (reward, 1.0)}), config)


def endless(count: int = 4) -> Iterator[Inputs]:
    while True:
        yield inputs(count)


@pytest.mark.parametrize("policy", POLICIES, ids=["scale", "sde"])
def test_the_reward_rises_to_the_known_optimum(policy: Policy, tmp_path: Path) -> None:
    trainer = toy_trainer(policy, nearness, iterations=150, checkpoint_every=150)
    reports = list(run(trainer, endless(), tmp_path))
    drawn = policy.sample(trainer.net, inputs(), 64, torch.Generator().manual_seed(9)).images
    assert float(drawn.mean()) == pytest.approx(TARGET, abs=0.03)
    assert reports[-1].rewards["total"] > reports[0].rewards["total"] / 4
    assert reports[-1].rewards["total"] == reports[-1].rewards["toy"]
    assert (tmp_path / "log.csv").read_text().splitlines()[-1].startswith("150,")


@pytest.mark.parametrize("policy", POLICIES, ids=["scale", "sde"])
def test_a_constant_reward_moves_nothing(policy: Policy) -> None:
    trainer = toy_trainer(policy, constant)
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    for _ in range(5):
        trainer.update(inputs())
    assert all(torch.equal(value, before[name]) for name, value in trainer.net.state_dict().items())


@pytest.mark.parametrize("policy", POLICIES, ids=["scale", "sde"])
def test_ratios_are_one_before_the_first_step_and_the_divergence_from_oneself_is_none(policy: Policy) -> None:
    net = Toy()
    rollout = policy.sample(net, inputs(), 8, torch.Generator().manual_seed(0))
    current = policy.evaluate(net, rollout)
    aim = objective(current, rollout.log_probs, torch.ones(4, 8), clip=0.01, reference=current, beta=1.0)
    assert torch.allclose(torch.exp(current.log_probs - rollout.log_probs), torch.ones(()), atol=1e-6)
    assert float(aim.ratio) == pytest.approx(1)
    assert float(aim.kl) == 0
    further = [
        float(divergence(policy.evaluate(Toy(0.4 + far), rollout), current).detach()) for far in (0.01, 0.05, 0.2)
    ]
    assert 0 < further[0] < further[1]


@pytest.mark.parametrize("policy", POLICIES, ids=["scale", "sde"])
def test_log_probabilities_are_those_of_the_normal_distribution(policy: Policy) -> None:
    net = Toy()
    rollout = policy.sample(net, inputs(2), 3, torch.Generator().manual_seed(1))
    found = policy.evaluate(net, rollout)
    if isinstance(policy, ScalePolicy):
        mean, std = (torch.tensor([a, a, a, b, b])[:, None, None] for a, b in ((0.4, 0.0), (0.05, 0.1)))
        normal = torch.distributions.Normal(mean, std)
        expected = normal.log_prob(rollout.states).flatten(2).mean(2)[..., None]
    else:
        normal = torch.distributions.Normal(found.means, found.stds)
        expected = normal.log_prob(rollout.states[:, :, 1:]).flatten(3).mean(3)
    assert torch.allclose(found.log_probs, expected, atol=1e-5)


@pytest.mark.parametrize("policy", POLICIES, ids=["scale", "sde"])
def test_the_gradient_is_that_of_finite_differences(policy: Policy) -> None:
    net = Toy().double()
    asked = Inputs(*(part.double() for part in inputs(2)))
    rollout = policy.sample(net, asked, 5, torch.Generator().manual_seed(2))
    gain = advantages(torch.randn(2, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64))

    def loss() -> Tensor:
        current = policy.evaluate(net, rollout)
        return objective(current, rollout.log_probs, gain, clip=0.2, reference=None, beta=0.0).loss

    loss().backward()
    for parameter in net.parameters():
        if parameter.grad is None:
            continue
        assert float(parameter.grad) == pytest.approx(slope(loss, parameter), rel=1e-4, abs=1e-8)
    assert float(net.level.grad) != 0


CELL = 4
THEIRS, OWN = 0.1 * torch.randn(2, 3, 3 * CELL, 4 * CELL, generator=torch.Generator().manual_seed(5)).double()


class Textured(nn.Module):
    """Predicts a colour, some of the corrupted image's detail and some of a texture of its own: three numbers."""

    def __init__(self, level: float = 0.02, theirs: float = 0.6, own: float = 0.5) -> None:
        super().__init__()
        values = (level, theirs, own)
        self.level, self.theirs, self.own = (nn.Parameter(torch.tensor(each).double()) for each in values)

    def forward(self, x: Tensor, corrupted: Tensor, time: Tensor, thumbnail: Tensor) -> Prediction:
        clean = 0.5 + self.level + self.theirs * (corrupted - 0.5) + self.own * OWN
        return Prediction(clean, torch.full_like(x[:, :1, ::4, ::4], math.log(0.01)))


def textured(clean: Tensor | None = None) -> Inputs:
    corrupted = 0.5 + torch.stack([THEIRS, THEIRS.flip(2)])
    return Inputs(corrupted, corrupted if clean is None else clean, torch.zeros(2, 8, 48, 48).double())


def upsampled(cells: Tensor) -> Tensor:
    return F.interpolate(cells, scale_factor=CELL, mode="bilinear", align_corners=False)


def colours(image: Tensor) -> Tensor:
    """Mean colours [3, h, w] of the cells of an image [3, H, W]."""
    return image.unflatten(2, (-1, CELL)).unflatten(1, (-1, CELL)).mean((2, 4))


def share(change: Tensor, direction: Tensor) -> Tensor:
    """How much of a direction is in a change, [h, w]: least squares in each cell, damped where it is faint."""
    rows, columns = (side // CELL for side in change.shape[1:])
    found = torch.empty(rows, columns).double()
    for i in range(rows):
        for j in range(columns):
            a, b = (x[:, i * CELL : i * CELL + CELL, j * CELL : j * CELL + CELL].flatten() for x in (change, direction))
            found[i, j] = (a @ b) / (b @ b + CELL**2 * FAINT)
    return found


def details(clean: Tensor, corrupted: Tensor) -> tuple[Tensor, Tensor]:
    """An image's own detail, and what the corrupted one has more of that is not along it; [3, H, W] each."""
    own, theirs = (image - upsampled(colours(image)[None])[0] for image in (clean, corrupted))
    along = share(theirs - own, own).repeat_interleave(CELL, 0).repeat_interleave(CELL, 1)
    return own, theirs - own - along * own


def drawn(net: nn.Module, group: int = 6) -> Rollout:
    return ScalePolicy(CELL, 1.0, 0.1).sample(net, textured(), group, torch.Generator().manual_seed(4))


def predicted(net: nn.Module) -> Tensor:
    asked = textured()
    clean: Tensor = net(asked.corrupted, asked.corrupted, torch.ones(2), asked.thumbnails).clean.detach()
    return clean


@pytest.mark.parametrize("moved", [{}, {"theirs": 0.75}, {"own": 0.35}, {"level": 0.03, "theirs": 0.5, "own": 0.6}])
def test_colours_and_details_are_weighed_as_normal_distributions(moved: dict[str, float]) -> None:
    """Under the weights that drew, and under others that have more or less of a detail."""
    rollout, now = drawn(Textured()), Textured(**moved)
    found = ScalePolicy(CELL, 1.0, 0.1).evaluate(now, rollout).log_probs
    std = torch.tensor([0.01] * 3 + [0.1] * 2).double()[:, None, None]
    for n, (before, after, corrupted) in enumerate(
        zip(predicted(Textured()), predicted(now), textured().corrupted, strict=True)
    ):
        shares = [share(after - before, direction) for direction in details(before, corrupted)]
        mean = torch.cat([colours(after), torch.stack(shares)])
        expected = torch.distributions.Normal(mean, std).log_prob(rollout.states[n]).flatten(1).mean(1)
        torch.testing.assert_close(found[n, :, 0], expected, rtol=1e-6, atol=1e-6)
    assert torch.allclose(found, rollout.log_probs) is (not moved)


def test_draws_change_colour_own_detail_and_the_corrupted_images_detail() -> None:
    rollout = drawn(Textured())
    for n, (clean, corrupted) in enumerate(zip(predicted(Textured()), textured().corrupted, strict=True)):
        own, other = details(clean, corrupted)
        for image, action in zip(rollout.images[n], rollout.states[n], strict=True):
            colour = upsampled((action[:3] - colours(clean))[None])[0]
            more, taken = upsampled(action[None, 3:])[0]
            torch.testing.assert_close(image, clean + colour + more * own + taken * other, rtol=1e-6, atol=1e-6)
            assert (more * own).abs().mean() > 1e-3
            assert (taken * other).abs().mean() > 1e-3


def test_the_gradient_reaches_what_changes_the_detail() -> None:
    net, rollout = Textured(), drawn(Textured())
    gain = advantages(torch.randn(2, 6, generator=torch.Generator().manual_seed(3)).double())

    def loss() -> Tensor:
        current = ScalePolicy(CELL, 1.0, 0.1).evaluate(net, rollout)
        return objective(current, rollout.log_probs, gain, clip=0.2, reference=None, beta=0.0).loss

    loss().backward()
    for parameter in net.parameters():
        assert float(parameter.grad) == pytest.approx(slope(loss, parameter), rel=1e-4, abs=1e-8)
        assert abs(float(parameter.grad)) > 1e-4


@pytest.mark.parametrize("name", ["theirs", "own"])
@pytest.mark.parametrize("target", [0.3, 0.9])
def test_training_gives_more_or_less_of_a_detail_as_is_rewarded(name: str, target: float) -> None:
    clean = predicted(Textured(**{name: target}))
    config = replace(CONFIG, lr=0.01, group=16, clip=0.2, beta=0.0, warmup=1)
    reward = WeightedReward({"toy": (nearness, 1.0)})
    trainer = Trainer(Textured(), ScalePolicy(CELL, 1.0, 0.1), reward, config)
    for _ in range(60):
        trainer.update(textured(clean))
    assert float(getattr(trainer.net, name).detach()) == pytest.approx(target, abs=0.1)


@pytest.mark.parametrize("noise", [0.3, 1.0, 1.5])
def test_the_sde_keeps_the_marginals_of_the_ode(noise: float) -> None:
    """Clean values ~ N(0.6, 0.1^2) given a corrupted 0.5: then the best prediction, and every marginal, are known."""
    mean, std, sigma, steps, y = 0.6, 0.1, 0.2, 200, 0.5

    class Exact(nn.Module):
        def forward(self, x: Tensor, corrupted: Tensor, time: Tensor, thumbnail: Tensor) -> Prediction:
            t = time[:, None, None, None]
            variance = ((1 - t) * std) ** 2 + (t * sigma) ** 2
            gain = (1 - t) * std**2 / variance
            return Prediction(mean + gain * (x - (1 - t) * mean - t * corrupted), x[:, :1, ::4, ::4])

    asked = Inputs(torch.full((1, 3, 16, 16), y), torch.zeros(1, 3, 16, 16), torch.zeros(1, 8, 48, 48))
    states = SdePolicy(steps, noise, sigma).sample(Exact(), asked, 32, torch.Generator().manual_seed(0)).states
    for step in (steps // 4, steps // 2, 3 * steps // 4, steps - 1):
        t = 1 - step / steps
        x = states[0, :, step]
        wanted = math.hypot((1 - t) * std, t * sigma)
        assert float(x.mean()) == pytest.approx((1 - t) * mean + t * y, abs=0.004)
        assert float(x.std()) == pytest.approx(wanted, rel=0.04)


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=9), st.floats(-2, 2), st.floats(0.1, 4))
def test_advantages_compare_within_the_group_only(values: list[float], shift: float, scale: float) -> None:
    group = torch.tensor([values, [0.25] * len(values)], dtype=torch.float64)
    found = advantages(group)
    assert torch.equal(found[1], torch.zeros(len(values), dtype=torch.float64))
    assert float(found[0].mean()) == pytest.approx(0, abs=1e-9)
    assert torch.allclose(advantages(group + shift), found, atol=1e-6)
    if group[0].std() > 0.1:
        assert torch.allclose(advantages(group * scale), found, atol=2e-2)
        assert float(found[0, group[0].argmax()]) == pytest.approx(float(found[0].max()), abs=1e-6)


def test_a_ratio_beyond_the_clip_earns_nothing() -> None:
    policy, net = ScalePolicy(4, 1.0, 0.1), Toy()
    rollout = policy.sample(net, inputs(1), 2, torch.Generator().manual_seed(0))
    moved = policy.evaluate(Toy(0.6), rollout)
    old = moved.log_probs.detach() - 1.0  # every draw has become e times as likely
    for gain, still in ((1.0, True), (-1.0, False)):
        net = Toy(0.6)
        aim = objective(policy.evaluate(net, rollout), old, torch.full((1, 2), gain), clip=0.2, reference=None, beta=0)
        aim.loss.backward()
        assert (float(net.level.grad) == 0) is still
        assert float(aim.clipped) == 1


def test_a_resumed_run_is_the_run_that_was_not_cut() -> None:
    whole, cut = (toy_trainer(ScalePolicy(4, 1.0, 0.1), nearness) for _ in range(2))
    for _ in range(6):
        whole.update(inputs())
    for _ in range(3):
        cut.update(inputs())
    resumed = toy_trainer(ScalePolicy(4, 1.0, 0.1), nearness)
    resumed.resume(cut.state())
    for _ in range(3):
        resumed.update(inputs())
    assert resumed.iteration == 6
    assert torch.equal(resumed.net.level, whole.net.level)
    assert torch.equal(resumed.average.level, whole.average.level)


def test_seconds_count_on_after_a_resume(tmp_path: Path) -> None:
    """Half of the time was spent before; a checkpoint of old, which does not say how much, counts as none."""
    first = toy_trainer(ScalePolicy(4, 1.0, 0.1), nearness, iterations=3)
    list(run(first, endless(), tmp_path))
    spent = first.seconds
    assert spent > 0
    resumed, old = (toy_trainer(ScalePolicy(4, 1.0, 0.1), nearness, iterations=99, seconds=spent) for _ in range(2))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    resumed.resume(state)
    assert resumed.seconds == spent
    assert list(run(resumed, endless(), tmp_path)) == []
    old.resume({name: value for name, value in state.items() if name != "seconds"})
    assert len(list(run(old, endless(), tmp_path))) >= 1
    assert old.seconds >= spent


def test_a_killed_runs_later_rows_do_not_stay(tmp_path: Path) -> None:
    changes = {"iterations": 6, "checkpoint_every": 4, "log_every": 1}
    killed = run(toy_trainer(ScalePolicy(4, 1.0, 0.1), nearness, **changes), endless(), tmp_path)
    for _ in range(5):
        next(killed)
    resumed = toy_trainer(ScalePolicy(4, 1.0, 0.1), nearness, **changes)
    resumed.resume(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    assert len(list(run(resumed, endless(), tmp_path))) == 2
    assert read_log(tmp_path / "log.csv")["step"] == [1, 2, 3, 4, 5, 6]


def test_a_policy_of_another_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="scale, sde"):
        trainer_module.policy_of(replace(CONFIG, policy="walk"), 0.1)


def test_a_flow_without_noise_cannot_explore() -> None:
    with pytest.raises(ValueError, match="noise"):
        SdePolicy(4, 1.0, 0.0)


def test_rewards_are_added_as_they_weigh() -> None:
    if "toy_nearness" not in names():
        register("toy_nearness", lambda clip: nearness)
    total = reward_of({"ssim": 1.0, "toy_nearness": 0.5, "clip": 0.0}, Folders(Path("nowhere")))
    a, b = torch.rand(3, 3, 16, 16), torch.rand(3, 3, 16, 16)
    values = total(a, b)
    assert set(values) == {"ssim", "toy_nearness", "total"}
    assert torch.allclose(values["total"], values["ssim"] + 0.5 * values["toy_nearness"])
    assert torch.allclose(total(a, a)["total"], torch.ones(3))
    with pytest.raises(InvalidInput, match="taken|already"):
        register("ssim", lambda clip: nearness)
    with pytest.raises(InvalidInput, match="ssim, clip"):
        reward_of({"sharpness": 1.0}, Folders(Path("nowhere")))
    with pytest.raises(InvalidInput, match="weight"):
        reward_of({"ssim": 0.0}, Folders(Path("nowhere")))
