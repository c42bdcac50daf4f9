"""Where a diffusers checkpoint lies, which pipeline it names, and how that is read."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ru1_app.errors import Unavailable
from ru1_app.models.diffusers_call import call_defaults
from ru1_app.models.revision import is_folder

_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder, or a model of the hub at a revision. Without `safety_checker`, that part is neither got nor read."""

    source: str | Path
    revision: str | None
    safety_checker: bool

    def pipeline_class(self, *, from_image: bool) -> type:
        """The class that the checkpoint names; with `from_image`, its image-to-image sister if it takes no image.

        Raises:
            Unavailable: the index is missing, or diffusers has no such class.
        """
        import diffusers
        from diffusers.pipelines.auto_pipeline import AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, _get_task_class

        kind = self._index().get("_class_name")
        found = getattr(diffusers, kind, None) if isinstance(kind, str) else None
        if not isinstance(found, type):
            version, needing = diffusers.__version__, str(self.source)
            raise Unavailable(f"diffusers {version} has no pipeline {kind!r}, which {needing!r} needs.")
        if from_image and "image" not in call_defaults(found):
            return _get_task_class(AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, kind, throw_error_if_not_exist=False) or found
        return found

    def folder(self, pipeline_class: type) -> Path:
        """The folder itself, or that of the hub's snapshot in the local cache, which has the commit's name."""
        if is_folder(self.source):
            return Path(self.source)
        from diffusers import DiffusionPipeline

        left_out = self._left_out(pipeline_class)
        got = DiffusionPipeline.download(str(self.source), revision=self.revision, use_safetensors=True, **left_out)
        return Path(got)

    def opened(self, pipeline_class: Any, folder: Path, *, dtype: Any, device_map: str | None) -> Any:
        """The pipeline with its weights, from safetensors only, since other files may run code."""
        from diffusers.utils import logging

        logging.disable_progress_bar()
        options = {"device_map": device_map} if device_map else {}
        options |= self._left_out(pipeline_class)
        return pipeline_class.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, local_files_only=True, **options
        )

    def _index(self) -> Any:
        if not is_folder(self.source):
            from diffusers import DiffusionPipeline

            return DiffusionPipeline.load_config(str(self.source), revision=self.revision)
        path = Path(self.source) / _INDEX
        if not path.is_file():
            raise Unavailable(f"The model folder {str(self.source)!r} lacks {_INDEX}.")
        return json.loads(path.read_text("utf-8"))

    def _left_out(self, pipeline_class: Any) -> dict[str, Any]:
        known = inspect.signature(pipeline_class.__init__).parameters
        without = {} if self.safety_checker else {"safety_checker": None, "requires_safety_checker": False}
        return {key: value for key, value in without.items() if key in known}
