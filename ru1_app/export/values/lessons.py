"""The text side of a release as a stream: what is asked of each labelled recovery, and why something is left out.

Each recovery can teach two tasks: to answer the question of its sample, and to judge the recovery itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Row, RowGroup
from ru1_app.export.cases.selection import UNKNOWN
from ru1_app.export.cases.tally import Tally
from ru1_app.export.values.answers import Reply, Task, reply_of
from ru1_app.export.values.judging import judged
from ru1_app.export.values.plain import NO_MAJORITY
from ru1_app.rewards.human import hard_weight

Check = Callable[[Reply], str | None]
"""Why a reply cannot be used in some way; None where it can."""

NAMES = "image|img|video|audio|bbox|ref-object|cot-process|start-image|start_of_image"
TAG = re.compile(rf"<\|[^<>|]{{1,40}}\|>|<(?:{NAMES})\b[^<>]{{0,20}}>|\[IMG\]", re.IGNORECASE)
NOT_JUDGED = "judged only beside another one, not by itself"
NO_QUESTION = "no question was asked"
TAGGED = "a text holds a tag that trainers take for an image"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One task about one labelled recovery."""

    row: Row
    label: Label
    reply: Reply

    @property
    def images(self) -> tuple[str, str]:
        """The SHA-256 of the two images: corrupted, recovered."""
        return self.row.case.sample.corrupted_sha, self.row.case.recovery.image_sha

    @property
    def told(self) -> list[tuple[str, bool]]:
        """Texts with whether they are good: what a model answered; of verdicts the wanted and the opposite one."""
        reply = self.reply
        if reply.task is Task.ANSWER:
            return [(str(reply.said), bool(reply.good))]
        return [(str(reply.wanted), True), *([(reply.wrong, False)] if reply.wrong else [])]

    @property
    def facts(self) -> dict[str, Any]:
        """What is beside the texts: never null, so that readers who guess types guess right."""
        label, sample = self.label, self.row.case.sample
        verdict = label.verdict.value if label.verdict else None
        return {
            "task": self.reply.task.value,
            "sample_id": sample.id,
            "recovery_id": self.row.case.id,
            "label_status": label.status.value,
            "verdict": verdict or NO_MAJORITY,
            "severity": label.severity,
            "margin": margin(label),
            "human_hallucination": hallucination(label),
            "hard_weight": hard_weight(verdict, label.mean_severity, label.elusive),
            "license": sample.license or UNKNOWN,
        }


def margin(label: Label) -> float:
    """0-1: how much more of the raters say the verdict than do not; 0 where an adjudicator overruled most of them."""
    return round(max(2 * label.share - 1, 0.0), 4)


def hallucination(label: Label) -> float:
    """0-1, higher = more invented: the raters' 1-5 beside the clean image, else the mean severity over 3."""
    return round((label.human_score - 1) / 4 if label.human_score is not None else label.mean_severity / 3, 4)


def lessons(
    groups: Iterable[RowGroup], tally: Tally, part: str, uses: Mapping[str, Check]
) -> Iterator[tuple[str, Lesson]]:
    """Each lesson once for every use that it can be put to, by the name of the use.

    What cannot be used is counted under `part`; where there are several uses, the reason begins with the use.
    """
    for group in groups:
        for row in group.rows:
            if row.label is None:
                tally.lose(part, NOT_JUDGED)
                continue
            for lesson in _of(row, row.label, tally, part):
                for use, check in uses.items():
                    reason = check(lesson.reply)
                    if reason is None:
                        yield use, lesson
                    else:
                        tally.lose(part, f"{use}: {reason}" if len(uses) > 1 else reason)


def not_wanted(reply: Reply) -> str | None:
    """Nothing is known to be right."""
    if reply.wanted is not None:
        return None
    return "the raters agree on no verdict" if reply.task is Task.JUDGE else "nobody knows the right answer"


def not_paired(reply: Reply) -> str | None:
    """There is nothing to prefer, or nothing to reject."""
    if reply.wanted is None or reply.wrong is not None:
        return not_wanted(reply)
    return "the verdict has no opposite" if reply.task is Task.JUDGE else "no model gave a wrong answer"


def not_told(reply: Reply) -> str | None:
    """Nothing was said, or nobody knows whether it is good."""
    if reply.task is Task.JUDGE:
        return not_wanted(reply)
    if reply.said is None:
        return "no model answered with the recovery in view"
    return "nobody knows whether the answer is good" if reply.good is None else None


def _of(row: Row, label: Label, tally: Tally, part: str) -> Iterator[Lesson]:
    answer = reply_of(row)
    if answer is None:
        tally.lose(part, NO_QUESTION)
    for reply in (answer, judged(row, label)):
        if reply is None:
            continue
        if any(TAG.search(text) for text in (reply.prompt, reply.wanted, reply.said, reply.wrong) if text):
            tally.lose(part, TAGGED)
        else:
            yield Lesson(row, label, reply)
