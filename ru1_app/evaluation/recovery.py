"""The parts of the page about recovered pictures: photos, scenes, and input that was clean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ru1_app.corruptions import CORRUPTIONS, LEVELS, Geometry
from ru1_app.evaluation.ablation import WIDE
from ru1_app.evaluation.bootstrap import mean_of_groups
from ru1_app.evaluation.page import LABELS, Row, and_list, code, mean, score, table
from ru1_app.evaluation.plan import Part
from ru1_app.evaluation.show import interval, number
from ru1_app.evaluation.table import scores
from ru1_app.evaluation.targets import Targets, verdict
from ru1_app.training.config import STILL

MID = "mid"
Document = Mapping[str, Any]


def at_mid(run: Document, wide: Document | None) -> dict[str, Row]:
    """The summary of photos under each corruption at mid severity: the wide run's where it has one."""
    corruptions = [each["summary"]["photos"]["corruptions"] for each in (run, wide) if each]
    return {name: levels[MID] for part in corruptions for name, levels in part.items()}


def photos(run: Document, wide: Document | None, aim: tuple[Targets, str], figure: str) -> Iterator[str]:
    """Gains of photos: per corruption at mid severity against the targets, then by level."""
    targets, hardware = aim
    found, gained = run["summary"]["photos"], at_mid(run, wide)
    yield "## Recovery of held-out photos"
    yield (
        "The input's PSNR and SSIM are those of the corrupted photo against the clean one; the gain is the recovered "
        f"photo's minus the input's. The targets are those for models trained on a {hardware.upper()}, as PSNR gains "
        "in dB at mid severity. *Within the interval* means that the target lies inside of the gain's interval: with "
        "other photos the verdict could turn."
    )
    yield "### By corruption, at mid severity"
    if wide:
        yield _more_photos(run, wide)
    if gained:
        yield figure
    yield table(
        ["corruption", "input PSNR", "input SSIM", "PSNR gain, dB", "SSIM gain", "target", "verdict"],
        _with_targets(gained, targets),
    )
    yield from _notes(run, gained, targets)
    yield "The mean of the corruptions with a target, each of the same weight, photos drawn within each:"
    yield table(["score", "mean gain", "target", "verdict"], mean_gains(wide or run, targets))
    yield "### By level"
    yield (
        "Means over all corruptions; *all* is the three levels together. Each photo stands under a few corruptions "
        "only, so these intervals hold the differences between corruptions too, and are wide."
    )
    yield _by_level(found["levels"], list(LABELS))
    yield "Mean gains of each corruption at each level:"
    heads = [f"{label} at {level}" for label in ("PSNR, dB,", "SSIM") for level in LEVELS]
    yield table(["corruption", *heads], _at_levels(found["corruptions"]))


def scenes(run: Document, targets: Targets) -> Iterator[str]:
    """The same of drawn scenes, in short."""
    found = run["summary"]["scenes"]
    yield "## Recovery of held-out scenes"
    yield (
        "Scenes are drawn by the program, with flat colours and sharp edges, so their figures differ from those of "
        "photos. No targets are set for them."
    )
    yield _by_level(found["levels"], ["psnr", "ssim"])
    named = [name for name in targets.psnr if name in found["corruptions"]]
    if named:
        yield "At mid severity, the corruptions that have a target for photos:"
        rows = ((name, found["corruptions"][name][MID]) for name in named)
        yield table(
            ["corruption", "input PSNR", "input SSIM", "PSNR gain, dB", "SSIM gain"],
            ([code(name), *_input_and_gain(row)] for name, row in rows),
        )


def clean(run: Document, targets: Targets) -> Iterator[str]:
    """What the recoverer does to pictures that need no recovery."""
    yield "## Clean input"
    yield (
        "A picture that is not corrupted should come back as it is. PSNR has no value where it comes back without any "
        "difference; such pictures are left out of its mean."
    )
    rows = []
    for part in (Part.PHOTOS, Part.SCENES):
        found = run["summary"][part]["clean"]
        for name, target in (("psnr", targets.clean_psnr), ("ssim", targets.clean_ssim)):
            row = found.get(f"{name}/recovered")
            judged = [number(target, 2), verdict(row, target)] if part is Part.PHOTOS else ["–", "–"]
            count = str(row["n"] if row else 0)
            rows.append([part.value, LABELS[name], score(found, name, "recovered"), count, *judged])
    heads = ["pictures", "score", "of the recovered picture", "pictures with a value", "target", "verdict"]
    yield table(heads, rows, words=2)


