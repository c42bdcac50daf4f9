"""Rectified flow from noise (t = 1) to an image (t = 0), with guidance by text and by image.

Formulas: upstream modeling/bagel/bagel.py (`generate_image`, `_forward_flow`); the stochastic step is Flow-GRPO's
(arXiv 2505.05470, eq. 12).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ru1_app.models.bagel.cache import Context
from ru1_app.models.bagel.draws import Draws
from ru1_app.models.bagel.model import Bagel, Delimiters, Query
from ru1_app.models.bagel.settings import Choices, Renorm, Sampling

TINY = 1e-8


class Branches(NamedTuple):
    """The contexts of guidance: everything; images without the last text; texts without images."""

    full: Context
    no_text: Context
    no_image: Context


class Step(NamedTuple):
    """After step `number` of `total`: tokens x at the new time, and the image they point to, [m, latent width].

    `log_prob` is the mean log density per value of a stochastic step without the terms that the model does not move
    (as upstream), else None.
    """

    number: int
    total: int
    x: Tensor
    clean: Tensor
    log_prob: float | None = None


def schedule(points: int, shift: float) -> Tensor:
    """[points] times from 1 to 0, float32: u = 1 ... 0, t = shift u / (1 + (shift - 1) u)."""
    u = torch.linspace(1, 0, points)
    return shift * u / (1 + (shift - 1) * u)


def guided(full: Tensor, no_text: Tensor | None, no_image: Tensor | None, sampling: Sampling) -> Tensor:
    """The guided velocity [m, width] from those of the branches; None for a branch that guidance does not need."""
    text = full if no_text is None else no_text + sampling.text_scale * (full - no_text)
    if sampling.renorm is Renorm.TEXT_CHANNEL:
        text = text * _shrink(full, text, sampling)
    both = text if no_image is None else no_image + sampling.image_scale * (text - no_image)
    return both if sampling.renorm is Renorm.TEXT_CHANNEL else both * _shrink(full, both, sampling)


def sample(
    model: Bagel, branches: Branches, grid: tuple[int, int], marks: Delimiters, plan: tuple[Sampling, Choices],
    draws: Draws,
) -> Iterator[Step]:  # fmt: skip
    """Generate an image of `grid` tokens (h, w); yields after each of `points - 1` steps. Closing it cancels.

    All branches that a step needs go through the model in one pass; a step outside the interval needs one.
    """
    sampling, choices = plan
    by_text, by_image = _guides(sampling, choices)
    contexts = [branches.full, *([branches.no_text] * by_text), *([branches.no_image] * by_image)]
    query = model.query(grid, marks, contexts)
    times = schedule(sampling.points, sampling.shift)
    x = draws.start((grid[0] * grid[1], model.config.latent_width)).to(model.device)
    total = sampling.points - 1
    for index in range(total):
        now, dt = float(times[index]), float(times[index + 1] - times[index])
        inside = sampling.interval[0] < now <= sampling.interval[1]
        velocity = _velocity(query, x, now, (by_text, by_image) if inside else (False, False), sampling)
        clean, log_prob = x - velocity * now, None
        if sampling.noise_level > 0 and index in sampling.noisy_steps:
            mean, scale = noisy_step(x, velocity, times, index, sampling.noise_level)
            noise = draws.step(tuple(x.shape)).to(x)
            x = mean + scale * noise
            log_prob = float(-(noise**2).mean() / 2)
        else:
            x = x + velocity * dt
        yield Step(index + 1, total, x, clean, log_prob)


def noisy_step(x: Tensor, velocity: Tensor, times: Tensor, index: int, level: float) -> tuple[Tensor, float]:
    """Mean and standard deviation of x after the stochastic step `index`.

    sigma = level sqrt(t / (1 - t)); mean = x (1 + sigma^2 dt / 2t) + v (1 + sigma^2 (1 - t) / 2t) dt; deviation
    sigma sqrt(-dt). At t = 1 the next time stands in for t under the root.
    """
    t, dt = float(times[index]), float(times[index + 1] - times[index])
    sigma = math.sqrt(t / (1 - (float(times[1]) if t == 1 else t))) * level
    mean = x * (1 + sigma**2 / (2 * t) * dt) + velocity * (1 + sigma**2 * (1 - t) / (2 * t)) * dt
    return mean, sigma * math.sqrt(-dt)


def _guides(sampling: Sampling, choices: Choices) -> tuple[bool, bool]:
    """Whether text and image guide. Upstream throws the image branch away where text does not guide."""
    by_text = sampling.text_scale > 1
    return by_text, sampling.image_scale > 1 and (by_text or choices.image_guidance_alone)


def _velocity(query: Query, x: Tensor, t: float, guides: tuple[bool, bool], sampling: Sampling) -> Tensor:
    found = list(query.only(1 + sum(guides)).velocities(x, t))
    full, rest = found[0], found[1:]
    no_text = rest.pop(0) if guides[0] else None
    no_image = rest.pop(0) if guides[1] else None
    return full if not any(guides) else guided(full, no_text, no_image, sampling)


def _shrink(full: Tensor, other: Tensor, sampling: Sampling) -> Tensor:
    """The factor in [renorm_min, 1] that brings `other` back to the length of `full`, per token or over all."""
    dims: Sequence[int] = (0, 1) if sampling.renorm is Renorm.GLOBAL else (1,)
    ratio = full.norm(dim=dims, keepdim=True) / (other.norm(dim=dims, keepdim=True) + TINY)
    return ratio.clamp(sampling.renorm_min, 1.0)
