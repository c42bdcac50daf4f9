"""What the draws of a recovery say: kind of uncertainty, unsure share and boxes, answers over the draws.

A chain of corruptions has a name of any length.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("samples") as table:
        table.alter_column("corruption_name", existing_type=sa.String(length=64), type_=sa.Text())
    op.add_column("recoveries", sa.Column("uncertainty_kind", sa.String(length=32), nullable=True))
    op.add_column("recoveries", sa.Column("unsure_share", sa.Double(), nullable=True))
    # Those stored before have a map that the model predicted, of which no summary was kept.
    op.add_column("recoveries", sa.Column("unsure_regions", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("recoveries", sa.Column("sample_answers", sa.JSON(), nullable=False, server_default="{}"))
    op.create_index(op.f("ix_recoveries_unsure_share"), "recoveries", ["unsure_share"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_recoveries_unsure_share"), table_name="recoveries")
    with op.batch_alter_table("recoveries") as table:
        for name in ("sample_answers", "unsure_regions", "unsure_share", "uncertainty_kind"):
            table.drop_column(name)
    with op.batch_alter_table("samples") as table:
        table.alter_column("corruption_name", existing_type=sa.Text(), type_=sa.String(length=64))
