"""The example gallery: drawn scenes and free photos, written once to `assets/examples`.

python -m ru1_app.scenes.examples assets/examples
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ru1_app.domain import Question
from ru1_app.images import write_png
from ru1_app.scenes import HELD_OUT_SEED, questions_for, render, sample_scene

SIZE = 384
SCENES = {0: "light", 1: "arrow", 2: "car_colour", 3: "speed"}  # held-out scene number: kind of question
PHOTOS = {
    "astronaut": "NASA, public domain",
    "coffee": "CC0, Rachel Michetti",
    "chelsea": "CC0, Stefan van der Walt",
    "rocket": "CC0, SpaceX",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A picture of the gallery with where it comes from and, for scenes, a question with its answer."""

    path: Path
    label: str
    source: str
    license: str
    question: Question | None


def load_examples(folder: Path) -> list[Example]:
    """The gallery; empty where the folder was not written."""
    index = folder / "examples.json"
    if not index.is_file():
        return []
    return [_example(folder, row) for row in json.loads(index.read_text("utf-8"))]


def _example(folder: Path, row: dict[str, Any]) -> Example:
    asked = row["question"]
    question = Question(asked["text"], tuple(asked["options"]), asked["expected"]) if asked else None
    return Example(folder / row["file"], row["label"], row["source"], row["license"], question)


def write_examples(folder: Path) -> None:
    """Render the scenes and copy the photos, at most 384 pixels a side, with `examples.json`."""
    rows: list[dict[str, Any]] = []
    for number, kind in SCENES.items():
        seed = HELD_OUT_SEED + number
        scene = sample_scene(seed)
        asked = dict(questions_for(scene, np.random.default_rng(seed)))
        question = asked.get(kind) or next(iter(asked.values()))
        write_png(folder / f"scene-{number}.png", render(scene, SIZE))
        rows.append(
            {
                "file": f"scene-{number}.png",
                "label": f"Road scene {number + 1}",
                "source": f"scene:{seed}",
                "license": "Apache-2.0",
                "question": {
                    "text": question.text,
                    "options": list(question.options),
                    "expected": question.expected,
                },
            }
        )
    rows += [_photo(folder, name, license_) for name, license_ in PHOTOS.items()]
    (folder / "examples.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def _photo(folder: Path, name: str, license_: str) -> dict[str, Any]:
    from skimage import data

    image = Image.fromarray(getattr(data, name)())
    image.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    write_png(folder / f"{name}.png", np.asarray(image))
    label = name.capitalize()
    return {"file": f"{name}.png", "label": label, "source": f"photo:{name}", "license": license_, "question": None}


if __name__ == "__main__":
    write_examples(Path(sys.argv[1]))
