"""Whether a model can be used here, and if not, why and what to do about it. Loads nothing, asks no network."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ru1_app.config import Settings, variable
from ru1_app.models.catalogue import ADAPTERS, ASSETS, Catalogue, ModelEntry
from ru1_app.models.machine import has_gpu


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model as the page shows it: `reason` and `remedy` say why it is not available and what would help."""

    entry: ModelEntry
    reason: str = ""
    remedy: str = ""
    loaded: bool = False
    note: str = ""  # of an available one: what its first use will do

    @property
    def available(self) -> bool:
        """Whether it can be loaded here."""
        return not self.reason


def state_of(entry: ModelEntry, catalogue: Catalogue, settings: Settings, *, loaded: bool = False) -> ModelState:
    """How it stands with one model."""
    if not catalogue.chosen(entry):
        profiles = " or ".join(f"RU1_PROFILE={name}" for name in entry.profiles)
        return ModelState(
            entry, f"it is not part of the profile {catalogue.profile!r}", f"start the app with {profiles}"
        )
    for check in (_variables, _packages, _folder, _gpu, _cache):
        reason, remedy = check(entry, settings)
        if reason:
            return ModelState(entry, reason, remedy)
    return ModelState(entry, loaded=loaded, note="" if loaded else _first_use(entry))


def states(catalogue: Catalogue, settings: Settings, loaded: Callable[[str], bool]) -> list[ModelState]:
    """Every model, those of the profile first."""
    entries = sorted(catalogue.entries.values(), key=lambda entry: not catalogue.chosen(entry))
    return [state_of(entry, catalogue, settings, loaded=loaded(entry.name)) for entry in entries]


def _variables(entry: ModelEntry, settings: Settings) -> tuple[str, str]:
    missing = [name for name in entry.variables if variable(name) is None]
    return (f"the environment variable {missing[0]} is not set", f"set {missing[0]}") if missing else ("", "")


def _packages(entry: ModelEntry, settings: Settings) -> tuple[str, str]:
    wanted = [*ADAPTERS[entry.adapter].packages, *(["bitsandbytes"] if entry.options.get("quantize") else [])]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    return (f"the package {missing[0]!r} is not installed", f"pip install {missing[0]}") if missing else ("", "")


def _folder(entry: ModelEntry, settings: Settings) -> tuple[str, str]:
    if ADAPTERS[entry.adapter].serves or entry.hub_id or entry.variables:
        return "", ""
    below = entry.source.startswith(ASSETS)
    path = settings.models_dir / entry.source.removeprefix(ASSETS) if below else Path(entry.source)
    if path.is_dir():
        return "", ""
    return f"there is no folder {str(path)!r}", "put the model's files there, or correct `source` in the list of models"


def _gpu(entry: ModelEntry, settings: Settings) -> tuple[str, str]:
    if not entry.gpu or has_gpu():
        return "", ""
    return "this machine has no GPU", "run the app where one is, or serve the model elsewhere and list it as `served`"


def _cache(entry: ModelEntry, settings: Settings) -> tuple[str, str]:
    if entry.hub_id is None or cached(entry.hub_id) or variable("HF_HUB_OFFLINE") in (None, "", "0"):
        return "", ""
    return "it is not in the hub's cache, and HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE, or fetch it first"


def _first_use(entry: ModelEntry) -> str:
    if entry.hub_id is None or cached(entry.hub_id):
        return "loaded on first use"
    size = f" (about {entry.memory_gb:g} GB)" if entry.memory_gb else ""
    return f"fetched from the hub on first use{size}"


def cached(hub_id: str) -> bool:
    """Whether the hub's cache holds a snapshot of the model."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"models--{hub_id.replace('/', '--')}" / "snapshots"
    return folder.is_dir() and any(folder.iterdir())
