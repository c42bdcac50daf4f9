"""What larger models say: the trace of a recovery, the probabilities of the options, their reading of the damage."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recoveries", sa.Column("trace", sa.Text(), nullable=True))
    op.add_column("answers", sa.Column("probabilities", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("answers", sa.Column("reading", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for table, names in (("answers", ("reading", "probabilities")), ("recoveries", ("trace",))):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
