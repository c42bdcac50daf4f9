"""What can still be told from a corrupted scene, as the renderer decides it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ru1_app.corruptions import Box, CorruptionSpec, corrupt
from ru1_app.images import Image8
from ru1_app.scenes import render, sample_scene
from ru1_app.scenes.evidence import THINGS, Evidence, alternatives, boxes
from ru1_app.scenes.scene import HELD_OUT_SEED, Scene, layout
from ru1_app.training.damage import shrink

SIZE = 256


def by(spec: CorruptionSpec, image: Image8, seed: int) -> Image8:
    return corrupt(image, CorruptionSpec(spec.steps, seed))


def under(scene: Scene, spec: CorruptionSpec) -> Evidence:
    return Evidence(scene, partial(by, spec), shrink, SIZE, spec.seed)


def sound(scene: Scene) -> Evidence:
    return Evidence(scene, lambda image, _: image, shrink, SIZE, 0)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, HELD_OUT_SEED))
def test_in_a_sound_scene_nothing_is_gone_or_altered(seed: int) -> None:
    evidence = sound(sample_scene(seed))
    assert not [thing for thing in THINGS if evidence.gone(thing)]
    assert not [thing for thing in THINGS if evidence.altered(evidence.clean, thing)]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, HELD_OUT_SEED))
def test_alternatives_differ_in_the_thing_alone(seed: int) -> None:
    scene = sample_scene(seed)
    drawn = render(scene, SIZE).astype(int)
    for thing in THINGS:
        for other in alternatives(scene, thing):
            assert other != scene
            changed = np.abs(render(other, SIZE) - drawn).max(2) > 0
            places = boxes(scene, other, thing)
            assert places
            inside = np.zeros_like(changed)
            for x0, y0, x1, y1 in places:
                inside[int(y0 * SIZE) : int(y1 * SIZE) + 1, int(x0 * SIZE) : int(x1 * SIZE) + 1] = True
            assert (changed & inside).any()


def test_a_covered_sign_is_gone_and_its_neighbours_are_not() -> None:
    scene = sample_scene(7)
    (sign,) = (place for place in layout(scene) if place.name == "speed")
    # Set back by its margin, since a corruption fades at the edge of its box.
    box = Box(
        *(min(1.0, max(0.0, edge + step)) for edge, step in zip(sign.box, (-0.03, -0.03, 0.03, 0.03), strict=True))
    )
    evidence = under(scene, CorruptionSpec.of("pixelate", 1.0, 3, box))
    covered = Evidence(scene, lambda image, _: black(image, box), shrink, SIZE, 0)
    assert covered.strength("speed") == 0.0
    assert covered.gone("speed")
    assert not covered.gone("car")
    assert evidence.strength("car") > evidence.strength("speed")


def black(image: Image8, box: Box) -> Image8:
    image = image.copy()
    image[int(box.y0 * SIZE) : int(box.y1 * SIZE), int(box.x0 * SIZE) : int(box.x1 * SIZE)] = 0
    return image


@pytest.mark.parametrize("thing", ["light", "speed", "car"])
def test_more_noise_leaves_less_to_tell_by(thing: str) -> None:
    scene = sample_scene(11)
    strengths = [under(scene, CorruptionSpec.of("gaussian_noise", level, 5)).strength(thing) for level in (0.2, 0.6, 1)]
    assert strengths == sorted(strengths, reverse=True)


def test_fog_that_lies_elsewhere_is_no_noise() -> None:
    scene = sample_scene(5000 + 7 * 4)
    evidence = under(scene, CorruptionSpec.of("mean_shift", 1.0, 2))
    assert not [thing for thing in THINGS if evidence.gone(thing)]  # one can see them all


def test_a_recovery_that_shows_another_value_is_altered() -> None:
    scene = sample_scene(21)
    evidence = sound(scene)
    other = shrink(render(alternatives(scene, "light")[0], SIZE))
    assert evidence.altered(other, "light")
    assert not evidence.altered(other, "car")
