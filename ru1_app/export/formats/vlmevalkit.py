"""VLMEvalKit's table (TSV): what misled, as a benchmark of multiple choice.

    RU1_failures_{train,test}.tsv     the question of each recovery that misled, with “Cannot tell” as the last option
    RU1_judge_{train,test}.tsv        of each recovery that has a verdict: which one it is

Put a file into LMUData and evaluate it by its name without ending. The names must hold none of the words that make
VLMEvalKit expect rotated options or another kind of question (circular, mmbench, ccbench, mmcr, openended, video).

pandas reads the table, and guesses: an option None or NA is gone, 007 becomes 7, and 3 beside an empty cell 3.0. A
no-break space after such a text keeps it as it is; None is written "None of these".
"""

from __future__ import annotations

import base64
import csv
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ru1_app.domain import CANNOT_TELL
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.preferences import FALSE
from ru1_app.export.cases.source import Source
from ru1_app.export.cases.tally import Tally
from ru1_app.export.formats.format import Format
from ru1_app.export.values.answers import BAD, Task, same
from ru1_app.export.values.judging import ASK, by_severity, category_label
from ru1_app.export.values.lessons import Lesson, lessons, not_wanted
from ru1_app.export.values.records import corruption_of
from ru1_app.models.prompts import LETTERS, PAIR
from ru1_app.protocol import load_protocol

NAME = "vlmevalkit"
FILES = {Task.ANSWER: "RU1_failures", Task.JUDGE: "RU1_judge"}
GUESSED = frozenset(  # texts that pandas takes for no value or a truth value
    ("#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a", "na", "null", "nan")
    + ("true", "false")
)
COLUMNS = (
    "index", "image", "image_path", "hint", "question", *LETTERS, "answer", "category", "l2-category", "split",
    "sample_id", "recovery_id", "verdict", "severity",
)  # fmt: skip


class _Benchmark:
    """One open table. A picture that stands in an earlier row of the same input is named by that row's index."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        self._writer = csv.DictWriter(file, COLUMNS, restval="", delimiter="\t", lineterminator="\n")
        self._writer.writeheader()
        self._sample, self._seen = "", dict[tuple[str, str], int]()
        self.count = 0

    def add(self, source: Source, lesson: Lesson, row: Mapping[str, str]) -> None:
        if lesson.row.case.sample.id != self._sample:
            self._sample, self._seen = lesson.row.case.sample.id, {}
        first = self._seen.setdefault(lesson.images, self.count)
        image = str(first) if first != self.count else str([_base64(source, sha) for sha in lesson.images])
        paths = str([f"{sha}.png" for sha in lesson.images])
        self._writer.writerow({"index": self.count, "image": image, "image_path": paths, **row, **_beside(lesson)})
        self.count += 1


def write(source: Source, folder: Path, tally: Tally) -> Mapping[str, int]:
    """See `Write`. The counts are those of both tables together."""
    open_: dict[tuple[str, str], _Benchmark] = {}
    with ExitStack() as stack:
        for _, lesson in lessons(source.groups(), tally, NAME, {NAME: not_wanted}):
            reason = _why_not(lesson)
            if reason:
                tally.lose(NAME, reason)
                continue
            key = (FILES[lesson.reply.task], lesson.row.split)
            if key not in open_:
                open_[key] = _Benchmark(folder / f"{'_'.join(key)}.tsv", stack)
            open_[key].add(source, lesson, _asked(lesson))
    counts: dict[str, int] = {}
    for (_, split), table in open_.items():
        counts[split] = counts.get(split, 0) + table.count
    return counts


def _why_not(lesson: Lesson) -> str | None:
    if lesson.reply.task is Task.JUDGE:
        return None
    question = lesson.row.case.sample.question
    if question is None or not question.options:
        return "an open question; only multiple choice is scored without a judge"
    if len(question.options) >= len(LETTERS):
        return "more options than letters"
    return None if _failed(lesson.label) else "it did not mislead"


def _failed(label: Label) -> bool:
    return label.verdict in FALSE or label.impact in BAD


def _asked(lesson: Lesson) -> dict[str, str]:
    """Question, options by letter, and the letter of the right one."""
    question = lesson.row.case.sample.question
    if lesson.reply.task is Task.JUDGE or question is None:
        verdicts = load_protocol().verdicts
        texts = [f"{each.label}: {each.definition}" for each in verdicts]
        right = next(place for place, each in enumerate(verdicts) if each.code == lesson.label.verdict)
        return _choices(ASK, texts, right)
    options = list(question.options)
    if not any(same(each, CANNOT_TELL) for each in options):
        options.append(CANNOT_TELL)
    wanted = str(lesson.reply.wanted)
    lettered = [f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False)]
    right = next(place for place, text in enumerate(options) if wanted == lettered[place] or same(wanted, text))
    return _choices(question.text, options, right)


def _choices(question: str, options: list[str], right: int) -> dict[str, str]:
    by_letter = {letter: kept(text) for letter, text in zip(LETTERS, options, strict=False)}
    return {"hint": PAIR, "question": kept(question), **by_letter, "answer": LETTERS[right]}


def _beside(lesson: Lesson) -> dict[str, Any]:
    """By what the results are grouped, and where the row comes from."""
    label, sample = lesson.label, lesson.row.case.sample
    spec = corruption_of(sample.corruption)
    named = [category_label(code) for code in by_severity(label)]
    verdict = load_protocol().verdict(label.verdict).label if label.verdict else "No majority"
    return {
        "category": kept(named[0] if named else verdict),
        "l2-category": kept("+".join(spec.names) if spec else "unknown corruption"),
        "split": lesson.row.split,
        "sample_id": kept(sample.id),
        "recovery_id": kept(lesson.row.case.id),
        "verdict": verdict,
        "severity": label.severity,
    }


def kept(text: str) -> str:
    """The text so that pandas gives it back as a text."""
    plain = text.strip().casefold()
    if plain == "none":
        return "None of these"
    number = False
    with suppress(ValueError):
        float(plain)
        number = True
    return f"{text}\N{NO-BREAK SPACE}" if number or not plain or plain in GUESSED else text


def _base64(source: Source, sha: str) -> str:
    return base64.b64encode(source.image(sha)).decode()


VLMEVALKIT = Format(
    name=NAME,
    title="VLMEvalKit benchmark",
    consumer="VLMEvalKit, as a custom multiple-choice set",
    trains="Nothing: it measures whether a model is misled by recoveries that misled people's answers before.",
    cannot="Open questions are left out. The set was chosen for failures: its score is no rate of failure.",
    write=write,
)
