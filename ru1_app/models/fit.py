"""Images brought to a size that a network takes, and its result brought back. numpy and OpenCV only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ru1_app.images import Image8


def padded(image: Image8, multiple: int) -> Image8:
    """The image [H, W, 3] mirrored at its right and bottom edge up to multiples of `multiple` pixels."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="reflect")


def resized(image: Image8, size: tuple[int, int]) -> Image8:
    """The image at `size` (height, width): the mean over areas where it shrinks, bicubic otherwise."""
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    shrinks = size[0] <= height and size[1] <= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=how), np.uint8)


@dataclass(frozen=True, slots=True)
class Fit:
    """An image as a network gets it (`given`: scaled to `scaled`, then padded) and the size it came in."""

    given: Image8
    scaled: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def of(cls, image: Image8, multiple: int, max_side: int | None = None) -> Fit:
        """Scale the longest side down to `max_side` pixels, then pad to multiples of `multiple`."""
        height, width = image.shape[:2]
        share = min(1.0, (max_side or max(height, width)) / max(height, width))
        scaled = (max(1, round(height * share)), max(1, round(width * share)))
        return cls(padded(resized(image, scaled), multiple), scaled, (height, width))

    def back(self, result: Image8) -> Image8:
        """A result of any resolution over `given`, without the padding, in the size that the image came in."""
        height, width = self.given.shape[:2]
        whole = resized(result, (height, width))
        return resized(np.ascontiguousarray(whole[: self.scaled[0], : self.scaled[1]]), self.size)
