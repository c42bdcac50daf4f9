"""Closing the loop: does training on a release of (simulated) judgements make recoveries mislead less?

    python benchmarks/closing_the_loop.py --work DIR [--json] [--scenes 240] [--held-out 160] [--without-clean]

A known fault is planted in a copy of the recoverer (`ru1_app.simulated.plant`). Simulated raters judge its recoveries
of drawn scenes into a store; a release of it trains the risk model and, by preferences, the recoverer; a control learns
from the same inputs without what the raters said. All are measured on held-out scenes. Each step is kept in DIR, so a
run that was cut goes on. With `--plain` nothing is planted: the recoverer itself is judged and trained. With
`--without-clean` raters compare the copy's recoveries with those of the recoverer it was made of, training sees no
clean image, and a coin decides the control's preferences. The reference of each row is the recoverer before training.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from common import row, show  # noqa: E402

from ru1_app.commands import training  # noqa: E402
from ru1_app.config import Settings  # noqa: E402
from ru1_app.export import Selection, write_release  # noqa: E402
from ru1_app.images import Image8  # noqa: E402
from ru1_app.models.base import Recovered, RecoverRequest  # noqa: E402
from ru1_app.models.embedded.adapter import load  # noqa: E402
from ru1_app.scenes.scene import HELD_OUT_SEED  # noqa: E402
from ru1_app.simulated.cases import Recover  # noqa: E402
from ru1_app.simulated.fill import fill  # noqa: E402
from ru1_app.simulated.measure import Row, measure, summary  # noqa: E402
from ru1_app.simulated.plant import plant  # noqa: E402
from ru1_app.store.sql import Store  # noqa: E402

HARD = (
    "gaussian_noise", "impulse_noise", "motion_blur", "defocus_blur", "gaussian_blur", "zoom_blur", "jpeg", "avif",
    "pixelate", "downsample", "fog", "low_light", "rain", "snow", "block_lost", "scan_lines", "darken", "oversmooth",
)  # fmt: skip
TRAIN, HELD_OUT = 3_000_000, HELD_OUT_SEED + 500_000
SIZE, EACH = 192, 4  # pixels a side, corruptions of each scene
BEFORE, AFTER, CONTROL = "before", "after", "control"
WITH_CLEAN: dict[str, list[str]] = {AFTER: [], CONTROL: ['labels = "none"']}
PREFERRED = ["clean_images = false", "chosen_weight = 1.0", "preference_weight = 1.0"]
WITHOUT_CLEAN = {AFTER: PREFERRED, CONTROL: [*PREFERRED, 'labels = "shuffled"']}


def specs(number: int) -> list[str]:
    """The corruptions of scene `number`: all come round, at mid and at high."""
    chosen = [HARD[(number * EACH + k) % len(HARD)] for k in range(EACH)]
    return [f"{name}@{'high' if (number + k) % 2 else 'mid'}" for k, name in enumerate(chosen)]


def recoverer(folder: Path) -> Recover:
    """The draws of a model's folder."""
    model = load(folder)

    def draws(image: Image8, seed: int) -> list[Image8]:
        events = model.recover(RecoverRequest(image, seed=seed, steps=1, samples=2))
        return list(next(event for event in events if isinstance(event, Recovered)).images)

    return draws


def filled(work: Path, judged: Mapping[str, Path], scenes: int) -> Store:
    """The store of the training scenes, the recoveries of the models by name judged; of one alone, two draws."""
    store = Store(f"sqlite:///{work}/ru1.sqlite3", work / "blobs")
    done = work / "filled.json"
    if not done.exists():
        runs, counts = {name: recoverer(folder) for name, folder in judged.items()}, []
        draws = 1 if len(runs) > 1 else 2
        for number in range(scenes):
            counts.append(asdict(fill(store, runs, [TRAIN + number], specs(number), draws=draws, size=SIZE)))
            print(f"{number + 1} of {scenes} scenes judged", file=sys.stderr, end="\r")
        done.write_text(json.dumps(counts))
    return store


