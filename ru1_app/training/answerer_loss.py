"""What the answerer learns from a batch: the losses of cells, words, places and answers, of packed questions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ru1_app.training.answerer_build import GRID
from ru1_app.training.answerer_config import AnswererConfig
from ru1_app.training.answerer_data import CELL_CLASSES, MAX_HEADS, Batch


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
