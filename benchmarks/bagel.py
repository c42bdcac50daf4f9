"""Robust-U1 / BAGEL on this machine: seconds per guided step, per token and per context image.

Reference: `plain_bagel.py`, the same formulas on the same weights with three separate branch calls, growing caches and
nothing shared between contexts. A medium random checkpoint: hidden 512, 6 layers, 8/2 heads, full-size autoencoder,
one 256x256 image; cache lengths 664, 584 and 80. One thread, float32. Both sides are timed in turn.

python benchmarks/bagel.py [--threads N] [--repeats N] [--json]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import plain_bagel as plain
import torch
from common import row, show

from ru1_app.models.bagel.config import AutoencoderConfig, BagelConfig, LanguageConfig, VisionConfig
from ru1_app.models.bagel.model import Bagel, Delimiters
from ru1_app.models.bagel.sampler import guided
from ru1_app.models.bagel.settings import Sampling
from ru1_app.models.packed import pack

MEDIUM = BagelConfig(
    language=LanguageConfig(512, 6, 8, 2, 1408, 2048, 64, 1e-6, 1e6, "silu", tied=False, qk_norm=True),
    vision=VisionConfig(384, 6, 6, 1536, 14, 4900, 1e-6, "gelu_pytorch_tanh"),
    autoencoder=AutoencoderConfig((128, 256, 512, 512), 2, 16),
    latent_patch=2,
    latent_side=64,
    vision_side=70,
)
MARKS = Delimiters(1, 2)
GRID = (16, 16)  # 256x256 pixels
TEXT = 80  # tokens


def in_turn(ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Median seconds of both, timed one after the other so that a busy spell hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for work in (ours, theirs):
        work()
    for _ in range(repeats):
        for work, found in zip((ours, theirs), times, strict=True):
            began = time.perf_counter()
            work()
            found.append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeats", type=int, default=7)
options, _ = parser.parse_known_args()
torch.set_num_threads(options.threads)
torch.manual_seed(0)
torch.set_grad_enabled(False)
model = Bagel(MEDIUM).eval()
plain_model = copy.deepcopy(model)
pack(model)  # as `open_bagel` does on a CPU
ids = torch.randint(10, 2000, (TEXT,)).tolist()
image, seen = torch.rand(3, 256, 256) * 2 - 1, torch.rand(3, 252, 252) * 2 - 1
noise = torch.zeros(1, 16, 32, 32)


def build_ours() -> tuple[Any, Any]:
    """The reasoner's image context: one image into the full and the text-free context."""
    full, no_text = model.context(), model.context()
    model.feed_latent(model.compress(image, noise), MARKS, [full, no_text])
    model.feed_seen(model.see(seen), MARKS, [full, no_text])
    return full, no_text


def build_plain() -> tuple[plain.PlainContext, plain.PlainContext]:
    full, no_text = plain.empty(plain_model), plain.empty(plain_model)
    plain.show(plain_model, image, seen, MARKS, [full, no_text])
    return full, no_text


ours_build, plain_build = in_turn(build_ours, build_plain, max(2, options.repeats // 3))
(full, no_text), (plain_full, plain_no_text) = build_ours(), build_plain()
no_image, plain_no_image = model.context(), plain.empty(plain_model)
model.feed_text(ids, [full])
model.feed_text(ids, [no_image])
plain.feed_text(plain_model, ids, plain_full)
plain.feed_text(plain_model, ids, plain_no_image)
assert [c.length for c in (full, no_text, no_image)] == [664, 584, 80]
x = torch.randn(GRID[0] * GRID[1], MEDIUM.latent_width)
query = model.query(GRID, MARKS, [full, no_text, no_image])
plains = [plain_full, plain_no_text, plain_no_image]


def step_ours() -> torch.Tensor:
    velocities = query.velocities(x, 0.7)
    return guided(velocities[0], velocities[1], velocities[2], Sampling())


def step_plain() -> torch.Tensor:
    return plain.step(plain_model, x, 0.7, GRID, MARKS, plains)


def token_ours() -> None:
    length, rope = full.length, full.rope
    model.next_logits(5, full)
    full.rewind(length, rope)


def token_plain() -> torch.Tensor:
    copy = plain.PlainContext(list(plain_full.keys), list(plain_full.values), plain_full.length, plain_full.rope)
    return plain_model.language.logits(plain.feed_text(plain_model, [5], copy)[-1])


assert torch.allclose(step_ours(), step_plain(), atol=1e-3), "the two sides must agree"
ours_step, plain_step = in_turn(step_ours, step_plain, options.repeats)
ours_token, plain_token = in_turn(token_ours, token_plain, options.repeats * 3)
label = f"{options.threads} thread{'s' if options.threads > 1 else ''}"
show(
    [
        row(f"guided step, {label}", ours_step, "s", plain_step),
        row(f"token, {label}", ours_token, "s", plain_token),
        row(f"image into the reasoner's contexts, {label}", ours_build, "s", plain_build),
    ],
    parser,
)
