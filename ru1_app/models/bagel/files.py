"""The files of a checkpoint: which there are, what their headers say, and whether all is there. Reads no weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ru1_app.errors import Unavailable
from ru1_app.models.bagel.config import LLM_FILE, VIT_FILE

AE_FILE = "ae.safetensors"
MAIN_FILES = ("model_bf16.safetensors", "model.safetensors", "ema.safetensors")  # the first there is
INDEX = "*.safetensors.index.json"
VOCABULARY = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # one of these sets is enough
PATTERNS = ("*.json", "*.txt", "*.safetensors")  # what is fetched from the hub
RECOMPUTED = ("latent_pos_embed.pos_embed", "vit_pos_embed.pos_embed")  # training code leaves them out


@dataclass(frozen=True, slots=True)
class Tensors:
    """The tensors of one or several safetensors files: name -> file, name -> shape."""

    files: Mapping[str, Path]
    shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder whose files have been found and whose headers have been read."""

    folder: Path
    main: Tensors
    autoencoder: Tensors


def open_folder(folder: Path) -> Checkpoint:
    """Find the files of a checkpoint.

    Raises:
        Unavailable: a file is missing, too many, or broken; one sentence names it.
    """
    if not folder.is_dir():
        raise Unavailable(f"There is no folder {str(folder)!r}. Give the folder of a checkpoint, or a hub id.")
    missing = [name for name in (LLM_FILE, VIT_FILE, AE_FILE) if not (folder / name).is_file()]
    if not any(all((folder / name).is_file() for name in names) for names in VOCABULARY):
        missing.append("tokenizer.json (or vocab.json and merges.txt)")
    mains = _main_files(folder)
    if not mains:
        missing.append(" or ".join(MAIN_FILES))
    if missing:
        raise Unavailable(f"The model folder {folder.name!r} lacks {', '.join(missing)}. Get it again.")
    known = {*mains, folder / AE_FILE, *(folder / name for name in MAIN_FILES)}
    extra = sorted(path.name for path in folder.glob("*.safetensors") if path not in known)
    if extra:
        raise Unavailable(
            f"The model folder {folder.name!r} also holds {', '.join(extra)}, which belongs to no checkpoint of this "
            "kind. Move it elsewhere."
        )
    return Checkpoint(folder, _headers(mains), _headers([folder / AE_FILE]))


def check_names(found: Iterable[str], wanted: Iterable[str], what: str) -> None:
    """Refuse weights with a tensor too few or too many.

    Raises:
        Unavailable: one sentence with the first names and how many more there are.
    """
    have, need = set(found), set(wanted)
    lacking, extra = sorted(need - have - set(RECOMPUTED)), sorted(have - need)
    if lacking:
        raise Unavailable(f"{what} lack the tensor {_some(lacking)}. They are of another model, or damaged.")
    if extra:
        raise Unavailable(
            f"{what} hold the tensor {_some(extra)}, which a model of these dimensions has not. "
            "They are of another model, or its configuration is."
        )


def check_shapes(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Refuse a tensor of another shape than the configuration gives.

    Raises:
        Unavailable: one sentence with the tensor and both shapes.
    """
    for name, shape in wanted.items():
        if name in found and tuple(found[name]) != shape:
            raise Unavailable(
                f"In {what[0].lower()}{what[1:]} the tensor {name!r} has the shape {list(found[name])}, but the "
                f"configuration asks for {list(shape)}. They do not belong together."
            )


def _some(names: list[str]) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{names[0]!r}{more}"


def _main_files(folder: Path) -> list[Path]:
    """The file, or the shards, with everything but the autoencoder."""
    for name in MAIN_FILES:
        if (folder / name).is_file():
            return [folder / name]
    for index in sorted(folder.glob(INDEX)):
        try:
            shards = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise Unavailable(f"The file {index.name!r} is no index of shards. Get it again.") from error
        lost = [name for name in shards if not (folder / str(name)).is_file()]
        if lost:
            raise Unavailable(f"The model folder {folder.name!r} lacks {', '.join(lost)}, which {index.name!r} names.")
        return [folder / name for name in shards]
    return []


def _headers(paths: list[Path]) -> Tensors:
    from safetensors import SafetensorError, safe_open

    files: dict[str, Path] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for path in paths:
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a mapping
                    files[name] = path
                    shapes[name] = tuple(file.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise Unavailable(f"The file {path.name!r} is damaged or incomplete. Get it again.") from error
    return Tensors(files, shapes)
