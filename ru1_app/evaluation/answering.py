"""The parts of the page about answers: right ones, those that cannot be told, and misleading recoveries. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ru1_app.corruptions import LEVELS
from ru1_app.evaluation.page import Row, code, percent, table, told_from_0
from ru1_app.evaluation.summary import ALL
from ru1_app.evaluation.table import CONDITIONS

Document = Mapping[str, Any]
GAIN = "both-corrupted"


def right(run: Document, figure: str) -> Iterator[str]:
    """Right answers by level and by kind of question."""
    found = run["summary"]["answers"]
    yield "## Answers"
    yield (
        "The answerer sees the corrupted scene, the recovered one, or both, and is asked the same questions. Figures "
        "are shares of right answers in percent; the difference is *both* minus *corrupted*, question by question, in "
        "percentage points. It can be told from 0 when its interval does not hold 0. Right is the answer that names "
        "what was drawn: “cannot tell” is not right here, also where nothing can be told (see there)."
    )
    yield figure
    yield "### By level"
    yield table(["level", *_HEADS], ([level, *_right(row)] for level, row in _levels(found)))
    yield "### By kind of question"
    yield "All levels of all corruptions together:"
    kinds = found["kinds"].items()
    yield table(["kind", *_HEADS], ([kind, *_right(rows["levels"][ALL])] for kind, rows in kinds))
    yield "By kind and level, with the clean scene beside them:"
    yield table(["kind", "level", *_HEADS[:3]], _kinds(found["kinds"]), words=2)


def texts(run: Document) -> Iterator[str]:
    """Answers without options, and descriptions."""
    yield "## Open answers and descriptions"
    yield (
        "The same questions without options, answered in words, and the request to describe the scene; one scene "
        "for each corruption at mid severity. A description counts by the share of what it should tell that it names "
        "rightly (light, arrow, car, people, speed, word, and whether tree, cone and cloud are there). Percent."
    )
    rows = run["summary"]["texts"].items()
    columns = [f"{name}/{condition}" for name in ("open", "described") for condition in CONDITIONS]
    heads = [f"{name}, {condition}" for name in ("open answer", "description") for condition in CONDITIONS]
    yield table(["level", *heads], ([level, *(percent(row, column) for column in columns)] for level, row in rows))


def cannot_tell(run: Document) -> Iterator[str]:
    """How often the answerer says that it cannot tell."""
    yield "## “Cannot tell”"
    yield (
        "Shares of the questions, in percent, whose answer is that it cannot be told. The renderer knows what the "
        "corruption left of the thing that is asked about: where it is *gone*, nobody could tell from the corrupted "
        "scene and the answer should be that; where it is *seen*, it should not."
    )
    levels = _levels(run["summary"]["answers"])
    columns = ["gone", *(f"cannot_tell/{condition}" for condition in CONDITIONS)]
    rows = ([level, *(percent(row, column) for column in columns)] for level, row in levels)
    yield table(["level", "questions whose thing is gone", *(f"cannot tell, {c}" for c in CONDITIONS)], rows)
    for told in ("gone", "seen"):
        yield f"Of the questions whose thing is {told}:"
        columns = [f"cannot_tell_{told}/{condition}" for condition in CONDITIONS]
        rows = ([level, *(percent(row, column) for column in columns)] for level, row in levels)
        yield table(["level", *CONDITIONS], rows)
    yield (
        "A corruption of the whole scene seldom leaves nothing of a thing. So further scenes have one of their things "
        "*corrupted* by a chain of corruptions until little or nothing of it is left, or one thing, half of the scene "
        "or all of it *painted over* in one colour, and all their questions are asked. “Cannot tell”, in percent:"
    )
    yield table(["covered how, and what is asked about", "questions", *CONDITIONS], _covered(run["summary"]["covered"]))


def _covered(found: Row) -> Iterator[list[str]]:
    for way, row in (("corrupted", found["corrupted"]), ("painted over", found["painted"])):
        for told in ("gone", "seen"):
            columns = [f"cannot_tell_{told}/{condition}" for condition in CONDITIONS]
            count = row[columns[0]]["n"] if columns[0] in row else 0
            yield [f"{way}, {told}", str(count), *(percent(row, column) for column in columns)]


def misleading(run: Document) -> Iterator[str]:
    """How often a recovery turns a right answer into a wrong one, worst corruption first."""
    found = run["summary"]["answers"]
    yield "## Misleading recoveries"
    yield (
        "A recovery misleads where the answer from the corrupted scene is right and the one after recovery is wrong; "
        "it helps where the first is not right and the second is. Figures are shares of all questions in percent, over "
        "the three levels, from the recovered scene alone and from both; the worst corruption stands first."
    )
    columns = [f"{word}/{condition}" for word in ("misleading", "helped") for condition in CONDITIONS[1:]]
    heads = [f"{word}, {condition}" for word in ("misleading", "helped") for condition in CONDITIONS[1:]]
    rows = [("all corruptions", found["levels"][ALL])]
    rows += [(code(name), found["corruptions"][name][ALL]) for name in worst_first(found["corruptions"])]
    yield table(["corruption", *heads], ([name, *(percent(row, c) for c in columns)] for name, row in rows))


def worst_first(corruptions: Row) -> list[str]:
    """Names by their share of misleading recoveries, seen alone and then with both; equal ones by name."""

    def share(name: str, condition: str) -> float:
        row = corruptions[name][ALL].get(f"misleading/{condition}")
        return float(row["mean"]) if row else -1.0

    return sorted(corruptions, key=lambda name: (*(-share(name, c) for c in CONDITIONS[1:]), name))


_HEADS = [*CONDITIONS, "both − corrupted", "can be told from 0"]


def _levels(found: Row) -> list[tuple[str, Row]]:
    return [("clean", found["clean"]), *((level, found["levels"][level]) for level in (*LEVELS, ALL))]


def _right(row: Row) -> list[str]:
    shares = [percent(row, f"right/{condition}") for condition in CONDITIONS]
    return [*shares, percent(row, GAIN, sign=True), told_from_0(row.get(GAIN))]


def _kinds(kinds: Row) -> Iterator[list[str]]:
    for kind, rows in kinds.items():
        for level, row in _levels(rows)[:-1]:
            yield [kind, level, *_right(row)[:3]]
