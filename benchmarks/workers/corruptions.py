"""Times one library's corruptions in its own virtual environment: ru1, imagecorruptions or albumentations.

Reads a line `name size` and writes a line of JSON with the CPU milliseconds of one call, or the error. Parameters
are those of level mid, or what comes nearest: imagecorruptions' severity 3.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

Work = Callable[[Any], Any]
IMAGECORRUPTIONS = {
    "brightness": "bright_light",
    "contrast": "contrast_loss",
    "jpeg_compression": "jpeg",
    "saturate": "oversaturate",
}  # those that have another name here


def ru1() -> dict[str, Work]:
    from ru1_app.corruptions import CORRUPTIONS, CorruptionSpec, corrupt

    def work(name: str) -> Work:
        return lambda image: corrupt(image, CorruptionSpec.of(name, 2 / 3, 3))

    return {name: work(name) for name in CORRUPTIONS}


def imagecorruptions() -> dict[str, Work]:
    import warnings

    warnings.simplefilter("ignore")
    from imagecorruptions import corrupt, corruptions, get_corruption_names

    blur = corruptions.gaussian

    def gaussian(*args: Any, multichannel: bool = False, **options: Any) -> Any:
        """scikit-image has no `multichannel` since 0.20, and its last release with it does not run on Python 3.11."""
        return blur(*args, channel_axis=-1 if multichannel else None, **options)

    corruptions.gaussian = gaussian

    def work(name: str) -> Work:
        return lambda image: corrupt(image, corruption_name=name, severity=3)

    return {IMAGECORRUPTIONS.get(name, name): work(name) for name in get_corruption_names("all")}


def albumentations() -> dict[str, Work]:
    import albumentations as a

    transforms = {
        "motion_blur": a.MotionBlur(blur_limit=(25, 25)),
        "fog": a.RandomFog(fog_coef_range=(0.6, 0.6)),
        "snow": a.RandomSnow(method="texture"),
        "rain": a.RandomRain(drop_length=25),
        "defocus_blur": a.Defocus(radius=(9, 9)),
        "lens_distortion": a.OpticalDistortion(distort_limit=(0.18, 0.18)),
        "lens_flare": a.RandomSunFlare(method="physics_based"),
        "spatter": a.Spatter(),
        "zoom_blur": a.ZoomBlur(max_factor=(1.15, 1.15), step_factor=(0.01, 0.01)),
        "glass_blur": a.GlassBlur(sigma=1.2, max_delta=4, iterations=1),
        "gaussian_noise": a.GaussNoise(std_range=(0.15, 0.15)),
        "color_noise": a.ISONoise(color_shift=(0.13, 0.13)),
        "impulse_noise": a.SaltAndPepper(amount=(0.09, 0.09)),
        "speckle_noise": a.MultiplicativeNoise(multiplier=(0.65, 1.35), per_channel=True, elementwise=True),
        "shot_noise": a.ShotNoise(scale_range=(0.08, 0.08)),
        "color_quantization": a.Posterize(num_bits=3),
        "jpeg": a.ImageCompression(quality_range=(12, 12)),
        "webp": a.ImageCompression(compression_type="webp", quality_range=(5, 5)),
        "pixelate": _downscale(a, cv2.INTER_NEAREST),
        "downsample": _downscale(a, cv2.INTER_CUBIC),
        "block_exchange": a.RandomGridShuffle(grid=(16, 16)),
        "block_lost": a.CoarseDropout((38, 38), (1 / 16, 1 / 16), (1 / 16, 1 / 16)),
        "color_shift": a.ChromaticAberration(),
        "white_balance": a.PlanckianJitter(),
        "brighten": a.RandomGamma(gamma_limit=(43, 43)),
        "darken": a.RandomGamma(gamma_limit=(260, 260)),
        "mean_shift": a.RandomBrightnessContrast(brightness_limit=(0.22, 0.22), contrast_limit=(0, 0)),
        "gaussian_blur": a.GaussianBlur(sigma_limit=(5, 5)),
        "desaturate": _saturation(a, 0.25),
        "oversaturate": _saturation(a, 3.5),
        "contrast_loss": a.RandomBrightnessContrast(brightness_limit=(0, 0), contrast_limit=(-0.78, -0.78)),
        "oversmooth": a.MedianBlur(blur_limit=(9, 9)),
        "oversharpen": a.UnsharpMask(blur_limit=(9, 9), sigma_limit=(1.3, 1.3), alpha=(1, 1)),
        "elastic_transform": a.ElasticTransform(alpha=300, sigma=22),
    }

    def work(transform: Any) -> Work:
        transform.p = 1.0
        chain = a.Compose([transform], seed=3)
        return lambda image: chain(image=image)["image"]

    return {name: work(transform) for name, transform in transforms.items()}


def _downscale(a: Any, up: int) -> Any:
    return a.Downscale((1 / 6, 1 / 6), interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": up})


def _saturation(a: Any, factor: float) -> Any:
    return a.ColorJitter(brightness=(1, 1), contrast=(1, 1), saturation=(factor, factor), hue=(0, 0))


def main() -> None:
    library, photo = sys.argv[1:]
    cv2.setNumThreads(1)
    image = np.load(photo)
    images = {n: np.ascontiguousarray(cv2.resize(image, (n, n), interpolation=cv2.INTER_CUBIC)) for n in (512, 1024)}
    works = {"ru1": ru1, "imagecorruptions": imagecorruptions, "albumentations": albumentations}[library]()
    print(json.dumps(sorted(works)), flush=True)
    for line in sys.stdin:
        name, size = line.split()
        try:
            began = time.process_time()
            works[name](images[int(size)])
            answer = {"milliseconds": (time.process_time() - began) * 1000}
        except Exception as error:  # whatever the library raises is its answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
