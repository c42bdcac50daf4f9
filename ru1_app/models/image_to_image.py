"""Recovers through transformers' image-to-image models (Swin2SR): a folder or a model of the hub."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ru1_app.domain import ModelRef
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.images import Image8
from ru1_app.models.base import Progress, Recovered, Recoverer, RecoverRequest
from ru1_app.models.engine import dtype_of, engine, first_line, loading, out_of_memory
from ru1_app.models.fit import padded, resized
from ru1_app.models.revision import hub_commit, is_folder, weights_digest

MAX_PIXELS = 2**14  # of a tile: 128 x 128 take a Swin2SR seconds on a CPU, which a cancel waits for
_NEEDED = ("config.json", "preprocessor_config.json")
_OVERLAP = 32  # pixels that two tiles share at most
_SAME = "No spread over draws: this model makes the same image from every seed, so one is made."
Floats: TypeAlias = NDArray[np.float32]


def load(
    source: str | Path,
    *,
    name: str | None = None,
    revision: str | None = None,
    device: str = "cpu",
    dtype: Any | None = None,
    scale_back: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> Recoverer:
    """Load a model from a folder, which never touches the network, or from the hub by its id.

    Args:
        source: a folder that `save_pretrained` wrote, with its image processor, or `owner/name`.
        name: what to call the model in stored rows; its id or the folder's name where None.
        revision: commit, branch or tag of a hub model; a folder has none.
        device: where the weights go.
        dtype: a torch dtype or its name; bfloat16 on a GPU and float32 on a CPU where None.
        scale_back: bring a model's larger image back to the input's size, so that scores can compare;
            without it the recovery is as large as the model makes it, and only a look at it is possible.
        max_pixels: pixels of a tile; larger images are made of overlapping tiles, which bounds the memory.

    Raises:
        Unavailable: files or packages are missing; the message names them.
        InvalidInput: the tiles would be too small, or the model reads no colour images.
    """
    local = is_folder(source)
    if local:
        _require(Path(source))
    with loading(source):
        import transformers
        from transformers import AutoImageProcessor, AutoModelForImageToImage

        kind = dtype_of(dtype, device)
        options: dict[str, Any] = {"local_files_only": True} if local else {"revision": revision}
        processor = AutoImageProcessor.from_pretrained(str(source), **options)
        options |= {"dtype": kind, "use_safetensors": True}
        model = AutoModelForImageToImage.from_pretrained(str(source), **options).to(device).eval()
    if model.config.num_channels != 3:
        raise InvalidInput(f"The model {str(source)!r} reads no colour images: name one with three channels.")
    commit = weights_digest(Path(source)) if local else hub_commit(str(source), revision)
    title = name or (Path(source).name if local else str(source))
    ref = ModelRef(title, commit, engine(f"transformers {transformers.__version__}", device, kind))
    cut = Cut.of(max_pixels, int(getattr(model.config, "window_size", 8)))
    return ImageToImageRecoverer(model, processor, ref, cut, scale_back=scale_back)


@dataclass(frozen=True, slots=True)
class Cut:
    """How images are cut: tiles of at most `side` pixels, neighbours sharing `overlap`, all multiples of `window`."""

    side: int
    overlap: int
    window: int

    @classmethod
    def of(cls, max_pixels: int, window: int) -> Cut:
        """The largest square tiles of `max_pixels`.

        Raises:
            InvalidInput: a tile would have less than four windows a side.
        """
        side = math.isqrt(max(0, max_pixels)) // window * window
        if side < 4 * window:
            raise InvalidInput(f"Tiles of {max_pixels} pixels are too small: allow {(4 * window) ** 2} or more.")
        return cls(side, max(window, min(_OVERLAP, side // 4) // window * window), window)

    def spans(self, length: int) -> list[slice]:
        """Where tiles lie along one side of the image. Starts are on the grid of windows, as in a whole image."""
        starts = range(0, max(1, length - self.overlap), self.side - self.overlap)
        return [slice(start, min(start + self.side, length)) for start in starts]

    def weights(self, height: int, width: int, factor: int) -> Floats:
        """A tile's weights [height * factor, width * factor, 1] in a mean with its neighbours: falling to its edges."""
        ramps = []
        for length in (height * factor, width * factor):
            edge = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))
            ramps.append(np.minimum(edge, self.overlap * factor).astype(np.float32) / (self.overlap * factor))
        return np.asarray(ramps[0][:, None, None] * ramps[1][None, :, None], np.float32)


