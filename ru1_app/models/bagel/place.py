"""Where the weights go: one device, several, main memory, fewer bits.

Only the decoder's layers are spread, offloaded or quantised: they are 95 % of the weights. Everything else, and all
inputs and outputs, are on the main device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from ru1_app.errors import InvalidInput, Unavailable
from ru1_app.models.bagel.model import Bagel
from ru1_app.models.packed import pack

LAYERS = "language.layers"
QUANTISED = (None, "8bit", "4bit")
SPARE = 0.85  # of a GPU's free memory that weights may take; the rest is for keys and activations


class Placement(NamedTuple):
    """`devices`: "cpu", "cuda:0", "auto" (the layers over all GPUs), or a map of "language.layers.N" and "" to devices.

    `offload` keeps the layers in main memory and brings each to the device when its turn comes. `pack` lays float32
    weights out for a CPU (`models.packed`); such a model cannot be saved or trained.
    """

    devices: str | Mapping[str, Any] = "cpu"
    dtype: torch.dtype | None = None  # None: bfloat16 on a GPU, float32 on the CPU
    quantize: str | None = None
    offload: bool = False
    pack: bool = True

    @property
    def main(self) -> str:
        """The device of everything but the layers."""
        if isinstance(self.devices, str) and self.devices != "auto":
            return self.devices
        given = None if isinstance(self.devices, str) else self.devices.get("")
        return str(given or ("cuda:0" if torch.cuda.is_available() else "cpu"))

    @property
    def kind(self) -> torch.dtype:
        """The type that is computed in."""
        return self.dtype or (torch.float32 if self.main == "cpu" else torch.bfloat16)


def check_placement(placement: Placement) -> None:
    """Refuse what cannot be.

    Raises:
        InvalidInput: a device or a quantisation is unknown.
    """
    if placement.quantize not in QUANTISED:
        raise InvalidInput(f"quantize={placement.quantize!r} is unknown; there are '8bit' and '4bit'.")
    named = [placement.devices] if isinstance(placement.devices, str) else placement.devices.values()
    for name in named:
        try:
            known = name == "auto" or torch.device(name).type in ("cpu", "cuda")
        except (RuntimeError, TypeError):
            known = False
        if not known:
            raise InvalidInput(f"The device {name!r} is unknown. There are: cpu, cuda, cuda:0 and so on, auto.")
    if not isinstance(placement.devices, str):
        for key in placement.devices:
            if key and not (key.startswith(f"{LAYERS}.") and key.removeprefix(f"{LAYERS}.").isdigit()):
                raise InvalidInput(f"The device map names {key!r}; it may name '' and '{LAYERS}.0', '{LAYERS}.1', ...")


def device_map(model: Bagel, placement: Placement) -> Mapping[str, str]:
    """A device for "" and for each layer that is elsewhere."""
    main = placement.main
    if placement.offload and main != "cpu":
        offloaded = [f"{LAYERS}.{k}" for k in range(len(model.language.layers))]
        return {"": main} | dict.fromkeys(offloaded, "cpu")
    if placement.devices == "auto" and torch.cuda.device_count() > 1:
        return {"": main, **_spread(model, placement)}
    if isinstance(placement.devices, str):
        return {"": main}
    return {"": main, **{key: str(device) for key, device in placement.devices.items() if key}}


def device_of(name: str, where: Mapping[str, str]) -> str:
    """The device of a tensor: that of its layer, or the main one."""
    layer = next((key for key in where if key and name.startswith(f"{key}.")), "")
    return where[layer]


def arrange(model: Bagel, where: Mapping[str, str], placement: Placement) -> None:
    """Hang in what brings layers to the device, or tokens to the layers; lay the weights out on a CPU."""
    import accelerate
    from accelerate.hooks import AlignDevicesHook, add_hook_to_module

    if placement.offload and placement.main != "cpu":
        for layer in model.language.layers:
            accelerate.cpu_offload(layer, torch.device(placement.main))
        return
    for key, device in where.items():
        if key:
            layer = model.get_submodule(key)
            add_hook_to_module(layer, AlignDevicesHook(execution_device=torch.device(device)))
    if placement.pack and not placement.quantize and set(where.values()) == {"cpu"}:
        pack(model)


def quantise(model: Bagel, placement: Placement) -> None:
    """Put bitsandbytes' layers in the place of the layers' linear ones; weights are packed as they come to a device.

    Raises:
        Unavailable: bitsandbytes is not installed.
    """
    try:
        import bitsandbytes as bnb
    except ImportError as error:
        raise Unavailable("Quantised weights need the package 'bitsandbytes': pip install bitsandbytes.") from error
    for parent in list(model.language.layers.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(parent, name, _fewer_bits(bnb, child, placement).requires_grad_(False))


def put(model: Bagel, name: str, tensor: torch.Tensor, device: str, kind: torch.dtype) -> None:
    """Give a tensor of the model, now on no device, its value; what is quantised is packed on the way."""
    from accelerate.utils import set_module_tensor_to_device

    below, _, leaf = name.rpartition(".")
    parent = model.get_submodule(below)
    old = parent._parameters.get(leaf)
    tensor = tensor.to(kind) if tensor.is_floating_point() else tensor
    if old is None or type(old) is torch.nn.Parameter:
        set_module_tensor_to_device(model, name, device, tensor, dtype=tensor.dtype)
        return
    kind_of: Any = type(old)
    packed = kind_of(tensor, requires_grad=False, **{k: v for k, v in vars(old).items() if not k.startswith("_")})
    parent._parameters[leaf] = packed.to(device)


def _fewer_bits(bnb: Any, linear: torch.nn.Linear, placement: Placement) -> torch.nn.Module:
    size, bias = (linear.in_features, linear.out_features), linear.bias is not None
    with torch.device("meta"):
        if placement.quantize == "8bit":
            return bnb.nn.Linear8bitLt(*size, bias=bias, has_fp16_weights=False)
        return bnb.nn.Linear4bit(*size, bias=bias, compute_dtype=placement.kind, quant_type="nf4")


def _spread(model: Bagel, placement: Placement) -> dict[str, str]:
    """The layers over all GPUs as accelerate would, with room for the rest of the model on the main one."""
    from accelerate import infer_auto_device_map
    from accelerate.utils import compute_module_sizes

    sizes = compute_module_sizes(model, dtype=placement.kind)
    rest = sizes[""] - sizes[LAYERS]
    free: dict[Any, int] = {k: int(torch.cuda.mem_get_info(k)[0] * SPARE) for k in range(torch.cuda.device_count())}
    free[torch.device(placement.main).index or 0] -= rest
    free["cpu"] = 1 << 40
    found = infer_auto_device_map(
        model.language.layers, max_memory=free, no_split_module_classes=["Layer"], dtype=placement.kind
    )
    return {f"{LAYERS}.{key}": "cpu" if device == "cpu" else f"cuda:{device}" for key, device in found.items()}
