"""Joins both networks of stage I into one recoverer: `python -m ru1_app.training.join GENERAL DEBLOCKER OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ru1_app.errors import InvalidInput
from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.training.weights import save_pipeline


def join(general: Path, deblocker: Path, out: Path) -> None:
    """Write a recoverer that leaves images that are cut into blocks to the second one.

    Raises:
        InvalidInput: the networks are of different shapes, one is joined already, or they see blocks themselves.
    """
    one, two = (SourceFlowPipeline.from_pretrained(path, dtype=torch.float32) for path in (general, deblocker))
    shapes = [{name: value.shape for name, value in pipeline.net.state_dict().items()} for pipeline in (one, two)]
    if one.net.deblocker is not None or shapes[0] != shapes[1]:
        raise InvalidInput(
            f"{general} and {deblocker} cannot be joined: they are of different shapes, or joined already."
        )
    if one.net.config.sees_blocks:
        raise InvalidInput(
            f"{general} sees blocks itself and needs no second network. Join networks trained with sees_blocks=false."
        )
    net = RecoveryNet.from_config(one.net.config, with_deblocker=True)
    net.load_state_dict(one.net.state_dict(), strict=False)
    net.deblocker.load_state_dict(two.net.state_dict())
    save_pipeline(net, one.config["source_noise"], out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("general", "deblocker", "out"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    join(options.general, options.deblocker, options.out)


if __name__ == "__main__":
    main()
