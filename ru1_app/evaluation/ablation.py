"""The part of the page about the ablation: runs of models that were trained without one thing, against the full one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ru1_app.corruptions import LEVELS
from ru1_app.errors import InvalidInput
from ru1_app.evaluation.compare import ALL, aligned, compare, difference
from ru1_app.evaluation.page import LABELS, Row, and_list, code, digits, table, told_from_0
from ru1_app.evaluation.plan import CLEAN, NONE
from ru1_app.evaluation.show import interval, number
from ru1_app.evaluation.table import CONDITIONS, Table, answers

Document = Mapping[str, Any]
FULL = "full"
WIDE = "all_photos"
READER = "no_stage3"
WITHOUT = {
    "no_ssim": "without SSIM in the reward",
    "no_clip": "without CLIP in the reward",
    "no_rl": "without reinforcement learning",
    "no_both": "without training the answerer on the corrupted and the recovered picture together",
    READER: "without stage III: the reader of clean scenes",
}


class Runs(NamedTuple):
    """The run that the page is about; one of the same recoverer on more photos, for the targets; the ablation's."""

    full: Document
    wide: Document | None
    others: dict[str, Document]


def sorted_out(runs: Sequence[Document]) -> Runs:
    """Which run is which, by name. A run that stands alone may have any name.

    Raises:
        InvalidInput: no run is the full one, a name is unknown or there twice, or the wide run has another recoverer.
    """
    names = [run["header"]["name"] for run in runs]
    if len(runs) == 1 and names[0] not in WITHOUT:
        return Runs(runs[0], None, {})
    known = ", ".join((FULL, WIDE, *WITHOUT))
    if unknown := [name for name in names if name not in (FULL, WIDE, *WITHOUT)]:
        raise InvalidInput(f"There is no place on the page for a run named {unknown[0]!r}. Its runs are {known}.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidInput(f"Two of the runs are named {twice[0]!r}. Give one run of each name: {known}.")
    if FULL not in names:
        raise InvalidInput(f"None of the runs is named {FULL!r}; the others are compared to it. Give that run too.")
    by_name = dict(zip(names, runs, strict=True))
    full, wide = by_name[FULL], by_name.get(WIDE)
    if wide and _on(wide) != _on(full):
        raise InvalidInput(f"{FULL!r} and {WIDE!r} differ in recoverer or photos. Measure both with the same.")
    return Runs(full, wide, {name: by_name[name] for name in WITHOUT if name in by_name})


def _on(run: Document) -> tuple[Any, str]:
    return run["header"]["recoverer"], run["header"]["inputs"]["photos"]


def ablation(full: Document, others: Mapping[str, Document]) -> Iterator[str]:
    """What each left out thing changed.

    Raises:
        InvalidInput: a run saw other pictures than the full one.
    """
    yield "## Ablation"
    if others:
        yield _ABOUT
    for name, run in others.items():
        yield f"### {code(name)}: {WITHOUT[name]}"
        yield _same(full, run)
        heads = ["pictures", "score", FULL, name, "difference", "can be told from 0"]
        yield table(heads, _rows(full, run), words=2)
        if name == READER:
            yield from _whole_way(full, run)
    if missing := [f"{code(name)} ({words})" for name, words in WITHOUT.items() if name not in others]:
        were, them = ("was", "it") if len(missing) == 1 else ("were", "them")
        yield f"Missing: {and_list(missing)} {were} not given to this report, and nothing is said of {them} here."


_ABOUT = (
    "Each run is of models that were trained like the full ones but for one thing. It saw the same pictures with the "
    "same corruptions and seeds, so differences are taken pair by pair, the run minus `full`, over all levels; a "
    "negative one says that the full models do better. A difference can be told from 0 when its interval does not hold "
    "0. Answers are right answers in percent, their differences in percentage points. How long each model was trained "
    "stands in the models' cards; where an answerer was trained for less time than the full one, a part of the "
    "difference is that."
)


def _whole_way(full: Document, reader: Document) -> Iterator[str]:
    """The paper's comparison: all stages and both pictures, against an answerer of before them and the corrupted one.

    Raises:
        InvalidInput: the runs share no question.
    """
    before, after = aligned(answers(reader["cells"]), answers(full["cells"]))
    yield (
        f"The full models shown *both* against {code(READER)} shown the corrupted picture alone, which is what stages "
        "I to III add together, question by question. A part of it is that stage III also teaches to read damaged "
        "pictures: what the second picture adds for one and the same answerer is *both − corrupted* under Answers."
    )
    heads = ["level", f"{code(READER)}, corrupted", "full, both", "difference", "can be told from 0"]
    yield table(heads, (_step(level, before, after) for level in (CLEAN, *LEVELS, ALL)))


def _step(level: str, before: Table, after: Table) -> list[str]:
    named = {ALL: [*LEVELS], CLEAN: [NONE]}.get(level, [level])
    one, two = before.where(levels=named), after.where(levels=named)
    shares = (table.estimates().get(f"right/{condition}") for table, condition in ((one, "corrupted"), (two, "both")))
    found = difference(one, two, "right/corrupted", "right/both")
    row = found.as_dict() if found else None
    shown = (interval(share.as_dict() if share else None, 1, factor=100) for share in shares)
    return [level, *shown, interval(row, 1, sign=True, factor=100), told_from_0(row)]


def _same(full: Document, run: Document) -> str:
    """Which model differs from the full run's: with none, all differences are 0 by themselves."""
    parts = ("recoverer", "answerer")
    own = {part: run["header"][part]["revision"] for part in parts}
    changed = [part for part in parts if own[part] != full["header"][part]["revision"]]
    told = and_list([f"{part} {code(own[part])}" for part in parts])
    if not changed:
        return f"Its {told} are those of the full run, so the figures show only whether measuring repeats."
    verdict = f"the {changed[0]} is another than" if len(changed) == 1 else "both are others than"
    return f"Its {told}; {verdict} the full run's."


def _rows(full: Document, run: Document) -> Iterator[list[str]]:
    """Scores of recoveries, where another recoverer made them, and right answers."""
    found = compare(full, run)
    same = run["header"]["recoverer"]["revision"] == full["header"]["recoverer"]["revision"]
    for part in () if same else ("photos", "scenes"):
        for name, label in LABELS.items():
            shown, form = (part, f"{name}/recovered"), (digits(name) + 1, 1)
            yield [part, label, *_cells(found[part][ALL], (full, run), shown, form)]
    for condition in CONDITIONS:
        shown = ("answers", f"right/{condition}")
        yield ["scenes", f"right, {condition}", *_cells(found["answers"][ALL], (full, run), shown, (1, 100))]


def _cells(found: Row, runs: Sequence[Document], shown: tuple[str, str], form: tuple[int, float]) -> list[str]:
    """Both means, the difference, and the verdict; `form` is the digits and the factor."""
    (part, column), (places, factor) = shown, form
    means = (run["summary"][part]["levels"][ALL].get(column) for run in runs)
    told = [number(row["mean"] * factor if row else None, places) for row in means]
    row = found.get(column)
    return [*told, interval(row, places, sign=True, factor=factor), told_from_0(row)]
