"""Stage II of the embedded recoverer: `python -m ru1_app.training.rl --init MODEL --photos DIR --clip CLIP --out DIR`.

A second start goes on from the checkpoint in the out folder. `model/` there is a diffusers folder of the averaged
weights that the app loads as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch

from ru1_app.rewards import Folders
from ru1_app.training.config import load_config
from ru1_app.training.rl.policy import Inputs
from ru1_app.training.rl.source import inputs_of, inputs_of_release
from ru1_app.training.rl.train import train
from ru1_app.training.rl.trainer import RlConfig


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--init", type=Path, required=True, help="stage I's model folder")
    parser.add_argument("--photos", type=Path, help="folder of photos to train on; or")
    parser.add_argument("--release", type=Path, help="folder of a release with the format 'tables'")
    parser.add_argument("--clip", type=Path, required=True, help="folder of the CLIP model of the reward")
    parser.add_argument("--risk", type=Path, help="folder of the risk model, where it is a reward")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and model")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("rl.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(RlConfig, arguments.config, arguments.overrides)
    if (arguments.photos is None) == (arguments.release is None):
        parser.error("give either --photos or --release")

    def source(start: int) -> Iterator[Inputs]:
        if arguments.release is not None:
            return inputs_of_release(config, arguments.release, start, arguments.device)
        return inputs_of(config, arguments.photos, start, arguments.device)

    folders = Folders(arguments.clip, arguments.risk)
    train(config, source, arguments.init, folders, arguments.out, arguments.device)


if __name__ == "__main__":
    main()
