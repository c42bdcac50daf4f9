"""Averages two recoverers of one run's line: `python -m ru1_app.training.average FIRST SECOND OUT --weight 0.75`.

What a continued run with another mix of corruptions gains on some of them it may lose on others; between the two sets
of weights lies one that keeps most of both (Wortsman et al. 2022, arXiv 2203.05482).
"""

from __future__ import annotations

import argparse
from copy import deepcopy
from pathlib import Path

import torch

from ru1_app.errors import InvalidInput
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.training.weights import save_pipeline


def average(first: Path, second: Path, out: Path, weight: float) -> None:
    """Write `(1 - weight) * first + weight * second`, with the first one's settings.

    Raises:
        InvalidInput: `weight` is not from 0 to 1, or the networks are of different shapes.
    """
    if not 0 <= weight <= 1:
        raise InvalidInput(f"--weight {weight} is not from 0 to 1.")
    one, two = (SourceFlowPipeline.from_pretrained(path, dtype=torch.float32) for path in (first, second))
    mixed, other = deepcopy(one.net), dict(two.net.named_parameters())
    if {name: value.shape for name, value in mixed.named_parameters()} != {k: v.shape for k, v in other.items()}:
        raise InvalidInput(f"The networks in {first} and {second} are of different shapes.")
    with torch.no_grad():
        for name, value in mixed.named_parameters():
            value.lerp_(other[name], weight)
    save_pipeline(mixed, one.config["source_noise"], out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("first", "second", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--weight", type=float, default=0.5, help="of the second")
    options = parser.parse_args()
    average(options.first, options.second, options.out, options.weight)


if __name__ == "__main__":
    main()
