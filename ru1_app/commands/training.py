"""Commands that train on a release: the recoverer by what people prefer, and the model of their judgements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ru1_app.commands.base import Json, show
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput

if TYPE_CHECKING:
    from ru1_app.training.rl.policy import Inputs

Release = Annotated[Path, typer.Option(help="Folder of a release with the format 'tables'.")]
Out = Annotated[Path, typer.Option(help="Folder for checkpoint, log and model; a run that was cut goes on there.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Overrides the recipe; of dpo, where both are run."),
]


class Method(StrEnum):
    """How the recoverer learns."""

    DPO = "dpo"  # from pairs
    GRPO = "grpo"  # by rewards, on the inputs that went wrong
    BOTH = "both"  # the one, then the other


def rl(
    release: Release,
    out: Out,
    method: Annotated[Method, typer.Option(help="dpo: from pairs; grpo: by rewards; both: one, then the other.")] = (
        Method.DPO
    ),
    init: Annotated[Path | None, typer.Option(help="Folder of the recoverer to begin with.")] = None,
    risk: Annotated[
        Path | None, typer.Option(help="Folder of the risk model, a reward of grpo; without it: SSIM and CLIP.")
    ] = None,
    risk_weight: Annotated[float, typer.Option(min=0.0, help="Of the reward of not misleading.")] = 0.5,
    set_: Overrides = None,
    json_: Json = False,
) -> None:
    """Fine-tune the embedded recoverer on what people said of recoveries."""
    from ru1_app.export import read_manifest

    settings = Settings.from_env()
    digest = read_manifest(release).digest
    start = init or settings.models_dir / "recoverer"
    model = start
    if method in (Method.DPO, Method.BOTH):
        model = _dpo(release, start, out if method is Method.DPO else out / "dpo", set_ or [])
    if method in (Method.GRPO, Method.BOTH):
        folder = out if method is Method.GRPO else out / "grpo"
        model = _grpo(release, model, folder, risk, risk_weight, set_ or [] if method is Method.GRPO else [])
    told = {"model": str(model), "release": digest, "method": method.value}
    show(told, json_, [f"Trained on the release {digest[:12]}: {model}"])


def risk(release: Release, out: Out, set_: Overrides = None, json_: Json = False) -> None:
    """Train the model of people's judgements: how probably a recovery misleads, and where."""
    from ru1_app.training import risk as recipe
    from ru1_app.training.config import load_config

    settings = Settings.from_env()
    config = load_config(recipe.RiskConfig, Path(recipe.__file__).with_suffix(".toml"), set_ or [])
    described = recipe.train(release, settings.models_dir / "clip", out, config)
    show(asdict(described), json_, [described.told])


def _dpo(release: Path, init: Path, out: Path, overrides: list[str]) -> Path:
    from ru1_app.training import dpo
    from ru1_app.training.config import load_config

    config = load_config(dpo.DpoConfig, Path(dpo.__file__).with_suffix(".toml"), overrides)
    return dpo.train(config, release, init, out)


def _grpo(release: Path, init: Path, out: Path, risk: Path | None, weight: float, overrides: list[str]) -> Path:
    from ru1_app.rewards import Folders
    from ru1_app.training.config import load_config
    from ru1_app.training.rl import train, trainer
    from ru1_app.training.rl.source import inputs_of_release

    settings = Settings.from_env()
    config = load_config(trainer.RlConfig, Path(trainer.__file__).with_name("release.toml"), overrides)
    if risk is not None and weight:
        config = replace(config, rewards={"risk": weight, **config.rewards})
    if "risk" in config.rewards and risk is None:
        raise InvalidInput("The reward 'risk' needs --risk, the folder of a risk model.")

    def source(start: int) -> Iterator[Inputs]:
        return inputs_of_release(config, release, start, "cpu")

    return train.train(config, source, init, Folders(settings.models_dir / "clip", risk), out)
