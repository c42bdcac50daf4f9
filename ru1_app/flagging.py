"""Flagging: checks a person's judgement of a recovery, then stores the case with it, all or nothing."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Region, Stage, Verdict
from ru1_app.errors import Conflict, InvalidInput, NotFound
from ru1_app.protocol import Protocol, check_judgement, load_protocol
from ru1_app.store.sql import Store

MAX_COMMENT = 500
MAX_REGIONS = 20
MAX_SESSION = 64
TWICE = "You have flagged this recovery already. Recover once more to flag another one."


@dataclass(frozen=True, slots=True)
class FlagForm:
    """What a person filled in. Regions are fractions of the recovered image, origin top left."""

    verdict: str
    severity: int
    consent: bool
    session_id: str
    categories: Mapping[str, int] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    answer_impact: str = AnswerImpact.UNKNOWN.value
    comment: str = ""
    source: RatingSource = RatingSource.VISITOR
    stage: Stage = Stage.OPEN


def flag(store: Store, case: Case, images: Mapping[str, bytes], form: FlagForm, *, now: datetime | None = None) -> Case:
    """Store `case` with its images and this judgement, and return it as stored.

    Raises:
        InvalidInput: consent is missing or the judgement breaks a rule; nothing is stored.
        Conflict: this person flagged this recovery already.
    """
    rating = make_rating(load_protocol(), case.id, form, now or datetime.now(UTC))
    if not _known(store, case.id):
        try:
            store.add_case(replace(case, ratings=(rating,)), images)
            return store.case(case.id)
        except Conflict:
            if not _known(store, case.id):
                raise
            # else someone flagged the same recovery in between: this judgement joins theirs
    if any(old.rater_id == rating.rater_id and old.stage is rating.stage for old in store.case(case.id).ratings):
        raise Conflict(TWICE)
    store.keep(images)  # an image that was lost or damaged since is whole again
    try:
        store.add_rating(rating)
    except Conflict as error:
        raise Conflict(TWICE) from error
    return store.case(case.id)


def _known(store: Store, case_id: str) -> bool:
    try:
        store.case(case_id)
    except NotFound:
        return False
    return True


def make_rating(protocol: Protocol, recovery_id: str, form: FlagForm, now: datetime) -> Rating:
    """The form as a rating, or `InvalidInput` with what is wrong."""
    if not form.consent:
        raise InvalidInput("Tick the consent box: a flag stores the images and what you say, and exports them.")
    if not 0 < len(form.session_id) <= MAX_SESSION:
        raise InvalidInput("The session is unknown. Reload the page, then flag again.")
    if not form.verdict:
        raise InvalidInput("Choose a verdict first.")
    check_judgement(protocol, form.verdict, form.categories, form.severity, form.answer_impact)
    comment = _check_comment(form.comment.strip())
    if len(form.regions) > MAX_REGIONS:
        raise InvalidInput(f"There are {len(form.regions)} boxes; up to {MAX_REGIONS} are allowed.")
    for region in form.regions:
        _check_region(protocol, form.verdict, region)
    return Rating(
        id=uuid.uuid4().hex,
        recovery_id=recovery_id,
        source=form.source,
        stage=form.stage,
        verdict=Verdict(form.verdict),
        categories=dict(form.categories),
        regions=form.regions,
        severity=form.severity,
        answer_impact=AnswerImpact(form.answer_impact),
        comment=comment,
        rater_id=form.session_id,
        taxonomy_version=protocol.taxonomy_version,
        guideline_version=protocol.guideline_version,
        created_at=now,
        consent=True,
    )


def _check_comment(comment: str) -> str:
    if len(comment) > MAX_COMMENT:
        raise InvalidInput(f"The comment has {len(comment)} characters; up to {MAX_COMMENT} are allowed.")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in comment):
        raise InvalidInput("The comment holds a character that cannot be stored. Type it again.")
    return comment


def _check_region(protocol: Protocol, verdict: str, region: Region) -> None:
    corners = (region.x0, region.y0, region.x1, region.y1)
    inside = all(math.isfinite(value) and 0 <= value <= 1 for value in corners)
    if not inside or region.x0 >= region.x1 or region.y0 >= region.y1:
        raise InvalidInput("A box lies outside the recovered image. Draw it again inside the image.")
    if region.category is not None:
        label = protocol.category(region.category).label
        if not protocol.verdict(verdict).categories:
            raise InvalidInput(f"A box says {label!r}, which does not go with this verdict. Clear the box's category.")


def derive_impact(expected: str | None, before: str | None, after: str | None) -> AnswerImpact:
    """What the recovery did to the answer; unknown unless the right answer and both choices are known.

    Args:
        expected: the right choice, or None where it is not known.
        before: the choice from the corrupted image.
        after: the choice from both images.
    """
    if expected is None or before is None or after is None:
        return AnswerImpact.UNKNOWN
    right = (before == expected, after == expected)
    return {
        (True, True): AnswerImpact.NONE,
        (False, True): AnswerImpact.HELPED,
        (True, False): AnswerImpact.HARMED,
        (False, False): AnswerImpact.WRONG_BOTH,
    }[right]
