"""A checkpoint folder or hub id to a model on its devices, and a model back to a folder in the published layout."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ru1_app.errors import InvalidInput, ModelFailed, Unavailable
from ru1_app.models.bagel import files
from ru1_app.models.bagel.config import LLM_FILE, VIT_FILE, BagelConfig, read_config
from ru1_app.models.bagel.embed import position_table
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.names import AUTOENCODER, names
from ru1_app.models.packed import PackedLinear, pack

WHOLE = ["Layer", "SiglipEncoderLayer", "AutoencoderKL"]  # modules that stay on one device
QUANTISED = (None, "8bit", "4bit")


class Placement(NamedTuple):
    """Where weights go. `devices`: "cpu", "cuda:0", "auto" (all GPUs, then main memory), or a map by module.

    `offload` keeps the weights in main memory and brings a layer to the device when its turn comes. `pack` lays float32
    weights out for a CPU (`models.packed`); such a model cannot be saved or trained.
    """

    devices: str | Mapping[str, Any] = "cpu"
    dtype: torch.dtype | None = None  # None: bfloat16 on a GPU, float32 on the CPU
    quantize: str | None = None
    offload: bool = False
    pack: bool = True

    @property
    def main(self) -> str:
        """The device that computes."""
        if self.devices == "auto" or not isinstance(self.devices, str):
            return "cuda:0" if torch.cuda.is_available() else "cpu"
        return self.devices

    @property
    def kind(self) -> torch.dtype:
        """The type that is computed in."""
        return self.dtype or (torch.float32 if self.main == "cpu" else torch.bfloat16)


def fetch(source: str | Path, revision: str | None = None) -> tuple[Path, str]:
    """The folder of a checkpoint, and the commit when it came from the hub.

    Raises:
        Unavailable: there is neither such a folder nor such a model.
    """
    folder = Path(source)
    if folder.exists() or not re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)):
        return folder, ""
    from huggingface_hub import snapshot_download

    try:
        path = Path(snapshot_download(str(source), revision=revision, allow_patterns=list(files.PATTERNS)))
    except Exception as error:
        raise Unavailable(
            f"The model {str(source)!r} could not be fetched from the hub ({type(error).__name__}). Check the name and "
            "the network, or give a folder with its files."
        ) from error
    return path, path.name


def open_bagel(folder: Path, placement: Placement | None = None) -> Bagel:
    """Load a checkpoint of the published layout; every name and shape is checked before a weight is read.

    Raises:
        Unavailable: a file or a tensor is missing, extra or wrong; one sentence names it.
        ModelFailed: memory ran out; the message says what to do.
    """
    placement = placement or Placement()
    if placement.quantize not in QUANTISED:
        raise InvalidInput(f"quantize={placement.quantize!r} is unknown; there are '8bit' and '4bit'.")
    checkpoint = files.open_folder(folder)
    config = read_config(folder, checkpoint.main.shapes, checkpoint.autoencoder.shapes)
    with torch.device("meta"):
        model = Bagel(config).eval().requires_grad_(False)
    wanted = _checked(model, config, checkpoint)
    try:
        _fill(model, wanted, checkpoint, placement)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelFailed(
            f"There is not enough memory for {folder.name!r} on {placement.main}. Quantise it (8bit, 4bit), offload "
            "it to main memory, or spread it over several GPUs (devices: auto)."
        ) from error
    return model


def save_bagel(model: Bagel, folder: Path, *, main_file: str = files.MAIN_FILES[0]) -> None:
    """Write the weights in the published layout; the configuration and tokenizer files are the caller's.

    Raises:
        ValueError: the model was opened with packed weights.
    """
    if any(isinstance(module, PackedLinear) for module in model.modules()):
        raise ValueError("packed weights cannot be saved; open the model with Placement(pack=False)")
    folder.mkdir(parents=True, exist_ok=True)
    state = model.state_dict()
    ours = names(state, len(model.config.autoencoder.channels))
    groups: dict[bool, dict[str, Tensor]] = {True: {}, False: {}}
    for theirs, name in ours.items():
        tensor = state[name]
        if _is_attention(name):
            tensor = tensor[:, :, None, None] if tensor.ndim == 2 else tensor
        groups[name.startswith(AUTOENCODER)][theirs] = tensor.contiguous()
    save_file(groups[True], folder / files.AE_FILE)
    save_file(groups[False], folder / main_file)


def copy_texts(source: Path, target: Path) -> None:
    """Copy the configuration and tokenizer files of a checkpoint."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.suffix in (".json", ".txt") and not path.name.endswith(".index.json"):
            shutil.copy(path, target / path.name)


def write_configs(config: BagelConfig, folder: Path) -> None:
    """The two configuration files of these dimensions, as upstream writes them."""
    language, vision = config.language, config.vision
    llm = {key: getattr(language, key) for key in language.__dataclass_fields__ if key not in ("tied", "qk_norm")}
    side = int(vision.positions**0.5)
    vit = {
        "hidden_size": vision.hidden_size, "intermediate_size": vision.intermediate_size,
        "num_hidden_layers": vision.num_hidden_layers + 1, "num_attention_heads": vision.num_attention_heads,
        "patch_size": vision.patch_size, "image_size": side * vision.patch_size, "hidden_act": vision.hidden_act,
        "layer_norm_eps": vision.layer_norm_eps,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LLM_FILE).write_text(json.dumps({**llm, "tie_word_embeddings": language.tied}, indent=2), "utf-8")
    (folder / VIT_FILE).write_text(json.dumps(vit, indent=2), "utf-8")


