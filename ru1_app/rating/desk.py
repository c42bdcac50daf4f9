"""The rating desk: serves items to raters and takes their judgements; the one door of page, API and tests.

Every rule is enforced here, on the server: roles, the training gate, the order of the stages. The clean reference is
given out only after the rater's own blind judgement is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ru1_app.domain import Case, Rating, RatingSource, Stage
from ru1_app.errors import Conflict, Forbidden, InvalidInput, NotFound
from ru1_app.gold import Grade, gold_key_from, grade
from ru1_app.items import (
    PAIR_STAGE,
    STAGES,
    Draft,
    Item,
    ItemKind,
    ItemState,
    Person,
    Purpose,
    Role,
    Turn,
    TurnState,
)
from ru1_app.protocol import load_protocol
from ru1_app.rating import policy
from ru1_app.rating.forms import Context, draft_of, rating_of, reason_of, vote_of
from ru1_app.rating.gate import Gate, Gatekeeper
from ru1_app.rating.people import need
from ru1_app.rating.policy import AGAIN_GAP, UNDO_DEPTH, Overlap
from ru1_app.store.judgements_sql import Judgement, Judgements, Submit
from ru1_app.store.queue_sql import Queue, Taker
from ru1_app.store.sql import Store

UPCOMING = 2  # items whose images the page loads ahead
MAX_TAB = 64
ITEM = re.compile(r"[0-9A-Za-z_-]{1,64}")  # an id


@dataclass(frozen=True, slots=True)
class Options:
    """Of the desk."""

    lease_seconds: int = 600
    overlap: Overlap = Overlap()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """An item as a rater may see it at a stage. `sides` are the recoveries of a pair, left and right."""

    item: Item
    turn: Turn
    stage: str
    case: Case
    asked_at: datetime
    other: Case | None = None
    sides: tuple[str, str] | None = None
    previous: Judgement | None = None  # what the rater said before, where it is reopened
    blind: Rating | None = None  # the rater's own, at the later stages
    beside: bool = False  # of a pair: the reference may be shown beside it


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one rater."""

    today: int
    total: int
    open: int
    undo: int
    gate: Gate


