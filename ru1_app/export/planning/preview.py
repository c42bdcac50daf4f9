"""The first rows of a plan as plain values, so that a person sees what a release would hold before it is written."""

from __future__ import annotations

from dataclasses import dataclass

from ru1_app.domain import Verdict
from ru1_app.export.cases.labels import Label
from ru1_app.export.cases.rows import Preference, Row
from ru1_app.export.planning.plan import Plan
from ru1_app.export.values.answers import reply_of

SHOWN = 6  # of each kind
WITHIN = 1000  # recoveries that are looked through for them


@dataclass(frozen=True, slots=True)
class Recovered:
    """A labelled recovery."""

    id: str
    corrupted_sha: str
    recovered_sha: str
    verdict: Verdict | None
    severity: int
    status: str
    raters: int
    share: float  # of the raters who say the verdict
    elusive: bool
    corruption: str | None
    split: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Of two recoveries of one input the one that people prefer, and the other."""

    corrupted_sha: str
    chosen_sha: str
    rejected_sha: str
    sides: tuple[tuple[Verdict | None, int] | None, ...]  # verdict and severity of both; None: not judged alone
    origin: str
    voters: int
    margin: float
    split: str


@dataclass(frozen=True, slots=True)
class Text:
    """A question, the answer that is wanted, and a wrong one that a model gave."""

    id: str
    corrupted_sha: str
    recovered_sha: str
    prompt: str
    wanted: str
    wrong: str | None
    split: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The first of each kind; empty where there is none among those that were looked through."""

    rows: tuple[Recovered, ...]
    pairs: tuple[Pair, ...]
    texts: tuple[Text, ...]


def preview(made: Plan, shown: int = SHOWN, within: int = WITHIN) -> Preview:
    """The first rows of a plan, `shown` of each kind at most."""
    rows: list[Recovered] = []
    pairs: list[Pair] = []
    texts: list[Text] = []  # those with a wrong answer: they are the ones that preferences are made of
    plain: list[Text] = []
    seen = 0
    for group in made.source.groups():
        rows += [_recovered(row, label) for row, label in group.labelled[: shown - len(rows)]]
        pairs += [_pair(each) for each in group.preferences[: shown - len(pairs)]]
        for text in (_text(row) for row, _ in group.labelled):
            kind = plain if text is not None and text.wrong is None else texts
            kind += [text] if text is not None and len(kind) < shown else []
        seen += len(group.rows)
        if seen >= within or min(len(rows), len(pairs), len(texts)) >= shown:
            break
    return Preview(tuple(rows), tuple(pairs), tuple([*texts, *plain][:shown]))


def _recovered(row: Row, label: Label) -> Recovered:
    sample = row.case.sample
    return Recovered(
        id=row.case.id,
        corrupted_sha=sample.corrupted_sha,
        recovered_sha=row.case.recovery.image_sha,
        verdict=label.verdict,
        severity=label.severity,
        status=label.status.value,
        raters=label.raters,
        share=label.share,
        elusive=label.elusive,
        corruption=sample.corruption,
        split=row.split,
    )


def _pair(pair: Preference) -> Pair:
    chosen, rejected = pair.chosen, pair.rejected
    return Pair(
        corrupted_sha=chosen.case.sample.corrupted_sha,
        chosen_sha=chosen.case.recovery.image_sha,
        rejected_sha=rejected.case.recovery.image_sha,
        sides=tuple((side.label.verdict, side.label.severity) if side.label else None for side in (chosen, rejected)),
        origin=pair.origin.value,
        voters=pair.voters,
        margin=pair.margin,
        split=pair.split,
    )


def _text(row: Row) -> Text | None:
    reply = reply_of(row)
    if reply is None or reply.wanted is None:
        return None
    case = row.case
    return Text(
        id=case.id,
        corrupted_sha=case.sample.corrupted_sha,
        recovered_sha=case.recovery.image_sha,
        prompt=reply.prompt,
        wanted=reply.wanted,
        wrong=reply.wrong,
        split=row.split,
    )
