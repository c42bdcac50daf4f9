"""Our SSIM against scikit-image's, same definition, 512x512. python benchmarks/scoring.py [--json]"""

from __future__ import annotations

from common import median_seconds, row, show
from skimage import data
from skimage.metrics import structural_similarity

from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.scoring.ssim import ssim

photo = data.astronaut()
damaged = corrupt(photo, CorruptionSpec.of("gaussian_noise", 0.5, 0))
options = {
    "channel_axis": -1,
    "gaussian_weights": True,
    "sigma": 1.5,
    "use_sample_covariance": False,
    "data_range": 255,
}
reference = median_seconds(lambda: structural_similarity(photo, damaged, **options))
show([row("ssim 512x512, scikit-image", median_seconds(lambda: ssim(photo, damaged)), "s", reference)])
