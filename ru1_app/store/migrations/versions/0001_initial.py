"""The first tables: images, samples, recoveries, answers, scores, ratings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sha", name=op.f("pk_images")),
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("corrupted_sha", sa.String(length=64), nullable=False),
        sa.Column("reference_sha", sa.String(length=64), nullable=True),
        sa.Column("split_group", sa.String(length=64), nullable=False),
        sa.Column("corruption", sa.Text(), nullable=True),
        sa.Column("corruption_name", sa.String(length=64), nullable=True),
        sa.Column("severity", sa.Double(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["corrupted_sha"], ["images.sha"], name=op.f("fk_samples_corrupted_sha_images")),
        sa.ForeignKeyConstraint(["reference_sha"], ["images.sha"], name=op.f("fk_samples_reference_sha_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
    )
    op.create_index(op.f("ix_samples_corruption_name"), "samples", ["corruption_name"], unique=False)
    op.create_index(op.f("ix_samples_split_group"), "samples", ["split_group"], unique=False)
    op.create_table(
        "recoveries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sample_id", sa.String(length=64), nullable=False),
        sa.Column("image_sha", sa.String(length=64), nullable=False),
        sa.Column("uncertainty_sha", sa.String(length=64), nullable=True),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("model_revision", sa.String(length=200), nullable=False),
        sa.Column("model_engine", sa.String(length=200), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("app_version", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_sha"], ["images.sha"], name=op.f("fk_recoveries_image_sha_images")),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_recoveries_sample_id_samples")),
        sa.ForeignKeyConstraint(["uncertainty_sha"], ["images.sha"], name=op.f("fk_recoveries_uncertainty_sha_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    op.create_index("ix_recoveries_created_at_id", "recoveries", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_recoveries_model_id"), "recoveries", ["model_id"], unique=False)
    op.create_index(op.f("ix_recoveries_sample_id"), "recoveries", ["sample_id"], unique=False)
    op.create_table(
        "answers",
        sa.Column("recovery_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("condition", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("in_scope", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("model_revision", sa.String(length=200), nullable=False),
        sa.Column("model_engine", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_answers_recovery_id_recoveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recovery_id", "position", name=op.f("pk_answers")),
    )
    op.create_table(
        "ratings",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("recovery_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("answer_impact", sa.String(length=32), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("rater_id", sa.String(length=64), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("taxonomy_version", sa.String(length=32), nullable=False),
        sa.Column("guideline_version", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("supersedes", sa.String(length=64), nullable=True),
        sa.CheckConstraint("confidence BETWEEN 1 AND 3", name=op.f("ck_ratings_confidence")),
        sa.CheckConstraint("severity BETWEEN 0 AND 3", name=op.f("ck_ratings_severity")),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_ratings_recovery_id_recoveries"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["supersedes"], ["ratings.id"], name=op.f("fk_ratings_supersedes_ratings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
        sa.UniqueConstraint("supersedes", name=op.f("uq_ratings_supersedes")),
    )
    op.create_index("ix_ratings_source_recovery_id", "ratings", ["source", "recovery_id"], unique=False)
    op.create_index("ix_ratings_verdict_recovery_id", "ratings", ["verdict", "recovery_id"], unique=False)
    op.create_index(
        "uq_ratings_first",
        "ratings",
        ["recovery_id", "rater_id", "source", "stage"],
        unique=True,
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
    op.create_table(
        "scores",
        sa.Column("recovery_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pair", sa.String(length=32), nullable=False),
        sa.Column("scorer", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["recoveries.id"],
            name=op.f("fk_scores_recovery_id_recoveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recovery_id", "position", name=op.f("pk_scores")),
    )
    op.create_table(
        "rating_categories",
        sa.Column("rating_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.CheckConstraint("severity BETWEEN 0 AND 3", name=op.f("ck_rating_categories_severity")),
        sa.ForeignKeyConstraint(
            ["rating_id"],
            ["ratings.id"],
            name=op.f("fk_rating_categories_rating_id_ratings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("rating_id", "code", name=op.f("pk_rating_categories")),
    )
    op.create_index(op.f("ix_rating_categories_code"), "rating_categories", ["code"], unique=False)
    op.create_table(
        "rating_regions",
        sa.Column("rating_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("x0", sa.Double(), nullable=False),
        sa.Column("y0", sa.Double(), nullable=False),
        sa.Column("x1", sa.Double(), nullable=False),
        sa.Column("y1", sa.Double(), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["rating_id"],
            ["ratings.id"],
            name=op.f("fk_rating_regions_rating_id_ratings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("rating_id", "position", name=op.f("pk_rating_regions")),
    )


def downgrade() -> None:
    op.drop_table("rating_regions")
    op.drop_index(op.f("ix_rating_categories_code"), table_name="rating_categories")
    op.drop_table("rating_categories")
    op.drop_table("scores")
    op.drop_index(
        "uq_ratings_first",
        table_name="ratings",
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
    op.drop_index("ix_ratings_verdict_recovery_id", table_name="ratings")
    op.drop_index("ix_ratings_source_recovery_id", table_name="ratings")
    op.drop_table("ratings")
    op.drop_table("answers")
    op.drop_index(op.f("ix_recoveries_sample_id"), table_name="recoveries")
    op.drop_index(op.f("ix_recoveries_model_id"), table_name="recoveries")
    op.drop_index("ix_recoveries_created_at_id", table_name="recoveries")
    op.drop_table("recoveries")
    op.drop_index(op.f("ix_samples_split_group"), table_name="samples")
    op.drop_index(op.f("ix_samples_corruption_name"), table_name="samples")
    op.drop_table("samples")
    op.drop_table("images")
