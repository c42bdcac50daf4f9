"""The embedded recoverer behind the `Recoverer` protocol; any folder of the same kind loads likewise."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ru1_app.domain import ModelRef
from ru1_app.errors import ModelFailed, Unavailable
from ru1_app.images import Image8
from ru1_app.models.base import Progress, Recovered, RecoverRequest
from ru1_app.models.revision import weights_revision

EARNED = 0.3  # least correlation of predicted scale and true error, on validation, to show the map
FILES = ("model_index.json", "net/config.json", "net/diffusion_pytorch_model.safetensors")


class EmbeddedRecoverer:
    """Runs a `SourceFlowPipeline`; recoveries may run at the same time."""

    def __init__(self, pipeline: Any, ref: ModelRef, correlation: float | None) -> None:
        self._pipeline = pipeline
        self._ref = ref
        self._correlation = correlation

    @property
    def ref(self) -> ModelRef:
        return self._ref

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        """Yield a preview after each step, then the recovery. See `Recoverer.recover`."""
        import torch

        from ru1_app.models.engine import out_of_memory

        pixels = torch.tensor(request.corrupted).permute(2, 0, 1)[None].float() / 255
        seeds = [request.seed + k for k in range(request.samples)]
        steps = self._pipeline.steps(pixels, seeds, request.steps)
        step, worked = None, 0.0  # seconds at work, without those that the caller takes between steps
        while True:
            began = time.perf_counter()
            try:
                following = next(steps, None)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                raise ModelFailed("The recovery ran out of memory. Use fewer samples or a smaller image.") from None
            worked += time.perf_counter() - began
            if following is None:
                break
            step = following
            yield Progress(step.number, request.steps, _image8(step.images[0]))
        if step is None:
            raise ModelFailed("The model took no step. Ask for one step or more.")
        shown = self._correlation is not None and self._correlation >= EARNED
        yield Recovered(
            images=tuple(_image8(image) for image in step.images),
            settings={
                "steps": request.steps,
                "samples": request.samples,
                "source_noise": self._pipeline.config.source_noise,
            },
            seconds=worked,
            uncertainty=(step.scale[0, 0].float() * 255).cpu().numpy() if shown else None,
            uncertainty_note=None if shown else self._why_hidden(),
        )

    def _why_hidden(self) -> str:
        measured = "was not measured" if self._correlation is None else f"is {self._correlation:.2f}"
        return (
            f"No uncertainty map: its correlation with the true error {measured} on validation photos, "
            f"and {EARNED} is the least that is shown."
        )


def load(path: Path | str, *, name: str = "embedded", show_uncertainty: bool = False) -> EmbeddedRecoverer:
    """Load a diffusers folder that `training.sft` wrote; no network is touched.

    `show_uncertainty` gives the map whether or not it has earned it, to measure just that.

    Raises:
        Unavailable: a file is missing; the message names it.
    """
    folder = Path(path)
    for file in FILES:
        if not (folder / file).is_file():
            raise Unavailable(f"The model folder {folder.name!r} lacks {file}. Train it, or get it again.")
    import diffusers
    import torch

    from ru1_app.models.embedded.pipeline import SourceFlowPipeline

    diffusers.utils.logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pipeline = SourceFlowPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.to(device)
    pipeline.net.to(memory_format=torch.channels_last).eval()
    engine = f"diffusers {diffusers.__version__} / torch {torch.__version__} / {device} float32"
    revision = weights_revision(folder / FILES[-1])
    return EmbeddedRecoverer(
        pipeline, ModelRef(name, revision, engine), 1.0 if show_uncertainty else _correlation(folder)
    )


def _correlation(folder: Path) -> float | None:
    """What `training.eval_recoverer` measured and wrote beside the weights."""
    path = folder / "evaluation.json"
    if not path.is_file():
        return None
    value = json.loads(path.read_text("utf-8"))["uncertainty"]["correlation"]
    return float(value) if isinstance(value, int | float) else None


def _image8(image: Any) -> Image8:
    return (image.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
