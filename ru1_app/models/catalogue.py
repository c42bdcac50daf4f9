"""Which models there are: the built-in list, a team's YAML file, and what the chosen profile takes of them.

Reading it imports no adapter and touches no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ru1_app.config import Settings, variable
from ru1_app.errors import InvalidInput
from ru1_app.models.machine import has_gpu

BUILT_IN = Path(__file__).with_name("models.yaml")
PROFILES = ("embedded", "cpu", "gpu", "zerogpu")
ASSETS = "assets:"  # a source below Settings.models_dir
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")  # "./folder" is none
_VARIABLE = re.compile(r"\$\{(\w+)(:-[^}]*)?\}")  # ${NAME}, or ${NAME:-what to take when it is not set}


class Role(StrEnum):
    """What a model can do."""

    RECOVER = "recover"
    ANSWER = "answer"
    REASON = "reason"  # recover and answer in one pass


@dataclass(frozen=True, slots=True)
class Adapter:
    """The code behind a model: "module:function" and folder below the source for each role; packages it needs."""

    loaders: Mapping[Role, tuple[str, str]]
    packages: tuple[str, ...] = ("torch", "transformers")
    fetches: bool = True  # its source may be a hub id
    serves: bool = False  # its source is a URL
    placed: bool = True  # it takes a `device`, which is a GPU where there is one


def _one(loader: str, *roles: Role) -> Mapping[Role, tuple[str, str]]:
    return {role: (loader, "") for role in roles}


ADAPTERS = {
    "embedded": Adapter(
        {
            Role.RECOVER: ("ru1_app.models.embedded.adapter:load", "recoverer"),
            Role.ANSWER: ("ru1_app.models.vlm:load", "answerer"),
        },
        fetches=False, placed=False,
    ),
    "bagel": Adapter(_one("ru1_app.models.bagel.adapter:load", Role.RECOVER, Role.ANSWER, Role.REASON), placed=False),
    "vlm": Adapter(_one("ru1_app.models.vlm:load", Role.ANSWER)),
    "diffusers": Adapter(_one("ru1_app.models.diffusers_edit:load", Role.RECOVER), ("torch", "diffusers")),
    "image-to-image": Adapter(_one("ru1_app.models.image_to_image:load", Role.RECOVER)),
    "served": Adapter(
        {
            Role.RECOVER: ("ru1_app.models.served.recoverer:load_recoverer", ""),
            Role.ANSWER: ("ru1_app.models.served.answerer:load_answerer", ""),
        },
        packages=("httpx",), fetches=False, serves=True, placed=False,
    ),
}  # fmt: skip


class ModelEntry(BaseModel):
    """A choice in the model menu, as it stands in a YAML file under its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)
    label: str = Field(min_length=1, max_length=80)
    adapter: str
    source: str = Field(min_length=1)
    roles: tuple[Role, ...] = Field(min_length=1)
    summary: str = ""
    needs: str = ""
    license: str = ""
    revision: str | None = None
    steps: int = Field(1, ge=1, le=100)
    memory_gb: float = Field(0.0, ge=0)
    gpu: bool = False
    profiles: tuple[str, ...] = PROFILES
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def hub_id(self) -> str | None:
        """The id on the hub, for a source that is fetched from there."""
        fetched = ADAPTERS[self.adapter].fetches and _HUB_ID.fullmatch(self.source)
        return self.source if fetched and not Path(self.source).exists() else None

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that its source and options need: those named as ${NAME}, without a default."""
        texts = [self.source, *_texts(self.options)]
        found = (pair for text in texts for pair in _VARIABLE.findall(text))
        return tuple(dict.fromkeys(name for name, default in found if not default))

    def resolved(self, settings: Settings, role: Role) -> tuple[str, str, dict[str, Any]]:
        """The loader of a role, the source and the options that it is called with."""
        loader, below = ADAPTERS[self.adapter].loaders[role]
        source = _filled(self.source)
        if source.startswith(ASSETS):
            source = str(settings.models_dir / source.removeprefix(ASSETS))
        options = {key: _within(value, _filled) for key, value in self.options.items()}
        if self.revision and self.hub_id:
            options["revision"] = self.revision
        if ADAPTERS[self.adapter].placed and has_gpu():
            options.setdefault("device", "cuda")
        if not self.source.startswith(ASSETS) and not self.hub_id:
            options["name"] = self.name
        return loader, str(Path(source) / below) if below else source, options


@dataclass(frozen=True)
class Catalogue:
    """All models by name, and the names that are the defaults of a role."""

    entries: Mapping[str, ModelEntry]
    defaults: Mapping[Role, str]
    profile: str

    def entry(self, name: str, role: Role) -> ModelEntry:
        """The model of that name; "" is the default of the role.

        Raises:
            InvalidInput: there is none, or it cannot do that; the message names those that can.
        """
        name = name or self.defaults[role]
        entry = self.entries.get(name)
        if entry is None or role not in entry.roles:
            what = f"The model {name!r} cannot {role}" if entry else f"There is no model {name!r}"
            what = what if name else f"No model is the default to {role}"
            there = ", ".join(e.name for e in self.having(role)) or "none in this profile"
            raise InvalidInput(f"{what}. To {role} there are: {there}.")
        return entry

    def having(self, role: Role) -> list[ModelEntry]:
        """The models of the profile that can do something."""
        return [entry for entry in self.entries.values() if role in entry.roles and self.chosen(entry)]

    def chosen(self, entry: ModelEntry) -> bool:
        """Whether the profile takes the model."""
        return self.profile in entry.profiles


def read_catalogue(settings: Settings) -> Catalogue:
    """The models of the built-in list and of the team's file, whose entries replace those of the same name.

    Raises:
        InvalidInput: the profile is unknown, or the file is wrong; the message says where.
    """
    if settings.profile not in PROFILES:
        raise InvalidInput(f"RU1_PROFILE={settings.profile!r} is unknown. There are: {', '.join(PROFILES)}.")
    raw = _read(BUILT_IN)
    entries = {name: _moved(entry) for name, entry in _entries(raw, BUILT_IN).items()}
    defaults = dict(raw["defaults"][settings.profile])
    if settings.models_file:
        path = Path(settings.models_file)
        own = _read(path)
        entries |= _entries(own, path)
        defaults |= own.get("defaults") or {}
    defaults |= {
        "recover": settings.recoverer or defaults["recover"],
        "answer": settings.answerer or defaults["answer"],
    }
    catalogue = Catalogue(entries, {role: defaults.get(role.value, "") for role in Role}, settings.profile)
    for role in (Role.RECOVER, Role.ANSWER):
        entry = catalogue.entry("", role)
        if not catalogue.chosen(entry):
            raise InvalidInput(
                f"The model {entry.name!r} is the default to {role}, but it is not part of the profile "
                f"{settings.profile!r}. Set RU1_PROFILE to one of: {', '.join(entry.profiles)}."
            )
    return catalogue


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"The list of models {str(path)!r} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The list of models {str(path)!r} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("models"), dict):
        raise InvalidInput(f"The list of models {str(path)!r} has no mapping 'models'. docs/models.md shows one.")
    if unknown := set(raw) - {"models", "defaults"}:
        raise InvalidInput(f"The list of models {str(path)!r} has the unknown key {sorted(map(str, unknown))[0]!r}.")
    defaults = raw.get("defaults") or {}
    if path != BUILT_IN and (
        not isinstance(defaults, dict) or not all(_is_default(*each) for each in defaults.items())
    ):
        roles = ", ".join(role.value for role in Role)
        raise InvalidInput(f"In {str(path)!r} 'defaults' must map some of {roles} to names of models.")
    return raw


def _is_default(role: Any, name: Any) -> bool:
    return role in {each.value for each in Role} and isinstance(name, str)


def _entries(raw: Mapping[str, Any], path: Path) -> dict[str, ModelEntry]:
    entries = {}
    for name, values in raw["models"].items():
        try:
            entry = ModelEntry(name=str(name), **(values or {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(f"In {str(path)!r} the model {name!r} is wrong at {where!r}: {first['msg']}.") from error
        except TypeError as error:
            raise InvalidInput(f"In {str(path)!r} the model {name!r} is no mapping of names to values.") from error
        entries[entry.name] = _placed(entry, path)
    return entries


def _placed(entry: ModelEntry, path: Path) -> ModelEntry:
    """The entry, checked against its adapter; a relative folder is one beside the YAML file."""
    adapter = ADAPTERS.get(entry.adapter)
    if adapter is None:
        raise InvalidInput(
            f"In {str(path)!r} the model {entry.name!r} has the unknown adapter {entry.adapter!r}. "
            f"There are: {', '.join(ADAPTERS)}."
        )
    for role in entry.roles:
        if role not in adapter.loaders:
            can = ", ".join(adapter.loaders)
            raise InvalidInput(
                f"In {str(path)!r} the model {entry.name!r} cannot {role}: its adapter {entry.adapter!r} can {can}."
            )
    if unknown := set(entry.profiles) - set(PROFILES):
        raise InvalidInput(f"In {str(path)!r} the model {entry.name!r} has the unknown profile {sorted(unknown)[0]!r}.")
    beside = path.parent / entry.source
    if not adapter.serves and not entry.source.startswith((ASSETS, "/", "$")) and beside.exists():
        return entry.model_copy(update={"source": str(beside.resolve())})
    return entry


def _moved(entry: ModelEntry) -> ModelEntry:
    """The entry with the source that RU1_SOURCE_<NAME> gives: another folder or hub id for a built-in model."""
    source = variable("RU1_SOURCE_" + re.sub(r"\W", "_", entry.name).upper())
    return entry.model_copy(update={"source": source}) if source else entry


def _texts(value: Any) -> list[str]:
    """Every text in a value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for each in inside for text in _texts(each)]


def _within(value: Any, change: Callable[[str], str]) -> Any:
    """A value with every text in it changed, however deep it lies."""
    if isinstance(value, dict):
        return {key: _within(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_within(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def _filled(text: str) -> str:
    """The text with ${NAME} and ${NAME:-default} replaced from the environment."""

    def value(match: re.Match[str]) -> str:
        found = variable(match[1])
        if found is None and match[2] is not None:
            return match[2][2:]
        if found is None:
            raise InvalidInput(f"The environment variable {match[1]} is not set, but a model of the list needs it.")
        return found

    return _VARIABLE.sub(value, text)
