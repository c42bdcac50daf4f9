"""MS-SSIM: SSIM's structure at five scales, its luminance at the coarsest.

Wang, Simoncelli and Bovik 2003, eq. 7, as `pytorch_msssim.ms_ssim` computes it: the same window as SSIM, means of
2x2 pixels between scales, terms below 0 set to 0, product per channel, then mean over RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from ru1_app.images import Image8
from ru1_app.scoring.base import Comparison, ScorerSpec
from ru1_app.scoring.ssim import WINDOW, Float, as_float, components

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1  # 161: at the coarsest scale the window must fit


def ms_ssim(a: Image8, b: Image8) -> float:
    """MS-SSIM of two RGB uint8 images of one size with sides of at least `LEAST`, in [0, 1]; 1 = identical."""
    x, y = as_float(a), as_float(b)
    product = np.ones(3)
    for scale, weight in enumerate(WEIGHTS):
        luminance, structure = components(x, y)
        last = scale == len(WEIGHTS) - 1
        term = (luminance * structure if last else structure).mean(axis=(0, 1), dtype=np.float64)
        product *= np.maximum(term, 0) ** weight
        if not last:
            x, y = _halved(x), _halved(y)
    return float(product.mean())


def _halved(image: Float) -> Float:
    """Means of 2x2 pixels; an odd side is first padded with zeros at both ends, which count in the mean."""
    height, width = image.shape[:2]
    bottom, right = height % 2, width % 2
    padded = cv2.copyMakeBorder(image, bottom, bottom, right, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    rows, columns = padded.shape[0] // 2 * 2, padded.shape[1] // 2 * 2
    cut = padded[:rows, :columns]
    return np.asarray((cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) / 4, np.float32)


MS_SSIM = Comparison(
    ScorerSpec(
        name="ms_ssim",
        label="MS-SSIM",
        version="1",
        low=0.0,
        high=1.0,
        higher_is_better=True,
        unit="",
        definition="SSIM at five scales, so that what fills a window and what fills the image both count.",
        blind_to="Hue, and what a thing means. It forgives lost fine detail more than SSIM does.",
    ),
    ms_ssim,
    least=LEAST,
)
