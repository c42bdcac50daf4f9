"""Rows of the rating desk from its values and back. Pure: no session, no query."""

from __future__ import annotations

from dataclasses import asdict

from ru1_app.items import Draft, Item, ItemKind, ItemState, Origin, PairChoice, PairVote, Person, Purpose, Role, Turn
from ru1_app.items import TurnState as State
from ru1_app.store.tables import DraftRow, ItemRow, PairVoteRow, PersonRow, TurnRow


def from_item(item: Item) -> ItemRow:
    values = asdict(item)
    for name in ("kind", "purpose", "origin", "state"):
        values[name] = str(values[name])
    return ItemRow(**values, subject=item.subject)


def to_item(row: ItemRow) -> Item:
    return Item(
        id=row.id,
        kind=ItemKind(row.kind),
        purpose=Purpose(row.purpose),
        origin=Origin(row.origin),
        recovery_id=row.recovery_id,
        created_at=row.created_at,
        other_id=row.other_id,
        overlap=row.overlap,
        rank=row.rank,
        count=row.count,
        state=ItemState(row.state),
        key=row.key,
        position=row.position,
    )


def to_turn(row: TurnRow) -> Turn:
    return Turn(
        row.item_id, row.rater_id, State(row.state), row.stage, row.tab, row.expires_at, row.round, row.opened,
        row.finished_at,
    )  # fmt: skip


def to_draft(row: DraftRow) -> Draft:
    return Draft(row.item_id, row.rater_id, row.stage, row.body, row.saved_at)


def from_vote(vote: PairVote) -> PairVoteRow:
    return PairVoteRow(**{**asdict(vote), "choice": vote.choice.value})


def to_vote(row: PairVoteRow) -> PairVote:
    return PairVote(
        row.id, row.item_id, row.rater_id, row.left_id, row.right_id, PairChoice(row.choice), row.comment,
        row.created_at, row.duration_ms, row.round, row.supersedes,
    )  # fmt: skip


def to_person(row: PersonRow) -> Person:
    return Person(row.id, row.provider, row.name, Role(row.role), row.created_at, row.gate_passed_at, row.forgotten_at)