def released(store: Store, work: Path) -> Path:
    """The release of the store."""
    folder = work / "releases" / "loop"
    if not folder.is_dir():
        write_release(store, folder.parent, Selection(test_share=0.2), ["tables"], name="loop")
    return folder


def trained(work: Path, release: Path, init: Path, steps: int, recipes: Mapping[str, list[str]]) -> dict[str, Path]:
    """The folders of all models: before, and those of the recipes."""
    models = {BEFORE: init}
    for name, recipe in recipes.items():
        out = work / name
        if not (out / "done").exists():
            training.rl(release, out, init=init, set_=[f"steps = {steps}", *recipe], json_=True)
            (out / "done").touch()
        models[name] = out / "model"
    return models


def measured(work: Path, models: Mapping[str, Path], scenes: int) -> list[Row]:
    """The rows of the held-out scenes; those that are kept are not measured again."""
    path = work / "rows.json"
    rows = [Row(*each) for each in json.loads(path.read_text())] if path.exists() else []
    known = {each.scene for each in rows}
    runs = {name: recoverer(folder) for name, folder in models.items()}
    answerer = _answerer()
    for number in range(scenes):
        if HELD_OUT + number not in known:
            rows += measure(runs, [HELD_OUT + number], specs(number), answerer, size=SIZE)
            path.write_text(json.dumps(rows))
            print(f"{number + 1} of {scenes} held-out scenes measured", file=sys.stderr, end="\r")
    return rows


def _answerer() -> Any:
    from ru1_app.wiring import wire

    return wire(Settings()).answerer("")


SHOWN = {
    "things_misled": ("things that turn wrong, %", 100),
    "things_fewer": ("fewer, %", 100),
    "questions_misled": ("answers that turn wrong, %", 100),
    "questions_fewer": ("fewer, %", 100),
    "ssim": ("SSIM", 1),
    "ssim_change": ("SSIM, change", 1),
}


def markdown(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The summary as a table for docs/closing_the_loop.md: a row for each model, intervals in brackets."""
    lines = ["| model | " + " | ".join(head for head, _ in SHOWN.values()) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for name, values in found.items():
        cells = []
        for key, (_, factor) in SHOWN.items():
            each = values.get(key)
            places = 4 if factor == 1 else 2
            told = [f"{factor * value:.{places}f}" for value in (each.mean, each.low, each.high)] if each else []
            cells.append(f"{told[0]} ({told[1]} to {told[2]})" if told else "–")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Fill, release, train, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder where every step is kept")
    parser.add_argument("--init", type=Path, default=Settings().models_dir / "recoverer")
    parser.add_argument("--plain", action="store_true", help="plant no fault")
    parser.add_argument("--without-clean", action="store_true", help="learn from preferences between two models alone")
    parser.add_argument("--scenes", type=int, default=240)
    parser.add_argument("--held-out", type=int, default=160)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--threads", type=int, default=1)
    known, _ = parser.parse_known_args()
    torch.set_num_threads(known.threads)
    known.work.mkdir(parents=True, exist_ok=True)
    init = known.init if known.plain else known.work / "planted"
    if not init.is_dir():
        plant(known.init, init, HARD, size=SIZE)
    judged = {"embedded": init} | ({"other": known.init} if known.without_clean else {})
    store = filled(known.work, judged, known.scenes)
    release = released(store, known.work)
    if not (known.work / "risk" / "risk.json").exists():
        training.risk(release, known.work / "risk", json_=True)
    models = trained(known.work, release, init, known.steps, WITHOUT_CLEAN if known.without_clean else WITH_CLEAN)
    found = summary(measured(known.work, models, known.held_out), BEFORE)
    (known.work / "summary.json").write_text(
        json.dumps({name: {key: each.as_dict() for key, each in values.items()} for name, values in found.items()})
    )
    (known.work / "summary.md").write_text(markdown(found) + "\n")
    rows = []
    for name in (AFTER, CONTROL):
        for key, unit in (("things_misled", "share"), ("questions_misled", "share"), ("ssim", "")):
            if key in found[name]:
                rows.append(row(f"{name}: {key}", found[name][key].mean, unit, found[BEFORE][key].mean))
    show(rows, parser)


if __name__ == "__main__":
    main()
