"""Recovers through any image-to-image or editing pipeline of diffusers: a folder or a model of the hub."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ru1_app.domain import ModelRef
from ru1_app.errors import InvalidInput, ModelFailed
from ru1_app.images import Image8
from ru1_app.models.background import Line, Stopped, in_background
from ru1_app.models.base import Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.models.diffusers_call import EditCall, Wishes
from ru1_app.models.diffusers_load import Checkpoint
from ru1_app.models.diffusers_steps import Steps
from ru1_app.models.engine import dtype_of, engine, first_line, loading, out_of_memory
from ru1_app.models.fit import Fit
from ru1_app.models.revision import is_folder, weights_digest

INSTRUCTION = "Please restore this corrupted image to its clean version."


def load(
    source: str | Path,
    *,
    name: str | None = None,
    revision: str | None = None,
    device: str = "cpu",
    dtype: Any | None = None,
    device_map: str | None = None,
    offload: bool = False,
    instruction: str = INSTRUCTION,
    guidance: float | None = None,
    image_guidance: float | None = None,
    strength: float | None = None,
    max_side: int | None = None,
    arguments: Mapping[str, Any] | None = None,
    safety_checker: bool = False,
) -> Recoverer:
    """Load a pipeline from a folder, which never touches the network, or from the hub by its id.

    Args:
        source: a folder that `save_pretrained` wrote, or `owner/name`. Weights must be safetensors.
        name: what to call the model in stored rows; its id or the folder's name where None.
        revision: commit, branch or tag of a hub model; a folder has none.
        device: where the weights go, for instance "cuda"; with `offload`, where they work.
        dtype: a torch dtype or its name; bfloat16 on a GPU and float32 on a CPU where None.
        device_map: how diffusers spreads the parts over devices ("balanced"), instead of `device`.
        offload: keep the parts in the machine's memory and bring each to the GPU when it works.
        instruction: the prompt.
        guidance: how strongly the prompt is followed; None leaves the pipeline's default, as for the next two.
        image_guidance: how strongly the image is kept, where the pipeline has such a scale.
        strength: 0-1, how far the image is noised first. A model that makes images from text alone is
            refused without it, and is used from the damaged image with it.
        max_side: longest side in pixels that the pipeline gets; larger images are scaled down and back.
        arguments: further arguments of the pipeline's call; they win over those given here.
        safety_checker: load and heed the checkpoint's safety checker, if it has one.

    Raises:
        Unavailable: files or packages are missing; the message names them.
        InvalidInput: the pipeline cannot recover an image or takes no such argument.
    """
    if offload and (device_map is not None or device == "cpu"):
        raise InvalidInput("Offloading needs a GPU as the device and no device map: leave one of them out.")
    wishes = Wishes(instruction, guidance, image_guidance, strength, arguments or {})
    with loading(source):
        import diffusers

        kind = dtype_of(dtype, device)
        wanted = Checkpoint(source, revision, safety_checker=safety_checker)
        call = EditCall.of(wanted.pipeline_class(from_image=strength is not None), wishes)
        folder = wanted.folder(call.pipeline_class)
        pipeline = wanted.opened(call.pipeline_class, folder, dtype=kind, device_map=device_map)
        if offload:
            pipeline.enable_model_cpu_offload(device=device)
        elif device_map is None:
            pipeline.to(device)
    local = is_folder(source)
    commit = weights_digest(folder) if local else folder.name
    title = name or (folder.name if local else str(source))
    line = engine(f"diffusers {diffusers.__version__}", device_map or device, kind)
    return DiffusersRecoverer(pipeline, call, ModelRef(title, commit, line), max_side)


class DiffusersRecoverer:
    """A `Recoverer`. One recovery runs at a time, since a pipeline's scheduler has state; others wait.

    Draws are made one after the other, each from a CPU generator of its own seed: memory does not grow
    with them, and the first is the same however many are drawn.
    """

    def __init__(self, pipeline: Any, call: EditCall, ref: ModelRef, max_side: int | None) -> None:
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline, self._call, self._ref, self._max_side = pipeline, call, ref, max_side
        self._lock = threading.Lock()

    @property
    def ref(self) -> ModelRef:
        """Which weights recover."""
        return self._ref

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        """Yield each step, then the recovery. See `Recoverer.recover`."""
        if request.steps < 1 or request.samples < 1:
            raise ModelFailed("The model took no step. Ask for one step and one sample or more.")
        yield from in_background(partial(self._work, request))

    def _work(self, request: RecoverRequest, line: Line[Progress | Recovered]) -> None:
        line.wait_for(self._lock)
        try:
            line.send(self._recovered(request, line))
        except BaseException:
            self._pipeline.maybe_free_model_hooks()  # what is offloaded leaves the GPU also after a stop
            raise
        finally:
            self._lock.release()

    def _recovered(self, request: RecoverRequest, line: Line[Progress | Recovered]) -> Recovered:
        began = time.perf_counter()
        fit = Fit.of(request.corrupted, stride(self._pipeline), self._max_side)
        images = tuple(
            self._draw(fit, request.steps, request.seed + k, Steps(line, fit, k, request.samples))
            for k in range(request.samples)
        )
        settings = {
            "steps": request.steps,
            "samples": request.samples,
            "pipeline": self._call.kind,
            "scheduler": type(getattr(self._pipeline, "scheduler", None)).__name__,
            "height": fit.given.shape[0],
            "width": fit.given.shape[1],
            **{key: _plain(value) for key, value in self._call.fixed.items()},
        }
        return Recovered(images, settings, time.perf_counter() - began)

    def _draw(self, fit: Fit, steps: int, seed: int, report: Steps) -> Image8:
        import torch

        arguments = self._call.arguments(fit.given, steps, torch.Generator("cpu").manual_seed(seed))
        arguments |= report.callbacks(self._call, self._pipeline, steps)
        try:
            with report.watched(self._call, self._pipeline, steps):
                result = self._pipeline(**arguments)
        except Stopped:
            raise
        except Exception as error:  # a checkpoint and its arguments can fail in any way there
            raise self._failure(error) from error
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise ModelFailed("The safety checker withheld the recovery. Use another image or seed.")
        return fit.back(self._image8(result))

    def _image8(self, result: Any) -> Image8:
        """The first image of a pipeline's output, 0-1, as levels."""
        images = getattr(result, "images", None)
        images = getattr(result, "image", None) if images is None else images
        first = np.asarray(images[0] if images is not None and len(images) else (), np.float32)
        if first.ndim != 3 or first.shape[2] != 3:
            raise ModelFailed(f"The recoverer {self._ref.id!r} made no RGB image. Use an image-to-image model.")
        if not np.isfinite(first).all():
            raise ModelFailed(f"The recoverer {self._ref.id!r} overflowed. Load it with dtype float32.")
        return (first.clip(0, 1) * 255).round().astype(np.uint8)

    def _failure(self, error: Exception) -> ModelFailed:
        if out_of_memory(error):
            advice = "Use a smaller image (max_side), a 16-bit dtype, or load the model with offload."
            return ModelFailed(f"The recoverer {self._ref.id!r} ran out of memory. {advice}")
        return ModelFailed(f"The recoverer {self._ref.id!r} failed: {first_line(error)}. Try other settings.")


def stride(pipeline: Any) -> int:
    """The pixels that both sides must be a multiple of: the autoencoder's reduction times the network's patch."""
    factor = getattr(pipeline, "vae_scale_factor", None) or 32  # super-resolution pipelines of old: 32
    processor = getattr(getattr(pipeline, "image_processor", None), "config", None) or {}
    network = getattr(pipeline, "transformer", None)
    patch = (network.config.get("patch_size") if network is not None else None) or 1
    patch = max(patch) if isinstance(patch, list | tuple) else patch
    return math.lcm(int(factor) * int(patch), int(processor.get("vae_scale_factor") or 1))


def _plain(value: Any) -> Any:
    """A value as stored rows can hold it."""
    return value if isinstance(value, str | int | float | bool | None) else type(value).__name__
