"""The loop's times on this machine: one recovery of 384x384, and recovery + scores + three answers.

Reference: the limits of 2 s and 4 s. python benchmarks/loop.py [--json]
"""

from __future__ import annotations

from common import median_seconds, row, show
from skimage import data
from skimage.transform import resize

from ru1_app.config import Settings
from ru1_app.corruptions import CorruptionSpec, corrupt
from ru1_app.domain import Question
from ru1_app.intake import Intake
from ru1_app.models.base import RecoverRequest
from ru1_app.pipeline import RunRequest
from ru1_app.wiring import wire

app = wire(Settings())
photo = (resize(data.astronaut(), (384, 384), anti_aliasing=True) * 255).astype("uint8")
spec = CorruptionSpec.of("gaussian_noise", 2 / 3, 0)
damaged = corrupt(photo, spec)
question = Question("What colour is the traffic light?", ("red", "yellow", "green"))
request = RunRequest(Intake(photo, "0" * 64, "astronaut"), spec, question)
recoverer = app.recoverer("embedded")
show(
    [
        row("recovery 384x384", median_seconds(lambda: list(recoverer.recover(RecoverRequest(damaged)))), "s", 2.0),
        row("recovery + scores + 3 answers 384x384", median_seconds(lambda: list(app.pipeline.run(request))), "s", 4.0),
    ]
)
