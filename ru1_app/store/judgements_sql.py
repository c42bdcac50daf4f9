"""What raters submit: judgements and pair votes, stored with the turn, the item's count and the audit line at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased, selectinload

from ru1_app.domain import Rating, RatingSource, Stage
from ru1_app.errors import Conflict, InvalidInput
from ru1_app.items import PAIR_STAGE, Item, ItemState, PairVote, Purpose, TurnState
from ru1_app.store import audit_sql
from ru1_app.store.database import Database
from ru1_app.store.desk_rows import from_vote, to_item, to_vote
from ru1_app.store.queue_sql import Taker, drop_draft, item_row, turn_row
from ru1_app.store.rows import from_rating, to_rating
from ru1_app.store.sql import check_superseded
from ru1_app.store.tables import ItemRow, PairVoteRow, RatingRow, TurnRow

TWICE = "You have judged this already. Undo the judgement to change it."
Judgement = Rating | PairVote


class Settled(Protocol):
    """What a policy says of an item."""

    @property
    def overlap(self) -> int:
        """Raters wanted."""

    @property
    def state(self) -> ItemState:
        """How far it is."""

    @property
    def sooner(self) -> float:
        """How much nearer to the front of the queue it comes."""


Policy = Callable[[Item, Sequence[Rating], Sequence[PairVote]], Settled]
"""From an item and its valid first judgements to what it wants now."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One submit of a rater, for undo."""

    item_id: str
    stage: str
    round: int
    judgement: Judgement


class Judgements:
    """Safe to use from many threads and processes; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, judgement: Judgement, taker: Taker, following: str, policy: Policy) -> bool:
        """Store a judgement and move the rater's turn on to the stage `following` ("" ends it).

        The same judgement again (by its id) changes nothing and returns False: a page that lost the reply may ask
        once more. A first judgement counts for its item, and `policy` says what the item wants then.

        Raises:
            NotFound: the item was never served to the rater.
            Conflict: the rater has judged this stage already, and it is not being corrected.
            InvalidInput: it supersedes what is not the rater's own.
        """
        stage = stage_of(judgement)

        def write(session: Session) -> bool:
            kind: type[RatingRow | PairVoteRow] = RatingRow if isinstance(judgement, Rating) else PairVoteRow
            item = item_row(session, judgement.item_id or "", lock=True)
            if session.get(kind, judgement.id) is not None:  # looked for with the lock held: twice at one moment too
                return False
            turn = turn_row(session, item.id, judgement.rater_id)
            if turn.state == TurnState.SKIPPED.value:
                raise Conflict("You have skipped this item. Take the next one.")
            if turn.stage != stage:
                raise Conflict(TWICE)
            _keep(session, judgement)
            counts = turn.state == TurnState.HELD.value and turn.round == 0
            if turn.state == TurnState.HELD.value:
                turn.state, turn.finished_at = TurnState.RATED.value, taker.now
            item.count += counts
            turn.stage, turn.tab, turn.expires_at = following, taker.tab, taker.until
            if not following:
                turn.state = TurnState.DONE.value
            drop_draft(session, item.id, judgement.rater_id)
            session.flush()
            if stage in (Stage.BLIND.value, PAIR_STAGE):
                _settle(session, item, policy, counts)
            told = {"judgement": judgement.id, "stage": stage, "supersedes": judgement.supersedes}
            audit_sql.append(session, judgement.rater_id, "judged", item.id, told, taker.now)
            return True

        return self._database.write(write, TWICE)

    def adjudicate(self, rating: Rating, taker: Taker) -> None:
        """Store an adjudicator's judgement beside those of the raters; it settles the item. Once more changes nothing.

        Raises:
            Conflict: this adjudicator has judged it already.
        """

        def write(session: Session) -> None:
            item = item_row(session, rating.item_id or "", lock=True)
            if session.get(RatingRow, rating.id) is not None:
                return
            _keep(session, rating)
            item.state = ItemState.ADJUDICATED.value
            told = {"judgement": rating.id, "verdict": rating.verdict.value, "supersedes": rating.supersedes}
            audit_sql.append(session, rating.rater_id, "adjudicated", item.id, told, taker.now)

        self._database.write(write, TWICE)

    def want(self, item_id: str, overlap: int, actor: str, now: datetime, policy: Policy) -> Item:
        """Change how many raters an item gets; `policy` says how far it is then. What was adjudicated stays so.

        Raises:
            InvalidInput: the item is gold or for training, which every rater gets.
        """

        def write(session: Session) -> Item:
            item = item_row(session, item_id, lock=True)
            if item.purpose != Purpose.WORK.value:
                raise InvalidInput("Gold and training items are for every rater; that cannot be changed.")
            item.overlap = overlap
            _settle(session, item, policy, False)
            audit_sql.append(session, actor, "item_changed", item_id, {"overlap": overlap, "state": item.state}, now)
            return to_item(item)

        return self._database.write(write)

    def own(self, item_id: str, rater_id: str, round_: int, stage: str) -> Judgement | None:
        """The rater's valid judgement of an item at a stage."""
        with self._database.read() as session:
            if stage == PAIR_STAGE:
                votes = valid_votes().where(PairVoteRow.item_id == item_id, PairVoteRow.rater_id == rater_id)
                vote = session.scalars(votes.where(PairVoteRow.round == round_)).first()
                return to_vote(vote) if vote else None
            own = (RatingRow.item_id == item_id, RatingRow.rater_id == rater_id, RatingRow.round == round_)
            at = (RatingRow.stage == stage, RatingRow.source == RatingSource.RATER.value)
            row = session.scalars(valid_ratings().where(*own, *at)).first()
            return to_rating(row) if row else None

    def of_training(self, rater_id: str) -> list[tuple[Item, Rating]]:
        """The rater's judgements of training items, in the order of the items."""
        query = (
            select(RatingRow, ItemRow)
            .join(ItemRow, ItemRow.id == RatingRow.item_id)
            .where(RatingRow.rater_id == rater_id, RatingRow.stage == Stage.BLIND.value)
            .where(ItemRow.purpose == Purpose.TRAINING.value)
            .options(selectinload(RatingRow.categories), selectinload(RatingRow.regions))
            .order_by(ItemRow.position)
        )
        with self._database.read() as session:
            return [(to_item(item), to_rating(row)) for row, item in session.execute(query)]

    def of_item(self, item_id: str) -> tuple[list[Rating], list[PairVote]]:
        """All valid judgements of an item, of every stage and source."""
        with self._database.read() as session:
            ratings = session.scalars(valid_ratings().where(RatingRow.item_id == item_id))
            votes = session.scalars(valid_votes().where(PairVoteRow.item_id == item_id))
            return [to_rating(row) for row in ratings], [to_vote(row) for row in votes]

    def submits(self, rater_id: str, count: int) -> list[Submit]:
        """The rater's last submits that can be corrected, newest first.

        Not those of training items, nor of an item that was given to the rater once more since.
        """
        with self._database.read() as session:
            own = (RatingRow.rater_id == rater_id, RatingRow.source == RatingSource.RATER.value)
            work = ItemRow.purpose != Purpose.TRAINING.value
            same = (TurnRow.item_id == RatingRow.item_id, TurnRow.rater_id == rater_id)
            later = select(TurnRow.round).where(*same, TurnRow.round > RatingRow.round).exists()
            ratings = valid_ratings().join(ItemRow, ItemRow.id == RatingRow.item_id).where(*own, work, ~later)
            rows = session.scalars(ratings.order_by(RatingRow.created_at.desc(), RatingRow.id).limit(count))
            found = [Submit(row.item_id or "", row.stage, row.round, to_rating(row)) for row in rows]
            votes = valid_votes().where(PairVoteRow.rater_id == rater_id)
            rows_ = session.scalars(votes.order_by(PairVoteRow.created_at.desc(), PairVoteRow.id).limit(count))
            found += [Submit(row.item_id, PAIR_STAGE, row.round, to_vote(row)) for row in rows_]
        return sorted(found, key=lambda each: each.judgement.created_at, reverse=True)[:count]


