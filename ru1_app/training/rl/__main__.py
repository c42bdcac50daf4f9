"""Stage II of the embedded recoverer: `python -m ru1_app.training.rl --init MODEL --photos DIR --clip CLIP --out DIR`.

A second start goes on from the checkpoint in the out folder. `model/` there is a diffusers folder of the averaged
weights that the app loads as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch
from tqdm import tqdm

from ru1_app.models.embedded.net import RecoveryNet
from ru1_app.models.embedded.pipeline import SourceFlowPipeline
from ru1_app.rewards import reward_of
from ru1_app.training.config import load_config
from ru1_app.training.rl.source import inputs_of
from ru1_app.training.rl.trainer import RlConfig, Trainer, policy_of, run
from ru1_app.training.weights import save_pipeline


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--init", type=Path, required=True, help="stage I's model folder")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos to train on")
    parser.add_argument("--clip", type=Path, required=True, help="folder of the CLIP model of the reward")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and model")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("rl.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = load_config(RlConfig, arguments.config, arguments.overrides)
    pipeline = SourceFlowPipeline.from_pretrained(arguments.init, dtype=torch.float32, local_files_only=True)
    noise = float(pipeline.config.source_noise)
    net = pipeline.net.to(arguments.device, memory_format=torch.channels_last)
    trainer = Trainer(net, policy_of(config, noise), reward_of(config.rewards, arguments.clip), config)
    if (arguments.out / "checkpoint.pt").exists():
        trainer.resume(torch.load(arguments.out / "checkpoint.pt", map_location=arguments.device, weights_only=True))
    source = inputs_of(config, arguments.photos, trainer.iteration, arguments.device)
    with tqdm(total=config.iterations, initial=trainer.iteration, unit="iteration") as bar:
        for report in run(trainer, source, arguments.out):
            bar.update()
            bar.set_postfix({name: f"{value:.4f}" for name, value in report.rewards.items()})
            if trainer.iteration % config.checkpoint_every == 0:
                save_pipeline(cast(RecoveryNet, trainer.average), noise, arguments.out / "model")
    save_pipeline(cast(RecoveryNet, trainer.average), noise, arguments.out / "model")


if __name__ == "__main__":
    main()