class ImageToImageRecoverer:
    """A `Recoverer` in one pass per tile: neither `steps` nor `seed` matter, and one draw is made."""

    def __init__(self, model: Any, processor: Any, ref: ModelRef, cut: Cut, *, scale_back: bool) -> None:
        self._model, self._processor, self._ref, self._cut = model, processor, ref, cut
        self._scale_back = scale_back

    @property
    def ref(self) -> ModelRef:
        """Which weights recover."""
        return self._ref

    def recover(self, request: RecoverRequest) -> Iterator[Progress | Recovered]:
        """Yield the image after each tile, then the recovery. See `Recoverer.recover`."""
        image, cut = request.corrupted, self._cut
        height, width = image.shape[:2]
        tiles = [(rows, columns) for rows in cut.spans(height) for columns in cut.spans(width)]
        canvas, worked, factor = None, 0.0, 1
        for number, (rows, columns) in enumerate(tiles, 1):
            began = time.perf_counter()
            made = self._made(image[rows, columns])
            if canvas is None:
                factor = made.shape[0] // (rows.stop - rows.start)
                canvas = _Canvas.over(image, factor)
            part = slice(rows.start * factor, rows.stop * factor), slice(columns.start * factor, columns.stop * factor)
            canvas.blend(part, made, cut.weights(rows.stop - rows.start, columns.stop - columns.start, factor))
            worked += time.perf_counter() - began
            yield Progress(number, len(tiles), canvas.shown.copy())
        if canvas is None:
            raise ModelFailed(f"The recoverer {self._ref.id!r} got an empty image. Use one with pixels.")
        settings = {
            "tiles": len(tiles), "tile_side": cut.side, "overlap": cut.overlap,
            "upscale": int(getattr(self._model.config, "upscale", 1)), "scale_back": self._scale_back,
        }  # fmt: skip
        note = _SAME if request.samples > 1 else None
        yield Recovered((canvas.shown,), settings, worked, uncertainty_note=note)

    def _made(self, tile: Image8) -> Floats:
        """The model's image of a tile [H, W, 3], in levels 0-255; a whole number of times larger unless scaled back."""
        import torch

        height, width = tile.shape[:2]
        # The processor's own padding always adds a window, and fails where an image is smaller than that.
        whole = padded(np.ascontiguousarray(tile), self._cut.window)
        try:
            given = self._processor(images=whole, do_pad=False, input_data_format="channels_last", return_tensors="pt")
            pixels = given["pixel_values"].to(self._model.device, self._model.dtype)
            with torch.inference_mode():
                made = self._model(pixel_values=pixels).reconstruction.float().clamp(0, 1)
            factor = made.shape[-1] // whole.shape[1]
            made = made[..., : height * factor, : width * factor]
            if self._scale_back and factor > 1:
                made = torch.nn.functional.avg_pool2d(made, factor)
            levels = np.asarray((made[0] * 255).permute(1, 2, 0).cpu().numpy(), np.float32)
        except Exception as error:  # a checkpoint can fail in any way there
            raise self._failure(error) from error
        if not np.isfinite(levels).all():
            raise ModelFailed(f"The recoverer {self._ref.id!r} overflowed. Load it with dtype float32.")
        return levels

    def _failure(self, error: Exception) -> ModelFailed:
        if out_of_memory(error):
            advice = "Load it with smaller tiles (max_pixels) or a 16-bit dtype."
            return ModelFailed(f"The recoverer {self._ref.id!r} ran out of memory. {advice}")
        return ModelFailed(f"The recoverer {self._ref.id!r} failed: {first_line(error)}. Use another model.")


@dataclass(slots=True)
class _Canvas:
    """The image as it stands: tiles where there are some, the input elsewhere."""

    shown: Image8
    total: Floats  # [H, W, 3], levels times weights
    weight: Floats  # [H, W, 1]

    @classmethod
    def over(cls, image: Image8, factor: int) -> _Canvas:
        height, width = image.shape[0] * factor, image.shape[1] * factor
        blank = np.zeros((height, width, 4), np.float32)
        return cls(resized(image, (height, width)).copy(), blank[..., :3], blank[..., 3:])

    def blend(self, part: tuple[slice, slice], made: Floats, weights: Floats) -> None:
        self.total[part] += made * weights
        self.weight[part] += weights
        self.shown[part] = (self.total[part] / self.weight[part]).round().astype(np.uint8)


def _require(folder: Path) -> None:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise Unavailable(f"The recoverer's folder {str(folder)!r} lacks {', '.join(missing)}.")