def mean_gains(run: Document, targets: Targets) -> list[list[str]]:
    """The mean gain over the corruptions with a target; not judged unless all of them were measured."""
    measured = [name for name in targets.psnr if name in run["summary"]["photos"]["corruptions"]]
    found = scores(run["cells"], Part.PHOTOS).where(levels=[MID], named=list(targets.psnr))
    rows = []
    for name, target in (("psnr", targets.mean_psnr), ("ssim", targets.mean_ssim)):
        estimate = mean_of_groups(found.columns[f"{name}/gain"], found.corruptions, found.images)
        row = estimate.as_dict() if estimate else None
        whole = len(measured) == len(targets.psnr)
        judged = verdict(row, target) if whole else f"not judged: {len(measured)} of {len(targets.psnr)} measured"
        figure = interval(row, 2 if name == "psnr" else 3, sign=True)
        rows.append([LABELS[name], figure, number(target, 2, sign=True), judged])
    return rows


def ordered(names: Mapping[str, Any], targets: Targets) -> list[str]:
    """Those with a target first, in its order; then the others in theirs."""
    return [*(name for name in targets.psnr if name in names), *(name for name in names if name not in targets.psnr)]


def _more_photos(run: Document, wide: Document) -> str:
    names = and_list([code(name) for name in wide["summary"]["photos"]["corruptions"]])
    few, many = (each["header"]["inputs"] for each in (run, wide))
    return (
        f"{names} stand here for {min(many['photos_per_cell'], many['count'])} photos each (run {code(WIDE)}), the "
        f"others for {few['photos_per_cell']}."
    )


def _with_targets(gained: Mapping[str, Row], targets: Targets) -> Iterator[list[str]]:
    for name in ordered(gained, targets):
        row, target = gained[name], targets.psnr.get(name)
        judged = [number(target, 2, sign=True), verdict(row.get("psnr/gain"), target)]
        yield [code(name), *_input_and_gain(row), *judged]


def _input_and_gain(row: Row) -> list[str]:
    before = [mean(row, name, "corrupted") for name in ("psnr", "ssim")]
    return [*before, *(score(row, name, "gain") for name in ("psnr", "ssim"))]


def _notes(run: Document, found: Mapping[str, Row], targets: Targets) -> Iterator[str]:
    """Says which corruptions are not compared pixel by pixel, of which that is unjust, and which targets are open."""
    asked = run["summary"]["answers"]["corruptions"]
    if moved := [code(name) for name in (*asked, *targets.psnr) if name not in STILL]:
        yield (
            f"Not compared: {and_list(moved)}. These move things to other places, where a comparison pixel by pixel "
            "says nothing of quality; they count in the answers only."
        )
    if shifted := [code(name) for name in found if CORRUPTIONS[name].geometry is Geometry.SHIFTED]:
        yield (
            f"To be read with care: {and_list(shifted)}. These shift things by a few pixels, so that PSNR and SSIM "
            "fall although the content is whole."
        )
    if left := [code(name) for name in targets.psnr if name in STILL and name not in found]:
        yield f"Not in this run, although there is a target: {and_list(left)}."


def _by_level(levels: Row, names: list[str]) -> str:
    rows = (
        [level, LABELS[name], mean(row, name, "corrupted"), mean(row, name, "recovered"), score(row, name, "gain")]
        for level, row in levels.items()
        for name in names
        if f"{name}/gain" in row
    )
    return table(["level", "score", "corrupted", "recovered", "gain"], rows, words=2)


def _at_levels(found: Row) -> Iterator[list[str]]:
    for name, rows in found.items():
        yield [code(name), *(mean(rows[level], key, "gain") for key in ("psnr", "ssim") for level in LEVELS)]
