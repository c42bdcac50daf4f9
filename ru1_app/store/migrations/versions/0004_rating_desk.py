"""The rating desk: people, queue, turns, drafts, pair votes, audit log, consensus, saved views."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIRST = ("recovery_id", "rater_id", "source", "stage")
UNSUPERSEDED = sa.text("supersedes IS NULL")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _people()
    _queue()
    _votes()
    _derived()
    op.drop_index("uq_ratings_first", "ratings")
    with op.batch_alter_table("ratings") as batch:
        batch.add_column(sa.Column("item_id", sa.String(64), nullable=True))
        batch.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("shown_at", MOMENT, nullable=True))
        batch.add_column(sa.Column("duration_ms", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("supported_by_input", sa.String(32), nullable=True))
        batch.add_column(sa.Column("global_rating", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("guard", sa.String(32), nullable=True))
        batch.create_foreign_key("fk_ratings_item_id_items", "items", ["item_id"], ["id"])
        batch.create_check_constraint("global_rating", "global_rating BETWEEN 1 AND 5")
    _first_index((*FIRST, "round"))
    op.create_index("ix_ratings_rater_id_created_at", "ratings", ["rater_id", "created_at"])
    op.create_index("ix_ratings_item_id", "ratings", ["item_id"])
    op.create_index("ix_scores_scorer_pair_recovery_id_value", "scores", ["scorer", "pair", "recovery_id", "value"])


def downgrade() -> None:
    op.drop_index("ix_scores_scorer_pair_recovery_id_value", "scores")
    for name in ("uq_ratings_first", "ix_ratings_rater_id_created_at", "ix_ratings_item_id"):
        op.drop_index(name, "ratings")
    with op.batch_alter_table("ratings") as batch:
        batch.drop_constraint("fk_ratings_item_id_items", type_="foreignkey")
        batch.drop_constraint("global_rating", type_="check")
        for name in (
            "item_id", "round", "shown_at", "duration_ms", "supported_by_input", "global_rating", "guard",
        ):  # fmt: skip
            batch.drop_column(name)
    _first_index(FIRST)
    for name in ("views", "consensus", "audit", "pair_votes", "drafts", "turns", "items", "sign_ins", "people"):
        op.drop_table(name)


def _first_index(columns: tuple[str, ...]) -> None:
    op.create_index(
        "uq_ratings_first", "ratings", list(columns), unique=True,
        sqlite_where=UNSUPERSEDED, postgresql_where=UNSUPERSEDED,
    )  # fmt: skip


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("gate_passed_at", MOMENT, nullable=True),
        sa.Column("forgotten_at", MOMENT, nullable=True),
        sa.UniqueConstraint("provider", "name", name="uq_people_provider_name"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("token_sha", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_index("ix_sign_ins_person_id", "sign_ins", ["person_id"])


def _queue() -> None:
    recovery = sa.ForeignKey("recoveries.id", ondelete="CASCADE")
    op.create_table(
        "items",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("recovery_id", sa.String(64), recovery, nullable=False),
        sa.Column("other_id", sa.String(64), sa.ForeignKey("recoveries.id", ondelete="CASCADE"), nullable=True),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("key", sa.JSON(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("overlap >= 1", name="overlap"),
    )
    op.create_index("ix_items_purpose_state_rank", "items", ["purpose", "state", "rank"])
    op.create_index("ix_items_recovery_id", "items", ["recovery_id"])
    op.create_index("ix_items_other_id", "items", ["other_id"])
    op.create_table(
        "turns",
        _item(primary_key=True),
        sa.Column("rater_id", sa.String(64), primary_key=True),
        sa.Column("round", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("tab", sa.String(64), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("opened", sa.JSON(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
    )
    op.create_index("ix_turns_rater_id_state_finished_at", "turns", ["rater_id", "state", "finished_at"])
    op.create_table(
        "drafts",
        _item(primary_key=True),
        sa.Column("rater_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
    )


def _item(*, primary_key: bool = False) -> sa.Column[str]:
    items = sa.ForeignKey("items.id", ondelete="CASCADE")
    return sa.Column("item_id", sa.String(64), items, primary_key=primary_key, nullable=False)


def _votes() -> None:
    op.create_table(
        "pair_votes",
        sa.Column("id", sa.String(64), primary_key=True),
        _item(),
        sa.Column("rater_id", sa.String(64), nullable=False),
        sa.Column("left_id", sa.String(64), sa.ForeignKey("recoveries.id"), nullable=False),
        sa.Column("right_id", sa.String(64), sa.ForeignKey("recoveries.id"), nullable=False),
        sa.Column("choice", sa.String(16), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("supersedes", sa.String(64), sa.ForeignKey("pair_votes.id"), nullable=True, unique=True),
    )
    op.create_index(
        "uq_pair_votes_first", "pair_votes", ["item_id", "rater_id", "round"], unique=True,
        sqlite_where=UNSUPERSEDED, postgresql_where=UNSUPERSEDED,
    )  # fmt: skip
    op.create_index("ix_pair_votes_rater_id_created_at", "pair_votes", ["rater_id", "created_at"])


def _derived() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "consensus",
        _item(primary_key=True),
        sa.Column("recovery_id", sa.String(64), sa.ForeignKey("recoveries.id", ondelete="CASCADE"), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("raters", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("modelled", sa.String(32), nullable=True),
        sa.Column("certainty", sa.Double(), nullable=True),
        sa.Column("elusive", sa.Boolean(), nullable=False),
        sa.Column("adjudicated", sa.Boolean(), nullable=False),
        sa.Column("computed_at", MOMENT, nullable=False),
    )
    op.create_index("ix_consensus_recovery_id", "consensus", ["recovery_id"])
    op.create_index("ix_consensus_verdict", "consensus", ["verdict"])
    op.create_table(
        "views",
        sa.Column("slug", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