def _checked(model: Bagel, config: BagelConfig, checkpoint: files.Checkpoint) -> dict[str, str]:
    """Published name -> our name, after both files have been compared with what the dimensions ask for."""
    state = model.state_dict()
    ours = names(state, len(config.autoencoder.channels))
    for what, tensors, inside in (
        ("The weights", checkpoint.main, False),
        ("The autoencoder's weights", checkpoint.autoencoder, True),
    ):
        wanted = {theirs: name for theirs, name in ours.items() if name.startswith(AUTOENCODER) == inside}
        files.check_names(tensors.shapes, wanted, what)
        shapes = {theirs: _published_shape(name, state[name]) for theirs, name in wanted.items()}
        files.check_shapes(tensors.shapes, shapes, what)
    return ours


def _published_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    """LDM's attention has convolutions of one pixel where diffusers has linear layers."""
    return (*tensor.shape, 1, 1) if _is_attention(name) and tensor.ndim == 2 else tuple(tensor.shape)


def _is_attention(name: str) -> bool:
    return name.startswith(AUTOENCODER) and ".attentions." in name


def _fill(model: Bagel, wanted: Mapping[str, str], checkpoint: files.Checkpoint, placement: Placement) -> None:
    """Read the tensors one by one to their devices, then hang in what moves them."""
    import accelerate
    from accelerate.utils import set_module_tensor_to_device

    model.sines = type(model.sines)(model.sines.num_channels, True, 0)  # it holds no tensor, but was made on meta
    where = _device_map(model, placement)
    if placement.quantize:
        _quantised(model, placement)
    for name, tensor in _tensors(model, wanted, checkpoint):
        device = _device_of(name, where)
        target = "cpu" if device == "disk" else device
        kind = placement.kind if tensor.is_floating_point() else None
        set_module_tensor_to_device(model, name, target, tensor, dtype=kind)
    if set(where.values()) == {"cpu"} and placement.main == "cpu" and placement.pack:
        pack(model)
    elif placement.offload and placement.main != "cpu":
        accelerate.cpu_offload(model, torch.device(placement.main))
    elif len(set(where.values())) > 1:
        accelerate.dispatch_model(model, dict(where), main_device=placement.main)


def _tensors(model: Bagel, wanted: Mapping[str, str], checkpoint: files.Checkpoint) -> Iterator[tuple[str, Tensor]]:
    state = model.state_dict()
    paths = {**checkpoint.main.files, **checkpoint.autoencoder.files}
    for path in dict.fromkeys(paths.values()):
        with safe_open(path, "pt") as file:
            for theirs in (name for name, place in paths.items() if place == path):
                ours = wanted[theirs]
                yield ours, file.get_tensor(theirs).reshape(state[ours].shape)
    hidden = model.config.language.hidden_size
    for theirs, side in zip(files.RECOMPUTED, (model.config.latent_side, model.config.vision_side), strict=True):
        if theirs not in paths:
            yield wanted[theirs], position_table(side, hidden)


def _device_map(model: Bagel, placement: Placement) -> Mapping[str, Any]:
    if placement.offload and placement.main != "cpu":
        return {"": "cpu"}
    if placement.devices == "auto":
        from accelerate import infer_auto_device_map

        found: Mapping[str, Any] = infer_auto_device_map(model, no_split_module_classes=WHOLE, dtype=placement.kind)
        return found
    return {"": placement.devices} if isinstance(placement.devices, str) else placement.devices


def _device_of(name: str, where: Mapping[str, Any]) -> Any:
    """The device of the longest module name that holds the tensor."""
    fits = [module for module in where if module == "" or name == module or name.startswith(f"{module}.")]
    if not fits:
        raise InvalidInput(f"The device map names no device for {name!r}.")
    return where[max(fits, key=len)]


def _quantised(model: Bagel, placement: Placement) -> None:
    """Put bitsandbytes' layers in the place of the decoder's linear layers; their weights are packed as they come."""
    try:
        import bitsandbytes as bnb
    except ImportError as error:
        raise Unavailable("Quantised weights need the package 'bitsandbytes': pip install bitsandbytes.") from error
    for layer in model.language.layers:
        for module in list(layer.modules()):
            for name, child in list(module.named_children()):
                if type(child) is torch.nn.Linear:
                    setattr(module, name, _packed(bnb, child, placement))


def _packed(bnb: Any, linear: torch.nn.Linear, placement: Placement) -> torch.nn.Module:
    size, bias = (linear.in_features, linear.out_features), linear.bias is not None
    with torch.device("meta"):
        if placement.quantize == "8bit":
            return bnb.nn.Linear8bitLt(*size, bias=bias, has_fp16_weights=False)
        return bnb.nn.Linear4bit(*size, bias=bias, compute_dtype=placement.kind, quant_type="nf4")
