"""How a checkpoint is used: sizes of images, sampling, and the choices where upstream's code is accidental."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Renorm(StrEnum):
    """How the guided velocity is brought back to the length of the unguided one."""

    GLOBAL = "global"
    CHANNEL = "channel"
    TEXT_CHANNEL = "text_channel"


@dataclass(frozen=True, slots=True)
class Resize:
    """The limits of a resize rule, in pixels."""

    most: int
    least: int
    stride: int
    max_area: int = 14 * 14 * 9 * 1024


@dataclass(frozen=True, slots=True)
class Sampling:
    """Flow-matching sampler and guidance; the defaults are those of Robust-U1's demo.py.

    `points` grid points make `points - 1` steps. `interval` bounds the shifted time t of guided steps: lo < t <= hi.
    `noise_level` above 0 makes the steps in `noisy_steps` stochastic (left over from RL training upstream).
    """

    points: int = 50
    shift: float = 3.0
    text_scale: float = 4.0
    image_scale: float = 2.0
    interval: tuple[float, float] = (0.0, 1.0)
    renorm: Renorm = Renorm.TEXT_CHANNEL
    renorm_min: float = 0.0
    noise_level: float = 0.0
    noisy_steps: tuple[int, ...] = (3,)


@dataclass(frozen=True, slots=True)
class Writing:
    """Text generation: `temperature` 0 takes the likeliest token."""

    max_length: int = 2048
    temperature: float = 0.3


@dataclass(frozen=True, slots=True)
class Choices:
    """What is done where upstream's code does something by accident. `UPSTREAM` does it as there."""

    shared_posterior: bool = True  # one latent sample per image, not one for each context that sees it
    image_guidance_alone: bool = True  # image guidance also without text guidance
    keep_all_tokens: bool = True  # a text that met the length limit keeps its last two tokens
    plain_specials: bool = True  # "<|im_end|>" in a person's text is text, not a control token
    round_pixels: bool = True  # to the nearest level instead of down
    area_root: bool = True  # shrink sides by the root of the area ratio


SOUND = Choices()
UPSTREAM = Choices(False, False, False, False, False, False)
UPSTREAM_NOISE = 0.7  # upstream's default noise_level, at step 3 alone


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything but the weights."""

    latent_resize: Resize = Resize(1024, 512, 16)
    vision_resize: Resize = Resize(980, 224, 14)
    choices: Choices = SOUND
