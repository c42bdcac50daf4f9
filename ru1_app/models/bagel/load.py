"""A checkpoint folder or hub id to a model on its devices, and a model back to a folder in the published layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ru1_app.errors import ModelFailed, Unavailable
from ru1_app.models.bagel import files
from ru1_app.models.bagel.config import LLM_FILE, VIT_FILE, BagelConfig, read_config
from ru1_app.models.bagel.embed import position_table
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.bagel.names import AUTOENCODER, names
from ru1_app.models.bagel.place import Placement, arrange, check_placement, device_map, device_of, put, quantise
from ru1_app.models.engine import out_of_memory
from ru1_app.models.packed import PackedLinear
from ru1_app.models.revision import is_folder


def fetch(source: str | Path, revision: str | None = None) -> tuple[Path, str]:
    """The folder of a checkpoint, and the commit when it came from the hub.

    Raises:
        Unavailable: there is neither such a folder nor such a model.
    """
    if is_folder(source):
        return Path(source), ""
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
    check_placement(placement)
    checkpoint = files.open_folder(folder)
    config = read_config(folder, checkpoint.main.shapes, checkpoint.autoencoder.shapes)
    with torch.device("meta"):
        model = Bagel(config).eval().requires_grad_(False)
    wanted = _checked(model, config, checkpoint)
    try:
        _fill(model, wanted, checkpoint, placement)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
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
    model.sines = type(model.sines)(model.sines.num_channels, True, 0)  # it holds no tensor, but was made on meta
    where = device_map(model, placement)
    if placement.quantize:
        quantise(model, placement)
    for name, tensor in _tensors(model, wanted, checkpoint):
        put(model, name, tensor, device_of(name, where), placement.kind)
    arrange(model, where, placement)


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