def stage_of(judgement: Judgement) -> str:
    """The stage at which a judgement was made."""
    return judgement.stage.value if isinstance(judgement, Rating) else PAIR_STAGE


def valid_ratings() -> Select[RatingRow]:
    """Ratings that no later one supersedes."""
    later = aliased(RatingRow)
    superseded = select(later.id).where(later.supersedes == RatingRow.id).exists()
    loaded = (selectinload(RatingRow.categories), selectinload(RatingRow.regions))
    return select(RatingRow).where(~superseded).options(*loaded)


def valid_votes() -> Select[PairVoteRow]:
    """Pair votes that no later one supersedes."""
    later = aliased(PairVoteRow)
    return select(PairVoteRow).where(~select(later.id).where(later.supersedes == PairVoteRow.id).exists())


def _keep(session: Session, judgement: Judgement) -> None:
    if isinstance(judgement, PairVote):
        session.add(from_vote(judgement))
        return
    if judgement.supersedes is not None:
        check_superseded(session, judgement)
    session.add(from_rating(judgement))


def _settle(session: Session, item: ItemRow, policy: Policy, counts: bool) -> None:
    if item.state in (ItemState.ADJUDICATED.value, ItemState.RETIRED.value):
        return
    first = (RatingRow.stage == Stage.BLIND.value, RatingRow.source == RatingSource.RATER.value, RatingRow.round == 0)
    ratings = session.scalars(valid_ratings().where(RatingRow.item_id == item.id, *first))
    votes = session.scalars(valid_votes().where(PairVoteRow.item_id == item.id, PairVoteRow.round == 0))
    wants = policy(to_item(item), [to_rating(row) for row in ratings], [to_vote(row) for row in votes])
    item.overlap, item.state = wants.overlap, wants.state.value
    if counts:  # a correction does not move the item again
        item.rank -= wants.sooner
