"""Flagging: checks a person's judgement of a recovery, then stores the case with it, all or nothing."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ru1_app.domain import AnswerImpact, Case, Rating, RatingSource, Region, Stage, Verdict
from ru1_app.errors import Conflict, InvalidInput, NotFound, Ru1Error
from ru1_app.protocol import Protocol, check_judgement, load_protocol
from ru1_app.store.sql import Store

MAX_COMMENT = 500
MAX_REGIONS = 20
MAX_SESSION = 64
Guard = Callable[[str, datetime], str]
"""From a visitor's session and the moment: the outcome to store with the flag. Raises `InvalidInput` to refuse it."""
log = logging.getLogger(__name__)
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


def flag(
    store: Store, case: Case, images: Mapping[str, bytes], form: FlagForm, *,
    now: datetime | None = None, guard: Guard | None = None, on_flagged: Callable[[Case], object] | None = None,
) -> Case:  # fmt: skip
    """Store `case` with its images and this judgement, and return it as stored.

    Args:
        guard: asked before a visitor's flag is stored.
        on_flagged: told of the stored case; where it fails, the log says so and the flag stays.

    Raises:
        InvalidInput: consent is missing, the judgement breaks a rule, or the guard refuses; nothing is stored.
        Conflict: this person flagged this recovery already.
    """
    now = now or datetime.now(UTC)
    rating = make_rating(load_protocol(), case.id, form, now)
    if guard is not None and rating.source is RatingSource.VISITOR:
        rating = replace(rating, guard=guard(rating.rater_id, now))
    stored = _stored(store, case, images, rating)
    if on_flagged is not None:
        try:
            on_flagged(stored)
        except Ru1Error:
            log.exception("The case %s is stored, but what follows a flag failed", stored.id)
    return stored


def _stored(store: Store, case: Case, images: Mapping[str, bytes], rating: Rating) -> Case:
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
    comment = check_comment(form.comment.strip())
    check_regions(protocol, form.verdict, form.regions)
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


def check_comment(comment: str) -> str:
    """The comment, or `InvalidInput`: it is too long, or holds what no database can keep."""
    if len(comment) > MAX_COMMENT:
        raise InvalidInput(f"The comment has {len(comment)} characters; up to {MAX_COMMENT} are allowed.")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in comment):
        raise InvalidInput("The comment holds a character that cannot be stored. Type it again.")
    return comment


def check_regions(protocol: Protocol, verdict: str, regions: tuple[Region, ...], *, points: bool = False) -> None:
    """Refuse, with `InvalidInput`, too many regions, one outside of the image, or a category that does not go with the
    verdict. A point is a region whose corners are one place; only raters mark points."""
    if len(regions) > MAX_REGIONS:
        raise InvalidInput(f"There are {len(regions)} boxes; up to {MAX_REGIONS} are allowed.")
    for region in regions:
        _check_region(protocol, verdict, region, points)


def _check_region(protocol: Protocol, verdict: str, region: Region, points: bool) -> None:
    corners = (region.x0, region.y0, region.x1, region.y1)
    inside = all(math.isfinite(value) and 0 <= value <= 1 for value in corners)
    point = points and region.x0 == region.x1 and region.y0 == region.y1
    if not inside or (not point and (region.x0 >= region.x1 or region.y0 >= region.y1)):
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
