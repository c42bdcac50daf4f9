"""Drawn road scenes: free pictures without limit whose contents are known, for training and the gallery."""

from ru1_app.scenes.questions import caption, questions_for
from ru1_app.scenes.render import render
from ru1_app.scenes.scene import HELD_OUT_SEED, Scene, sample_scene

__all__ = ["HELD_OUT_SEED", "Scene", "caption", "questions_for", "render", "sample_scene"]
