"""What encoders do to save bytes. Factors of pixelate and downsample are for 512 pixels."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ru1_app.corruptions.base import Corruption, Rng, knots, log_knots, lut, unit
from ru1_app.images import Image8

_WEBP_SIDE = 16383  # the longest that the format can hold


def color_quantization(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too few levels per channel: 256 / 20 / 9 / 4 (logarithmic between)."""
    steps = round(log_knots(severity, (256, 20, 9, 4))) - 1
    return lut(image, np.rint(np.arange(256, dtype=np.float32) * np.float32(steps / 255)) / np.float32(steps))


def jpeg(image: Image8, severity: float, rng: Rng) -> Image8:
    """Baseline JPEG, 4:2:0: quality 95 / 30 / 12 / 4."""
    return _coded(image, "JPEG", quality=round(knots(severity, (95, 30, 12, 4))), subsampling=2)


def jpeg2000(image: Image8, severity: float, rng: Rng) -> Image8:
    """Wavelet ringing: compression ratio 2 / 50 / 130 / 350 (logarithmic between)."""
    ratio = log_knots(severity, (2, 50, 130, 350))
    levels = min(6, min(image.shape[:2]).bit_length())
    return _coded(image, "JPEG2000", quality_mode="rates", quality_layers=[ratio], num_resolutions=levels)


def webp(image: Image8, severity: float, rng: Rng) -> Image8:
    """A chat app's re-share: scaled down by 1 / 1.3 / 2.2 / 4 (logarithmic), WebP quality 90 / 15 / 5 / 0."""
    factor = max(log_knots(severity, (1, 1.3, 2.2, 4)), max(image.shape) / _WEBP_SIDE)
    coded = _coded(_shrunk(image, factor), "WEBP", quality=knots(severity, (90, 15, 5, 0)), method=2)
    return _resized(coded, image, cv2.INTER_CUBIC)


def avif(image: Image8, severity: float, rng: Rng) -> Image8:
    """A video codec's smear: scaled down by 1 / 1.5 / 2.8 / 5 (logarithmic), AVIF quality 90 / 25 / 10 / 0."""
    small = _shrunk(image, log_knots(severity, (1, 1.5, 2.8, 5)))
    coded = _coded(small, "AVIF", quality=round(knots(severity, (90, 25, 10, 0))), speed=9, max_threads=1)
    return _resized(coded, image, cv2.INTER_CUBIC)


def pixelate(image: Image8, severity: float, rng: Rng) -> Image8:
    """Blocky down-sampling: factor 1 / 3 / 6 / 12 (logarithmic between)."""
    return _coarse(image, severity, cv2.INTER_NEAREST)


def downsample(image: Image8, severity: float, rng: Rng) -> Image8:
    """Too few pixels, softly scaled up: factor 1 / 3 / 6 / 12 (logarithmic between)."""
    return _coarse(image, severity, cv2.INTER_CUBIC)


def _coarse(image: Image8, severity: float, interpolation: int) -> Image8:
    """Scaled down and up again; factors below 2 would move pixels, so 2 is mixed in instead."""
    factor = log_knots(severity, (1, *(max(factor * unit(image), 1) for factor in (3, 6, 12))))
    out = _resized(_shrunk(image, max(factor, 2)), image, interpolation)
    if factor >= 2:
        return out
    return np.asarray(cv2.addWeighted(image, 2 - factor, out, factor - 1, 0), np.uint8)


def _shrunk(image: Image8, factor: float) -> Image8:
    height, width = image.shape[:2]
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _resized(image: Image8, like: Image8, interpolation: int) -> Image8:
    return np.asarray(cv2.resize(image, like.shape[1::-1], interpolation=interpolation), np.uint8)


def _coded(image: Image8, format: str, **options: Any) -> Image8:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format=format, **options)
    with Image.open(buffer, formats=(format,)) as decoded:
        return np.asarray(decoded.convert("RGB"))


ENTRIES = {
    "color_quantization": Corruption("Colour quantisation", "encoding", "too few levels, banding", color_quantization),
    "jpeg": Corruption("JPEG", "encoding", "coarse block transform", jpeg),
    "jpeg2000": Corruption("JPEG 2000", "encoding", "coarse wavelets, ringing", jpeg2000),
    "webp": Corruption("WebP re-share", "encoding", "a chat app scales down and compresses again", webp),
    "avif": Corruption("AVIF", "encoding", "a video codec smears detail", avif),
    "pixelate": Corruption("Pixelation", "encoding", "blocky down-sampling", pixelate),
    "downsample": Corruption("Low resolution", "encoding", "too few pixels, softly scaled up", downsample),
}
