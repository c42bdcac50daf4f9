"""A team's list with a tiny random checkpoint for each adapter, and a served model."""

from __future__ import annotations

from pathlib import Path

from tests.tiny_bagel import make_talking_bagel
from tests.tiny_diffusers import make_tiny_pix2pix, make_tiny_swin2sr
from tests.tiny_vlm import make_tiny_qwen25vl

RECOVERERS = {"tiny-u1": "Tiny Robust-U1", "tiny-edit": "Tiny editor", "tiny-sr": "Tiny upscaler", "far": "Far model"}
ANSWERERS = {"tiny-u1": "Tiny Robust-U1", "tiny-vlm": "Tiny reader", "tiny-r1": "Tiny Robust-R1", "far": "Far model"}
LIST = """
models:
  tiny-u1:
    label: Tiny Robust-U1
    adapter: bagel
    source: u1
    roles: [recover, answer, reason]
    steps: 3
    summary: random weights
    options: {{latent_resize: [64, 32, 16], vision_resize: [56, 28, 14], devices: cpu, temperature: 0.0}}
  tiny-edit:
    label: Tiny editor
    adapter: diffusers
    source: edit
    roles: [recover]
    steps: 2
    options: {{device: cpu}}
  tiny-sr:
    label: Tiny upscaler
    adapter: image-to-image
    source: sr
    roles: [recover]
    options: {{device: cpu}}
  tiny-vlm:
    label: Tiny reader
    adapter: vlm
    source: vlm
    roles: [answer]
    options: {{device: cpu}}
  tiny-r1:
    label: Tiny Robust-R1
    adapter: vlm
    source: r1
    roles: [answer]
    options: {{prompt_style: robust_r1, device: cpu}}
  far:
    label: Far model
    adapter: served
    source: {url}
    roles: [recover, answer]
    options: {{retries: 1, backoff: 0.05}}
"""


def make_tiny_models(folder: Path, url: str) -> Path:
    """The list's file, with the checkpoints beside it; `url` is that of a served model."""
    make_talking_bagel(folder / "u1")
    make_tiny_pix2pix(folder / "edit")
    make_tiny_swin2sr(folder / "sr")
    make_tiny_qwen25vl(folder / "vlm")
    make_tiny_qwen25vl(folder / "r1", "<TYPE> hfg(9)")
    path = folder / "models.yaml"
    path.write_text(LIST.format(url=url), "utf-8")
    return path
