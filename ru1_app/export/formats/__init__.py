"""The formats, by name. Each is one module; adding one is a module and a line here."""

from __future__ import annotations

from ru1_app.errors import InvalidInput
from ru1_app.export.formats.bagel import BAGEL
from ru1_app.export.formats.diffusion_dpo import DIFFUSION_DPO
from ru1_app.export.formats.flow_grpo import FLOW_GRPO
from ru1_app.export.formats.format import Format
from ru1_app.export.formats.imagefolder import IMAGEFOLDER
from ru1_app.export.formats.labels_csv import LABELS_CSV
from ru1_app.export.formats.llama_factory import LLAMA_FACTORY
from ru1_app.export.formats.ms_swift import MS_SWIFT
from ru1_app.export.formats.reward_points import REWARD_POINTS
from ru1_app.export.formats.tables import TABLES
from ru1_app.export.formats.trl import TRL_PREFERENCE, TRL_PROMPT, TRL_SFT, TRL_UNPAIRED
from ru1_app.export.formats.vha import VHA
from ru1_app.export.formats.vlmevalkit import VLMEVALKIT
from ru1_app.export.formats.webdataset import WEBDATASET

IMAGE_SIDE = (FLOW_GRPO, DIFFUSION_DPO, REWARD_POINTS, VHA, IMAGEFOLDER, WEBDATASET, LABELS_CSV)
TEXT_SIDE = (TRL_PREFERENCE, TRL_UNPAIRED, TRL_PROMPT, TRL_SFT, LLAMA_FACTORY, MS_SWIFT, BAGEL, VLMEVALKIT)
FORMATS: dict[str, Format] = {each.name: each for each in (TABLES, *IMAGE_SIDE, *TEXT_SIDE)}


def format_of(name: str) -> Format:
    """The format of that name; `InvalidInput` where there is none."""
    if name not in FORMATS:
        raise InvalidInput(f"There is no format {name[:64]!r}. There are: {', '.join(FORMATS)}.")
    return FORMATS[name]
