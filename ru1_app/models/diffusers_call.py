"""Which arguments a diffusers pipeline is called with, read from the signature of its `__call__`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from PIL import Image

from ru1_app.errors import InvalidInput
from ru1_app.images import Image8

STEP_CALLBACK, OLD_CALLBACK = "callback_on_step_end", "callback"
# What this package gives itself, and what a mere image cannot give.
_OURS = {"image", "prompt", "num_inference_steps", "generator", "output_type", "return_dict", "num_images_per_prompt",
         STEP_CALLBACK, "callback_on_step_end_tensor_inputs", OLD_CALLBACK, "callback_steps"}  # fmt: skip
_FOREIGN = ("mask_image", "control_image", "image_embeds", "num_frames")
# These bring the image to about a megapixel by themselves: another output size would not lie over it.
_OWN_SIZE = ("QwenImageEdit", "QwenImage21", "Flux2")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asks of a pipeline; None leaves its default."""

    instruction: str
    guidance: float | None = None
    image_guidance: float | None = None
    strength: float | None = None  # 0-1, how far the image is noised before it is made anew
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class EditCall:
    """The call of one pipeline class: what its `__call__` takes and what is alike for each image."""

    pipeline_class: type
    takes: Mapping[str, Any]  # name -> default, `inspect.Parameter.empty` where it has none
    fixed: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The name of the pipeline class."""
        return self.pipeline_class.__name__

    @classmethod
    def of(cls, pipeline_class: type, wishes: Wishes) -> EditCall:
        """The call of `pipeline_class` under these wishes.

        Raises:
            InvalidInput: the pipeline cannot recover an image, or takes no such argument.
        """
        kind = pipeline_class.__name__
        takes = call_defaults(pipeline_class)
        if "image" not in takes:
            hint = "" if wishes.strength is not None else ", or give a strength to start it from the damaged image"
            raise InvalidInput(f"The pipeline {kind} takes no image: name an image-to-image or editing model{hint}.")
        fixed = _wished(kind, takes, wishes)
        given = fixed.keys() | _OURS
        needed = [name for name, default in takes.items() if default is inspect.Parameter.empty]
        lacking = [name for name in dict.fromkeys((*needed, *_FOREIGN)) if name in takes and name not in given]
        if lacking:
            raise InvalidInput(
                f"The pipeline {kind} cannot recover from an image alone, it needs {', '.join(lacking)}: "
                "name another model or put them among its arguments."
            )
        return cls(pipeline_class, takes, fixed)

    def arguments(self, image: Image8, steps: int, generator: Any) -> dict[str, Any]:
        """The arguments for one image [H, W, 3] without those that report steps."""
        height, width = image.shape[:2]
        ours = {
            "image": Image.fromarray(image),
            "num_inference_steps": self._inference_steps(steps),
            "generator": generator,
            "output_type": "np",
        }
        if not self.kind.startswith(_OWN_SIZE):
            # Kontext scales to `max_area` pixels, and its input to one of its preferred sizes.
            ours |= {"height": height, "width": width, "max_area": height * width, "_auto_resize": False}
        return {name: value for name, value in ours.items() if name in self.takes} | dict(self.fixed)

    def _inference_steps(self, steps: int) -> int:
        """The number to ask for so that `steps` are taken: a pipeline with a strength leaves out the first ones."""
        strength = self.fixed.get("strength", self.takes.get("strength"))
        if not isinstance(strength, int | float) or strength <= 0:
            return steps
        asked = math.ceil(steps / strength)
        return asked if int(asked * strength) >= steps else asked + 1


def call_defaults(pipeline_class: type) -> dict[str, Any]:
    """The names that `__call__` takes, with their defaults."""
    parameters = list(inspect.signature(pipeline_class.__call__).parameters.values())[1:]
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {each.name: each.default for each in parameters if each.kind not in variable}


def _wished(kind: str, takes: Mapping[str, Any], wishes: Wishes) -> dict[str, Any]:
    """The wishes as arguments of the pipeline; one that it does not know is refused."""
    fixed: dict[str, Any] = {"prompt": wishes.instruction} if "prompt" in takes else {}
    # Where guidance_scale has no default (Qwen), it belongs to distilled weights; the others are guided by this one.
    by_true_cfg = "true_cfg_scale" in takes and takes.get("guidance_scale") is None
    names = {
        "guidance": "true_cfg_scale" if by_true_cfg else "guidance_scale",
        "image_guidance": "img_guidance_scale" if "img_guidance_scale" in takes else "image_guidance_scale",
        "strength": "strength",
    }
    for wish, name in names.items():
        value = getattr(wishes, wish)
        if value is None:
            continue
        if name not in takes:
            raise InvalidInput(f"The pipeline {kind} takes no {wish}: leave it out.")
        fixed[name] = value
    if wishes.strength is not None and not 0 < wishes.strength <= 1:
        raise InvalidInput(f"The strength {wishes.strength!r} is not allowed: give one above 0, at most 1.")
    if by_true_cfg and wishes.guidance is not None and "negative_prompt" in takes:
        fixed["negative_prompt"] = " "  # without one the guidance is not used
    for name, value in wishes.arguments.items():
        if name in _OURS or name not in takes:
            can = ", ".join(sorted(takes.keys() - _OURS))
            raise InvalidInput(f"The pipeline {kind} takes no argument {name!r} from outside. It takes: {can}.")
        fixed[name] = value
    return fixed