@dataclass(frozen=True, slots=True)
class TurnView:
    """What the page shows now, and what it may load ahead."""

    served: Served | None
    upcoming: tuple[tuple[str, tuple[Case, ...]], ...]  # ids of items and what they show
    draft: Draft | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a judgement: the next stage of the item, or feedback, or the next turn."""

    judgement_id: str
    stage: str
    served: Served | None
    grade: Grade | None
    turn: TurnView | None


class Desk:
    """Safe to use from many threads and processes."""

    def __init__(
        self, store: Store, gates: Gatekeeper, options: Options, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._store, self._gates, self._options = store, gates, options
        self._queue, self._judgements = Queue(store.database), Judgements(store.database)
        self._policy = partial(policy.settle, overlap=options.overlap)
        self._now = clock or (lambda: datetime.now(UTC))

    def next_item(self, person: Person, tab: str, hint: str = "") -> TurnView:
        """What this tab is at, or a new item; none where nothing is left.

        Raises:
            Forbidden: the person is no rater.
        """
        need(person, Role.RATER)
        taker = self._taker(person, tab)
        gate = self._gates.gate(person)
        hinted = hint if isinstance(hint, str) and ITEM.fullmatch(hint) else ""
        found = self._queue.current(taker) or self._take(taker, gate, hinted)
        return self._view(person, taker, self._served(*found, taker) if found else None, gate)

    def heartbeat(self, person: Person, tab: str, item_id: str) -> int:
        """Keep the item; returns for how many seconds.

        Raises:
            Conflict: it went to somebody else, or to another tab.
        """
        need(person, Role.RATER)
        self._queue.beat(_known(item_id), self._taker(person, tab))
        return self._options.lease_seconds

    def save_draft(
        self, person: Person, tab: str, item_id: str, stage: str, body: Mapping[str, Any] | None
    ) -> datetime:
        """Keep what is filled in.

        Raises:
            InvalidInput: it is no draft, or too large a one.
            NotFound: the item was not served to this person.
            Conflict: the item is at another stage, or in another tab.
        """
        need(person, Role.RATER)
        now = self._taker(person, tab).now
        if stage not in (*STAGES, PAIR_STAGE):
            raise InvalidInput(f"There is no stage {str(stage)[:64]!r}.")
        self._queue.save_draft(Draft(_known(item_id), person.id, stage, draft_of(body), now), tab)
        return now

    def submit(self, person: Person, tab: str, item_id: str, stage: str, form: Mapping[str, Any]) -> Submitted:
        """Store a judgement of a stage.

        Raises:
            InvalidInput: it breaks a rule of the taxonomy.
            NotFound: the item was not served to this person.
            Conflict: the stage is not the one that is open: it was judged, or comes later.
        """
        need(person, Role.RATER)
        taker = self._taker(person, tab)
        item, turn = self._own(item_id, taker)
        if stage not in STAGES or item.kind is ItemKind.PAIR:
            raise InvalidInput(f"There is no stage {str(stage)[:64]!r} for this item.")
        case = self._store.case(item.recovery_id)
        context = self._context(item, turn, case, taker, stage)
        rating = rating_of(form, Stage(stage), context)
        following = "" if item.purpose is Purpose.TRAINING else self._following(case, turn, stage)
        return self._done(person, taker, item, rating, following)

    def vote(self, person: Person, tab: str, item_id: str, form: Mapping[str, Any]) -> Submitted:
        """Store a choice between two recoveries; raises as `submit`."""
        need(person, Role.RATER)
        taker = self._taker(person, tab)
        item, turn = self._own(item_id, taker)
        if item.kind is not ItemKind.PAIR:
            raise InvalidInput("This item shows one recovery, not two.")
        case = self._store.case(item.recovery_id)
        context = self._context(item, turn, case, taker, PAIR_STAGE)
        return self._done(person, taker, item, vote_of(form, self._sides(item, person.id), context), "")

    def finish(self, person: Person, tab: str, item_id: str) -> TurnView:
        """Leave the later stages of a judged item out, and go on."""
        need(person, Role.RATER)
        self._queue.close(_known(item_id), self._taker(person, tab))
        return self.next_item(person, tab)

    def skip(self, person: Person, tab: str, item_id: str, reason: Any) -> TurnView:
        """Give an item back to the pool, with a reason, and go on."""
        need(person, Role.RATER)
        if self._queue.item(_known(item_id)).purpose is Purpose.TRAINING:
            raise InvalidInput("Training items cannot be skipped; “cannot tell” is an answer too.")
        self._queue.skip(item_id, self._taker(person, tab), reason_of(reason))
        return self.next_item(person, tab)

    def undo(self, person: Person, tab: str) -> TurnView:
        """Open the last submit again; again, the one before it, up to ten back. The correction is a new row.

        A blind judgement whose reference has been seen is not blind any more: then the reveal stage is opened.

        Raises:
            Conflict: there is nothing to undo, or the rater has read in the gallery what others say of it.
        """
        need(person, Role.RATER)
        taker = self._taker(person, tab)
        past = self._undoable(person)
        at, reopened = self._queue.current(taker), None
        if at is not None and at[1].state is TurnState.RATED:
            reopened = self._judgements.own(at[0].id, person.id, at[1].round, at[1].stage)
        if reopened is not None:  # undo was pressed before: go further back
            past = [each for each in past if each.judgement.created_at < reopened.created_at]
        if not past:
            raise Conflict(f"There is nothing to undo; the last {UNDO_DEPTH} submits can be.")
        last = past[0]
        stage, turn = last.stage, self._queue.turn(last.item_id, taker)
        if stage == Stage.BLIND.value and Stage.REVEAL.value in turn.opened:
            stage = Stage.REVEAL.value
            if self._store.case(self._queue.item(last.item_id).recovery_id).sample.reference_sha is None:
                raise Conflict("You have seen what others say of it; it cannot be judged blind again.")
        if at is not None and reopened is not None:  # what was reopened stays as it was
            self._queue.close(at[0].id, taker)
        found = self._queue.reopen(last.item_id, last.round, taker, stage)
        return self._view(person, taker, self._served(*found, taker), self._gates.gate(person))

    def looked(self, person: Person, item_id: str) -> None:
        """Note that a rater read a case outside of the desk: what was judged blind cannot be judged so again."""
        with suppress(NotFound):  # it was never served to this person
            self._queue.opened(item_id, self._taker(person, "gallery"), Stage.REVEAL.value)

    def progress(self, person: Person) -> Progress:
        """How far the rater is."""
        need(person, Role.RATER)
        return self._progress(person, self._taker(person, "-"), self._gates.gate(person))

    def adjudicate(self, person: Person, item_id: str, form: Mapping[str, Any]) -> Item:
        """Settle an item: a judgement beside those of the raters, made with everything in view.

        Raises:
            Forbidden: the person is no adjudicator, or has rated the item.
            Conflict: raters are not done with it; a lead may settle it all the same.
            InvalidInput: it is gold, for training, or a pair.
        """
        need(person, Role.ADJUDICATOR)
        item = self._queue.item(_known(item_id))
        if item.state is ItemState.OPEN and not person.role.may(Role.LEAD):  # so is gold, which is not told apart
            raise Conflict("Raters are not done with this item; it can be settled once they are.")
        if item.purpose is not Purpose.WORK or item.kind is ItemKind.PAIR:
            raise InvalidInput("Only single recoveries of the work can be settled; gold, training and pairs cannot.")
        ratings, _ = self._judgements.of_item(item_id)
        if any(each.rater_id == person.id and each.source is RatingSource.RATER for each in ratings):
            raise Forbidden("You have rated this item yourself; another adjudicator must settle it.")
        own = next(
            (each for each in ratings if each.rater_id == person.id and each.source is RatingSource.ADJUDICATOR), None
        )
        now = self._now()
        turn = Turn(item_id, person.id, TurnState.RATED, Stage.REVEAL.value, "-", now)
        context = Context(
            item, turn, self._store.case(item.recovery_id), now, None, load_protocol(), own.id if own else None,
            RatingSource.ADJUDICATOR,
        )  # fmt: skip
        self._judgements.adjudicate(rating_of(form, Stage.REVEAL, context), self._taker(person, "-"))
        return self._queue.item(item_id)

    def _taker(self, person: Person, tab: str) -> Taker:
        if not isinstance(tab, str) or not 0 < len(tab) <= MAX_TAB or not tab.isprintable():
            raise InvalidInput("The browser tab has no name. Reload the page.")
        return Taker(person.id, tab, self._now(), self._options.lease_seconds)

    def _take(self, taker: Taker, gate: Gate, hint: str) -> tuple[Item, Turn] | None:
        if not gate.passed:
            self._gates.provide(gate)
            return None if gate.failed else self._queue.take(taker, Purpose.TRAINING)
        kind = policy.kind_of_turn(taker.rater_id, self._gates.finished(taker.rater_id), self._options.seed)
        found = None
        if kind == "gold":
            found = self._queue.take(taker, Purpose.GOLD)
        elif kind == "again":
            found = self._queue.take_again(taker, AGAIN_GAP)
        return found or self._queue.take(taker, Purpose.WORK, hint)

    def _own(self, item_id: str, taker: Taker) -> tuple[Item, Turn]:
        return self._queue.item(_known(item_id)), self._queue.turn(item_id, taker)

    def _context(self, item: Item, turn: Turn, case: Case, taker: Taker, stage: str) -> Context:
        own = None
        if turn.state is not TurnState.HELD:
            own = self._judgements.own(item.id, taker.rater_id, turn.round, stage)
        shown = datetime.fromisoformat(turn.opened[stage]) if stage in turn.opened else None
        return Context(item, turn, case, taker.now, shown, load_protocol(), own.id if own else None)

    def _following(self, case: Case, turn: Turn, stage: str) -> str:
        """The next stage that the item has and that the rater has not judged."""
        has = {
            Stage.ANSWER.value: case.sample.question is not None and bool(case.answers),
            Stage.REVEAL.value: case.sample.reference_sha is not None,
        }
        order = [Stage.BLIND.value, Stage.ANSWER.value, Stage.REVEAL.value]
        judged = {
            rating.stage.value
            for rating in case.ratings
            if rating.rater_id == turn.rater_id and rating.round == turn.round and rating.item_id == turn.item_id
        }
        later = order[order.index(stage) + 1 :]
        return next((each for each in later if has[each] and each not in judged), "")

    def _done(self, person: Person, taker: Taker, item: Item, judgement: Judgement, following: str) -> Submitted:
        stored = self._judgements.add(judgement, taker, following, self._policy)
        if not stored:  # asked once more: the turn tells what the first time opened
            following = self._queue.turn(item.id, taker).stage
        graded = None
        if item.purpose is Purpose.TRAINING and isinstance(judgement, Rating):
            graded = self._graded(item, judgement)
            self._gates.settle(person, taker.now)
        if following:
            item, turn = self._own(item.id, taker)
            return Submitted(judgement.id, following, self._served(item, turn, taker), graded, None)
        turn_view = None if graded else self.next_item(self._gates.fresh(person), taker.tab)
        return Submitted(judgement.id, "", None, graded, turn_view)

    def _graded(self, item: Item, rating: Rating) -> Grade:
        if item.key is None:
            raise NotFound("This training item has no key. Tell the lead.")
        key = gold_key_from(item.key)
        return grade(key, rating.verdict.value, rating.categories, rating.severity, rating.regions)

    def _served(self, item: Item, turn: Turn, taker: Taker) -> Served:
        pair = item.kind is ItemKind.PAIR
        stage = turn.stage or (PAIR_STAGE if pair else Stage.BLIND.value)
        self._queue.opened(item.id, taker, stage)
        case = self._store.case(item.recovery_id)
        if pair:
            other = self._store.case(item.other_id or "")
            sides = self._sides(item, turn.rater_id)
            previous = self._judgements.own(item.id, turn.rater_id, turn.round, stage)
            beside = not self._queue.waits_blind((case.id, other.id), turn.rater_id)
            return Served(item, turn, stage, case, taker.now, other, sides, previous, beside=beside)
        previous = self._judgements.own(item.id, turn.rater_id, turn.round, stage)
        blind = None
        if stage != Stage.BLIND.value:
            found = self._judgements.own(item.id, turn.rater_id, turn.round, Stage.BLIND.value)
            if not isinstance(found, Rating):
                raise Forbidden("Judge the two images first; what comes after is shown then.")
            blind = found
        return Served(item, turn, stage, case, taker.now, previous=previous, blind=blind)

    def _sides(self, item: Item, rater_id: str) -> tuple[str, str]:
        first, second = item.recovery_id, item.other_id or ""
        on_left = policy.first_on_the_left(rater_id, item.id, self._options.seed)
        return (first, second) if on_left else (second, first)

    def _view(self, person: Person, taker: Taker, served: Served | None, gate: Gate) -> TurnView:
        upcoming: tuple[tuple[str, tuple[Case, ...]], ...] = ()
        if gate.passed:
            upcoming = tuple((item.id, self._cases(item)) for item in self._ahead(taker, served))
        draft = self._queue.draft(served.item.id, person.id) if served else None
        if draft is not None and served is not None and draft.stage != served.stage:
            draft = None
        return TurnView(served, upcoming, draft, self._progress(person, taker, gate))

    def _cases(self, item: Item) -> tuple[Case, ...]:
        return tuple(self._store.case(id_) for id_ in (item.recovery_id, item.other_id) if id_)

    def _ahead(self, taker: Taker, served: Served | None) -> list[Item]:
        """What comes next, gold among it: an item that was not announced would be known for gold."""
        held = served is not None and served.turn.state is TurnState.HELD
        done, shown = self._gates.finished(taker.rater_id) + held, served.item.id if served else ""
        kinds = [policy.kind_of_turn(taker.rater_id, done + turn, self._options.seed) for turn in range(UPCOMING)]
        waiting: dict[Purpose, list[Item]] = {}
        for purpose in (Purpose.WORK, *([Purpose.GOLD] if "gold" in kinds else [])):
            found = self._queue.upcoming(taker, UPCOMING + 1, purpose)
            waiting[purpose] = [item for item in found if item.id != shown]
        ahead = []
        for kind in kinds:
            if some := (kind == "gold" and waiting[Purpose.GOLD]) or waiting[Purpose.WORK]:
                ahead.append(some.pop(0))
        return ahead

    def _progress(self, person: Person, taker: Taker, gate: Gate) -> Progress:
        today, total = self._gates.counts(person.id, taker.now)
        open_ = self._queue.open_count(taker) if gate.passed else 0
        return Progress(today, total, open_, len(self._undoable(person)), gate)

    def _undoable(self, person: Person) -> list[Submit]:
        return self._judgements.submits(person.id, UNDO_DEPTH)


def _known(item_id: Any) -> str:
    """The id of an item; `NotFound` where it cannot be one."""
    if not isinstance(item_id, str) or not ITEM.fullmatch(item_id):
        raise NotFound(f"There is no item {str(item_id)[:64]!r} in the queue.")
    return item_id
