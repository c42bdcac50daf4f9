"""SSIM of batches: equal to the single score and to upstream's reward, whatever mode the trainer is in."""

from __future__ import annotations

import numpy as np
import pytest
import pytorch_msssim
import torch
from torch import Tensor

from ru1_app.scoring.ssim import ssim
from ru1_app.scoring.ssim_torch import ssim_batch


def batch(count: int, height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two batches [N, 3, H, W] in [0, 1] that resemble each other."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(count, 3, height, width, generator=generator)
    return a, (a + 0.1 * torch.randn(a.shape, generator=generator)).clamp(0, 1)


def upstream(a: Tensor, b: Tensor) -> list[float]:
    values: list[float] = pytorch_msssim.ssim(a, b, data_range=1, win_size=11, size_average=False).tolist()
    return values


@pytest.mark.parametrize("shape", [(1, 11, 11), (17, 64, 64), (3, 200, 181), (2, 300, 700), (1, 12, 5000)])
def test_steps_and_strips_leave_no_trace(shape: tuple[int, int, int]) -> None:
    a, b = batch(*shape)
    assert ssim_batch(a, b).tolist() == pytest.approx(upstream(a, b), abs=2e-5)


def test_it_is_the_score_of_the_page() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 2, 70, 90, 3), dtype=np.uint8)
    a, b = (torch.tensor(side).permute(0, 3, 1, 2).float() / 255 for side in images)
    assert ssim_batch(a, b).tolist() == pytest.approx([ssim(x, y) for x, y in zip(*images, strict=True)], abs=2e-5)


def test_its_gradient_is_that_of_upstream() -> None:
    gradients = []
    for function in (ssim_batch, lambda a, b: pytorch_msssim.ssim(a, b, data_range=1, size_average=False)):
        a, b = batch(2, 300, 150)
        function(a.requires_grad_(), b).sum().backward()
        assert a.grad is not None
        gradients.append(a.grad)
    assert torch.allclose(*gradients, atol=1e-7)


def test_a_gradient_is_had_after_a_call_in_inference_mode() -> None:
    a, b = batch(2, 33, 34)  # a shape that no other test uses: nothing may be kept from the first call
    with torch.inference_mode():
        first = ssim_batch(a, b).tolist()
    values = ssim_batch(a.requires_grad_(), b)
    values.sum().backward()
    assert values.tolist() == pytest.approx(first, abs=1e-7)
    assert a.grad is not None


@pytest.mark.parametrize("side", [64, 130])
def test_autocast_does_not_coarsen_it(side: int) -> None:
    a, b = batch(2, side, side)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = ssim_batch(a, b)
    assert values.dtype is torch.float32
    assert values.tolist() == pytest.approx(upstream(a, b), abs=2e-5)


def test_half_precision_is_widened_before_the_sums_and_double_kept() -> None:
    a, b = batch(2, 64, 64)
    halves = a.bfloat16(), b.bfloat16()
    assert ssim_batch(*halves).tolist() == pytest.approx(upstream(*(x.float() for x in halves)), abs=2e-5)
    assert ssim_batch(a.double(), b.double()).dtype is torch.float64


@pytest.mark.parametrize(("first", "second"), [((1, 3, 10, 40), (1, 3, 10, 40)), ((1, 3, 20, 20), (2, 3, 20, 20))])
def test_what_cannot_be_compared_is_refused(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one shape"):
        ssim_batch(torch.zeros(first), torch.zeros(second))
