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
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ru1_app.errors import InvalidInput
from ru1_app.training.answerer_build import GRID, Sizes, build_model, build_processor, build_tokenizer, scope
from ru1_app.training.answerer_data import CELL_CLASSES, MAX_HEADS, Asker, Batch, Scenes, Shares, cell_words
from ru1_app.training.answerer_pool import Pool, ensure
from ru1_app.training.config import load_config
from ru1_app.training.data import loader
from ru1_app.training.ema import follow
from ru1_app.training.run_log import RunLog

LOG_EVERY = 10  # steps
END_WEIGHT = 0.1  # of the token that ends an answer


@dataclass(frozen=True, slots=True)
class AnswererConfig:
    """The keys of answerer.toml."""

    seed: int
    dense_steps: int
    frozen_until: int
    steps: int
    batch: int
    lr: float
    warmup: int
    weight_decay: float
    ema: float
    pair_share: float
    recovered_share: float
    corrupted_share: float
    caption_share: float
    level_weight: float
    caption_weight: float
    cell_weight: float
    damaged_weight: float
    word_weight: float
    place_weight: float
    checkpoint_every: int
    vision_width: int
    vision_depths: list[int]
    text_width: int
    text_depth: int
    text_heads: int

    @property
    def sizes(self) -> Sizes:
        """The model's part of the settings."""
        return Sizes(self.vision_width, self.vision_depths, self.text_width, self.text_depth, self.text_heads)

    @property
    def shares(self) -> Shares:
        """The mix of prompts."""
        return Shares(self.pair_share, self.recovered_share, self.corrupted_share, self.caption_share)

    @property
    def said(self) -> dict[str, float]:
        """The weights of what is said around the answers."""
        return {"level": self.level_weight, "caption": self.caption_weight, "end": END_WEIGHT}

    @property
    def needs_pool(self) -> bool:
        """Whether any prompt shows a recovery, or an image that was corrupted."""
        return max(self.pair_share, self.recovered_share, self.corrupted_share) > 0


def packed_mask(segments: torch.Tensor, images: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention mask [N, 1, L, L] (true = seen) and positions [N, L]: `images` tokens, then the questions.

    Every question starts right after the images, as it does when it is asked alone.
    """
    count, length = segments.shape
    segment = torch.cat([torch.zeros(count, images, dtype=segments.dtype), segments], 1)
    causal = torch.ones(images + length, images + length, dtype=torch.bool).tril()
    is_image = torch.arange(images + length) < images
    same = segment[:, :, None] == segment[:, None, :]
    mask = causal & (same | is_image[None, None, :])
    index = torch.arange(length).expand(count, length)
    starts = torch.where(F.pad(segments[:, :-1], (1, 0)) != segments, index, 0).cummax(1).values
    positions = torch.cat([torch.arange(images).expand(count, images), images + index - starts], 1)
    return mask[:, None], positions


class Trainer(nn.Module):
    """The model with the heads that only training needs: what is in a cell, how many people, and where the cell is."""

    def __init__(self, config: AnswererConfig, model: Any, words: list[int]) -> None:
        """`words` are the token ids of the cell classes, -100 for those without."""
        super().__init__()
        self.words = words
        self.config, self.model = config, model
        width = model.config.vision_config.hidden_size
        self.norm = nn.LayerNorm(width)
        self.cells = nn.Linear(width, CELL_CLASSES + MAX_HEADS)
        self.place = nn.Linear(config.text_width, 2 * GRID)

    def features(self, batch: Batch, frozen: bool) -> torch.Tensor:
        """What the vision tower sees in all views [scenes * views, cells, width]; detached where they do not teach."""
        pixels = batch.pixels.flatten(0, 1).float() / 127.5 - 1
        teaches = batch.teaches.flatten() & (not frozen)
        parts = []
        for chosen in (teaches, ~teaches):
            with torch.set_grad_enabled(chosen is teaches):
                if chosen.any():
                    seen = self.model.model.vision_tower(pixels[chosen], output_hidden_states=True, return_dict=True)
                    parts.append(seen.hidden_states[-1])
        order = torch.cat([teaches.nonzero(), (~teaches).nonzero()])[:, 0].argsort()
        return torch.cat(parts)[order]

    def cell_loss(self, features: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the cells' contents and people, over views that teach; damaged ones count less."""
        logits = self.cells(self.norm(features))
        weight = torch.where(batch.sound.flatten(), 1.0, self.config.damaged_weight)
        what, heads = batch.cells.flatten(0, 1), batch.heads.flatten(0, 1)
        weight = (weight * batch.teaches.flatten())[:, None] * (what != -100)
        loss = F.cross_entropy(logits[..., :CELL_CLASSES].transpose(1, 2), what, reduction="none")
        loss = loss + F.cross_entropy(logits[..., CELL_CLASSES:].transpose(1, 2), heads, reduction="none")
        return (loss * weight).sum() / weight.sum().clamp(min=1)

    def word_loss(self, images: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Image tokens of views that teach should read as the word of what they show: options then match them."""
        cells = batch.cells.flatten(0, 1)
        words = torch.where(cells == -100, -100, torch.tensor(self.words)[cells.clamp(min=0)])
        words = torch.where(batch.teaches.flatten()[:, None], words, -100)
        logits = self.model.lm_head(self.model.model.language_model.norm(images))
        total = F.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=-100, reduction="sum")
        return total / (words != -100).sum().clamp(min=1)

    def place_loss(self, images: torch.Tensor) -> torch.Tensor:
        """Image tokens [scenes * views, cells, width] should tell their row and column: which sign is left is asked."""
        logits = self.place(images).unflatten(2, (2, GRID)).permute(0, 3, 1, 2)
        index = torch.arange(GRID * GRID)
        places = torch.stack([index // GRID, index % GRID], 1).expand(len(images), -1, -1)
        return F.cross_entropy(logits, places)

    def forward(self, batch: Batch, ask: bool, frozen: bool) -> tuple[torch.Tensor, float, float]:
        """The loss, the cell loss and the share of right answer tokens (0 when nothing is asked).

        `frozen` leaves the vision tower as it is.
        """
        core = self.model.model
        features = self.features(batch, frozen)
        cells = self.cell_loss(features, batch)
        if not ask:
            return cells, float(cells.detach()), 0.0
        count = batch.tokens.shape[0]
        images = core.multi_modal_projector(features)
        aligned = self.config.word_weight * self.word_loss(images, batch)
        placed = self.config.place_weight * self.place_loss(images)
        images = images.reshape(count, -1, self.config.text_width)
        mask, positions = packed_mask(batch.segments, images.shape[1])
        embeds = torch.cat([images, core.get_input_embeddings()(batch.tokens)], 1)
        output = core.language_model(
            inputs_embeds=embeds,
            attention_mask=mask,
            position_ids=positions,
            use_cache=False,
        )
        hidden = output.last_hidden_state[:, images.shape[1] :]
        asked = batch.labels != -100
        logits, labels, weights = self.model.lm_head(hidden[asked]), batch.labels[asked], batch.weights[asked]
        answers = (F.cross_entropy(logits, labels, reduction="none") * weights).sum() / weights.sum()
        right = (logits.argmax(1) == labels)[weights == 1].float().mean()
        loss = answers * 2 + self.config.cell_weight * cells + aligned + placed
        return loss, float(cells.detach()), float(right)


def rate(config: AnswererConfig, step: int) -> float:
    """The learning rate: a linear warm-up, then a cosine to 2 %."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


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
            group["lr"] = rate(self.config, self.step)
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
