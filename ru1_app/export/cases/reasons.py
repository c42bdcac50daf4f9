"""Whether a recovery has a label that is strong enough for a selection, and why not. Pure."""

from __future__ import annotations

from datetime import datetime

from ru1_app.domain import Case, RatingSource
from ru1_app.export.cases.labels import Label, Status, label_of, valid
from ru1_app.export.cases.selection import UNKNOWN, Selection


def label_for(case: Case, selection: Selection, until: datetime) -> Label | None:
    """The label, where the recovery may be in the release and the label is strong enough."""
    label = label_of(case, until, visitors=selection.visitors)
    return None if label is None or why_barred(case, selection, until) or _why_weak(label, selection) else label


def why_barred(case: Case, selection: Selection, until: datetime) -> str | None:
    """Why a recovery may be in no row and in no preference; None where it may."""
    if selection.licenses and (case.sample.license or UNKNOWN) not in selection.licenses:
        return "another licence"
    told = valid(case.ratings, until)
    if selection.flags_only and any(each.source is not RatingSource.VISITOR for each in told):
        return "judged by raters meanwhile"
    return None


def why_unlabelled(case: Case, selection: Selection, until: datetime) -> str | None:
    """Why what was said of a recovery alone gives no label; None where it gives one, or nothing was said."""
    label = label_of(case, until, visitors=selection.visitors)
    if label is not None:
        return _why_weak(label, selection)
    told = valid(case.ratings, until)
    if not told:
        return None
    agreed = [each for each in told if each.consent]
    if not agreed:
        return "without consent"
    flagged = all(each.source is RatingSource.VISITOR for each in agreed)
    return "flagged by visitors only" if flagged else "no first verdict of a rater"


def _why_weak(label: Label, selection: Selection) -> str | None:
    if selection.adjudicated and label.status is not Status.ADJUDICATED:
        return "not adjudicated"
    if selection.elusive and not label.elusive:
        return "not elusive"
    if label.status is not Status.CONFIRMED:
        return None
    if label.raters < selection.least_raters:
        return f"fewer than {selection.least_raters} raters"
    return "the raters agree too little" if label.share < selection.least_agreement else None
