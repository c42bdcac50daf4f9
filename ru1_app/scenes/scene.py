"""What a drawn road scene contains and where things stand: values only, no pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIGHTS = ("red", "yellow", "green")
ARROWS = ("left", "right", "up")
CAR_COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple")
SPEEDS = (30, 50, 70, 80, 100)
WORDS = ("STOP", "SLOW", "EXIT", "TAXI", "BUS", "PARK")
EXTRAS = ("tree", "traffic cone", "cloud")
LIGHTINGS = ("day", "overcast", "dusk", "night")
MAX_PEOPLE = 4

# Seeds at and above this belong to evaluation; training stays below it. The gallery shows the first four.
HELD_OUT_SEED = 1_000_000_000

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as fractions of the image, origin top left


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in the picture. Everything else (places, sizes, tints) follows from `seed`."""

    seed: int
    light: str
    arrow: str
    car: str
    people: int
    speed: int
    word: str
    extras: tuple[str, ...]
    lighting: str


@dataclass(frozen=True, slots=True)
class Placement:
    """One object's name, its value where it has one, and its box."""

    name: str  # light, arrow, speed, word, car, person, or one of EXTRAS
    value: str
    box: Box


def generator(seed: int, stream: int) -> np.random.Generator:
    """An independent generator per seed and purpose, the same on every machine."""
    return np.random.Generator(np.random.PCG64([seed, stream]))


def sample_scene(seed: int) -> Scene:
    """Draw the contents of scene `seed`; every attribute is uniform and independent of the others."""
    rng = generator(seed, 0)
    return Scene(
        seed=seed,
        light=LIGHTS[rng.integers(len(LIGHTS))],
        arrow=ARROWS[rng.integers(len(ARROWS))],
        car=CAR_COLOURS[rng.integers(len(CAR_COLOURS))],
        people=int(rng.integers(MAX_PEOPLE + 1)),
        speed=SPEEDS[rng.integers(len(SPEEDS))],
        word=WORDS[rng.integers(len(WORDS))],
        extras=tuple(name for name in EXTRAS if rng.random() < 0.5),
        lighting=LIGHTINGS[rng.choice(len(LIGHTINGS), p=(0.45, 0.25, 0.18, 0.12))],
    )


def layout(scene: Scene) -> tuple[Placement, ...]:
    """Where each object stands, back to front. Depends on the seed, never on the values asked about."""
    rng = generator(scene.seed, 1)
    return (*_background(scene, rng), *_signs(scene, rng), *_street(scene, rng))


def _background(scene: Scene, rng: np.random.Generator) -> list[Placement]:
    cloud_x, tree_x = rng.uniform(0.02, 0.75, 2)
    cloud = Placement("cloud", "", (cloud_x, 0.01, cloud_x + 0.24, 0.10))
    tree = Placement("tree", "", (tree_x, 0.29, tree_x + 0.17, 0.56))
    return [item for item in (cloud, tree) if item.name in scene.extras]


def _signs(scene: Scene, rng: np.random.Generator) -> list[Placement]:
    """The light and three signs in a random order, so that a place never tells what stands there."""
    items = [
        ("light", scene.light, 0.145, 0.28),
        ("arrow", scene.arrow, 0.19, 0.19),
        ("speed", str(scene.speed), 0.20, 0.20),
        ("word", scene.word, 0.25, 0.15),
    ]
    places = []
    for column, index in enumerate(rng.permutation(len(items))):
        name, value, width, height = items[index]
        scale = rng.uniform(0.92, 1.06)
        x = 0.14 + 0.24 * column + rng.uniform(-0.006, 0.006)
        top = rng.uniform(0.04, 0.37 - height * scale)
        half = width * scale / 2
        places.append(Placement(name, value, (x - half, top, x + half, top + height * scale)))
    return places


def _street(scene: Scene, rng: np.random.Generator) -> list[Placement]:
    """The car, the cone and up to four people, none hiding another."""
    side = rng.integers(3)  # car left, in the middle or right
    car_x = (0.04, 0.31, 0.58)[side] + rng.uniform(-0.02, 0.02)
    car_y = rng.uniform(0.62, 0.72)
    places = [Placement("car", scene.car, (car_x, car_y, car_x + 0.38, car_y + 0.21))]
    slots = {0: (0.5, 0.62, 0.74, 0.86), 1: (0.06, 0.18, 0.76, 0.88), 2: (0.06, 0.18, 0.30, 0.42)}[int(side)]
    order = rng.permutation(len(slots))
    for rank, index in enumerate(order):
        x = slots[index] + rng.uniform(-0.012, 0.02)
        y = rng.uniform(0.55, 0.66)
        height = rng.uniform(0.21, 0.26)
        if rank < scene.people:
            places.append(Placement("person", "", (x, y, x + 0.085, y + height)))
    cone_x = rng.uniform(0.03, 0.87)
    if "traffic cone" in scene.extras:
        places.append(Placement("traffic cone", "", (cone_x, 0.88, cone_x + 0.09, 0.99)))
    return places
