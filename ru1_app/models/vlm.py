"""Loads any image-text-to-text model of transformers as an answerer: the embedded one or one of the model hub."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from ru1_app.domain import ModelRef
from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models.engine import dtype_of, engine, out_of_memory
from ru1_app.models.revision import hub_commit, is_folder, weights_digest
from ru1_app.models.scope import Scope
from ru1_app.models.vlm_answerer import SCOPED_LIMIT, Manner, Style, VlmAnswerer

_NEEDED = ("config.json", "tokenizer_config.json")
LIMITS = {Style.LETTERS: 128, Style.FREE: 512, Style.ROBUST_R1: 1024}  # tokens of a text


def load(
    source: str | Path,
    *,
    name: str | None = None,
    threads: int = 0,
    revision: str | None = None,
    device: str = "cpu",
    dtype: Any | None = None,
    device_map: str | None = None,
    quantize: str | None = None,
    prompt_style: str = Style.LETTERS,
    max_new_tokens: int | None = None,
) -> VlmAnswerer:
    """Load a checkpoint folder, which never touches the network, or a model of the hub by its id.

    Args:
        source: a folder, or `owner/name`.
        name: what to call the model in stored rows; its id or the folder's name where None.
        threads: torch threads, 0 leaves them as they are.
        revision: commit, branch or tag of a hub model; a folder has none.
        device: where the weights go.
        dtype: a torch dtype or its name; as stored on a CPU and bfloat16 on a GPU where None.
        device_map: how accelerate spreads the weights over devices ("auto"), instead of `device`.
        quantize: "8bit" or "4bit", through bitsandbytes.
        prompt_style: see `Style`.
        max_new_tokens: the longest text; `LIMITS` where None.

    Raises:
        Unavailable: files or packages are missing; the message names them.
        InvalidInput: an option is none that there is.
    """
    style = _style(prompt_style)
    if quantize not in (None, "8bit", "4bit"):
        raise InvalidInput(f"quantize={quantize!r} is unknown; there are '8bit' and '4bit'.")
    folder, local = Path(source), is_folder(source)
    if local:
        _require(folder)
    try:
        import torch
        import transformers
        from transformers import AutoModelForImageTextToText, AutoProcessor

        where: dict[str, Any] = {"local_files_only": True} if local else {"revision": revision}
        processor = AutoProcessor.from_pretrained(str(source), **where)
        how = _how(device, dtype, device_map, quantize)
        model = AutoModelForImageTextToText.from_pretrained(str(source), **where, **how).eval()
        model = model if "device_map" in how else model.to(device)
    except ImportError as error:
        raise Unavailable(f"The answerer needs the package {error.name!r}; install requirements.txt.") from error
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"The answerer in {str(source)!r} could not be loaded: {error}") from error
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise ModelFailed(
            f"There is not enough memory for {str(source)!r}. Quantise it (8bit, 4bit) or spread it (device_map: auto)."
        ) from error
    if threads > 0:
        torch.set_num_threads(threads)
    runs = engine(f"transformers {transformers.__version__}", device, quantize or next(model.parameters()).dtype)
    commit = weights_digest(folder) if local else hub_commit(str(source), revision)
    ref = ModelRef(name or (folder.name if local else str(source)), commit, runs)
    scope = Scope.read(folder) if local else None
    limit = max_new_tokens or (SCOPED_LIMIT if scope else LIMITS[style])
    return VlmAnswerer(model, processor, ref, scope, Manner(style, limit))


def _style(name: str) -> Style:
    try:
        return Style(name)
    except ValueError:
        raise InvalidInput(f"prompt_style={name!r} is unknown. There are: {', '.join(Style)}.") from None


def _how(device: str, dtype: Any | None, device_map: str | None, quantize: str | None) -> dict[str, Any]:
    """How the weights are loaded. On a CPU they stay as they are stored unless a type is asked for."""
    how: dict[str, Any] = {}
    if dtype is not None or device.startswith("cuda"):
        how["dtype"] = dtype_of(dtype, device)
    if quantize is not None:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise Unavailable("Quantised weights need the package 'bitsandbytes': pip install bitsandbytes.")
        from transformers import BitsAndBytesConfig

        how["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=quantize == "8bit", load_in_4bit=quantize == "4bit"
        )
    if device_map is not None or quantize is not None:
        how["device_map"] = device_map or {"": device}
    return how


def _require(folder: Path) -> None:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise Unavailable(f"The answerer's folder {str(folder)!r} lacks {', '.join(missing)}.")
