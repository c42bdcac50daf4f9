"""Trains the embedded answerer on drawn scenes: `python -m ru1_app.training.answerer --out DIR`.

Reading comes first, as in a pretrained model: the vision tower alone learns what stands in each cell of its token grid,
which the renderer knows; then the whole model learns to answer, all questions of a scene packed into one sequence.
Stage III (`--config ru1_app/training/reason.toml --init DIR --pool DIR`) goes on with the recoverer in the loop:
corrupted image, recovered image or both, a trace of what can be seen in them, the answer. Its vision tower learns from
clean and recovered images; corrupted ones are the language model's to weigh. Interrupted runs go on from the last
checkpoint in `--out`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ru1_app.errors import InvalidInput
from ru1_app.training.answerer_build import build_model, build_processor, build_tokenizer, scope
from ru1_app.training.answerer_config import AnswererConfig
from ru1_app.training.answerer_data import Asker, Batch, Scenes, cell_words
from ru1_app.training.answerer_loss import Trainer
from ru1_app.training.answerer_pool import Pool, ensure
from ru1_app.training.config import load_config
from ru1_app.training.data import loader
from ru1_app.training.ema import follow
from ru1_app.training.run_log import RunLog

LOG_EVERY = 10  # steps


def start_from(model: Any, folder: Path) -> None:
    """Take over the weights of an earlier answerer.

    Raises:
        InvalidInput: there is none, or it is of another shape.
    """
    if not (folder / "model.safetensors").is_file():
        raise InvalidInput(f"There is no answerer in {folder}: it lacks model.safetensors.")
    try:
        model.load_state_dict(type(model).from_pretrained(folder).state_dict())
    except RuntimeError as error:
        raise InvalidInput(f"The answerer in {folder} is of another shape than the configuration: {error}.") from error


class Run:
    """One training run in a folder: its state, and how that is kept."""

    def __init__(self, config: AnswererConfig, out: Path, init: Path | None, pool: Path | None) -> None:
        """Begin at step 0, with the weights of the model folder `init` if given, or go on from `out/checkpoint.pt`.

        Raises:
            InvalidInput: the prompts need a pool and there is none.
        """
        if config.needs_pool and pool is None:
            raise InvalidInput("These prompts show recoveries. Give --pool the folder of a pool, or where to make one.")
        self.config, self.out, self.pool = config, out, Pool(pool) if config.needs_pool and pool else None
        self.tokenizer = build_tokenizer()
        self.processor = build_processor(self.tokenizer)
        words = [self.tokenizer.convert_tokens_to_ids(word) if word else -100 for word in cell_words()]
        self.trainer = Trainer(config, build_model(config.sizes, self.tokenizer), words)
        if init is not None:
            start_from(self.trainer.model, init)
        self.optimiser = torch.optim.AdamW(self.trainer.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        weights = self.trainer.model.state_dict()
        self.average = {name: value.detach().clone() for name, value in weights.items()}
        self.step, spent = 0, 0.0
        if (out / "checkpoint.pt").exists():
            state = torch.load(out / "checkpoint.pt", weights_only=True)
            self.trainer.load_state_dict(state["trainer"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average, self.step, spent = state["average"], state["step"], state["seconds"]
        self._begun = time.monotonic() - spent

    def batches(self) -> Iterator[Batch]:
        """The batches from the present step on, drawn by a second process."""
        config = self.config
        asker = Asker(self.tokenizer, config.said)
        data = Scenes(asker, config.shares, self.pool, seed=config.seed, start=self.step, batch=config.batch)
        return iter(loader(data, workers=1))

    def update(self, batch: Batch) -> tuple[float, float, float]:
        """One optimiser step; the loss, the cell loss and the share of right answer tokens."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate(self.step)
        ask = self.step >= self.config.dense_steps
        loss, cells, right = self.trainer(batch, ask, ask and self.step < self.config.frozen_until)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trainer.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(self.config.ema, self.step / (self.step + 10))  # little at the start
        follow(self.average, self.trainer.model.state_dict(), keep)
        return loss.item(), cells, right

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as a standard model folder in `out/model`."""
        state = {
            "trainer": self.trainer.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": time.monotonic() - self._begun,
        }
        torch.save(state, self.out / "checkpoint.pt.part")
        (self.out / "checkpoint.pt.part").replace(self.out / "checkpoint.pt")
        folder = self.out / "model"
        self.trainer.model.save_pretrained(folder, state_dict=self.average)
        self.processor.save_pretrained(folder)
        (folder / "scope.json").write_text(json.dumps(scope(), indent=1) + "\n", "utf-8")


def train(
    config: AnswererConfig, out: Path, *, init: Path | None = None, pool: Path | None = None, threads: int = 1
) -> None:
    """Train to the end, or go on from `out/checkpoint.pt`."""
    from tqdm import tqdm

    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    run = Run(config, out, init, pool)
    batches = run.batches()
    log = RunLog(out, LOG_EVERY, run.step)
    with tqdm(total=config.steps, initial=run.step, mininterval=5) as bar:
        while run.step < config.steps:
            loss, cells, right = run.update(next(batches))
            log.add(run.step, {"loss": loss, "cells": cells, "right": right})
            bar.update()
            if run.step % config.checkpoint_every == 0 or run.step == config.steps:
                run.save()
    log.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="model folder whose weights to start from")
    parser.add_argument("--pool", type=Path, help="folder of the pool of recoveries")
    parser.add_argument("--recoverer", type=Path, help="embedded recoverer that fills the pool, or filled it")
    parser.add_argument("--pool-size", type=int, default=4000, help="scenes in a pool that is made")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key")
    options = parser.parse_args(arguments)
    config = load_config(AnswererConfig, options.config, options.set)
    torch.set_num_threads(options.threads)
    if options.recoverer is not None and options.pool is not None:
        from ru1_app.models.embedded.adapter import load

        ensure(options.pool, load(options.recoverer), options.pool_size, config.seed)
    train(config, options.out, init=options.init, pool=options.pool, threads=options.threads)


if __name__ == "__main__":
    main()
