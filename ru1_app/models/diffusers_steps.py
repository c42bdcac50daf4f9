"""The steps of a running diffusers pipeline: reported, looked at, and stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ru1_app.images import Image8
from ru1_app.models.background import Line
from ru1_app.models.base import Progress, Recovered
from ru1_app.models.diffusers_call import OLD_CALLBACK, STEP_CALLBACK, EditCall
from ru1_app.models.fit import Fit

_PREVIEWS = 4  # at most, of the first draw
_PREVIEW_LATENTS = 32  # longest side of the latents that a preview decodes, which bounds its cost


class Steps:
    """Counts the steps of draw number `draw` of `draws` and sends a `Progress` for each.

    The run is stopped by the exception that `Line.send` raises, not by the pipeline's own flag: that one
    only some pipelines look at, and they still decode the latents.
    """

    def __init__(self, line: Line[Progress | Recovered], fit: Fit, draw: int, draws: int) -> None:
        self._line, self._fit, self._draw, self._draws = line, fit, draw, draws
        self._done = 0

    def callbacks(self, call: EditCall, pipeline: Any, asked: int) -> dict[str, Any]:
        """The arguments by which the pipeline reports its steps; empty where it cannot."""

        def step_end(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            self._step(pipeline, asked, tensors.get("latents"))
            return {}  # nothing is changed

        def old(_: int, __: Any, latents: Any) -> None:
            self._step(pipeline, asked, latents)

        if STEP_CALLBACK in call.takes:
            return {STEP_CALLBACK: step_end}
        return {OLD_CALLBACK: old, "callback_steps": 1} if OLD_CALLBACK in call.takes else {}

    @contextmanager
    def watched(self, call: EditCall, pipeline: Any, asked: int) -> Iterator[None]:
        """Report the steps of a pipeline that has no callback, by its scheduler, which it asks once a step."""
        scheduler = getattr(pipeline, "scheduler", None)
        if scheduler is None or STEP_CALLBACK in call.takes or OLD_CALLBACK in call.takes:
            yield
            return
        advance = scheduler.step

        def step(*arguments: Any, **named: Any) -> Any:
            result = advance(*arguments, **named)
            self._step(pipeline, asked, None)
            return result

        scheduler.step = step
        try:
            yield
        finally:
            del scheduler.step  # the class has its own

    def _step(self, pipeline: Any, asked: int, latents: Any) -> None:
        # Some schedulers take more steps than asked for, and a strength leaves some out.
        each = getattr(pipeline, "num_timesteps", None) or asked
        self._done = min(self._done + 1, each)
        due = self._done % math.ceil(each / (_PREVIEWS + 1)) == 0
        self._line.check()
        shown = preview(pipeline, latents, self._fit) if due and self._draw == 0 and self._done < each else None
        self._line.send(Progress(self._draw * each + self._done, self._draws * each, shown))


def preview(pipeline: Any, latents: Any, fit: Fit) -> Image8 | None:
    """The image as it stands, decoded from latents [N, C, h, w] reduced to a few, or None where that is not cheap.

    None for packed latents (Flux, Qwen), for other autoencoders than AutoencoderKL, for one whose half
    precision overflows, and with offloading, which would move whole networks for it.
    """
    import torch

    vae: Any = getattr(pipeline, "vae", None)
    if latents is None or latents.ndim != 4 or type(vae).__name__ != "AutoencoderKL":
        return None
    config = vae.config
    overflows = vae.dtype == torch.float16 and config.get("force_upcast")
    if overflows or latents.shape[1] != config.latent_channels or getattr(vae, "_hf_hook", None) is not None:
        return None
    share = min(1.0, _PREVIEW_LATENTS / max(latents.shape[-2:]))
    size = [max(1, round(side * share)) for side in latents.shape[-2:]]
    with torch.no_grad():
        few = torch.nn.functional.interpolate(latents[:1].float(), size, mode="area").to(vae.device, vae.dtype)
        few = few / config.scaling_factor + (config.get("shift_factor") or 0.0)
        decoded = vae.decode(few, return_dict=False)[0][0].float()
    levels = torch.nan_to_num((decoded / 2 + 0.5).clamp(0, 1)) * 255
    return fit.back(np.ascontiguousarray(levels.round().byte().permute(1, 2, 0).cpu().numpy()))
