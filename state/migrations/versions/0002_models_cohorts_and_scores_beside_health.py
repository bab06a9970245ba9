"""Models by hash, frozen cohorts, and scores beside health."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "cohort",
        sa.Column("model_hash", sa.String(length=40), nullable=False),
        sa.Column("frozen_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model_hash", "frozen_at", name=op.f("pk_cohort")),
    )
    op.create_table(
        "model",
        sa.Column("model_hash", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model_hash", name=op.f("pk_model")),
    )
    op.create_table(
        "side_score",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.String(length=80), nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=True),
        sa.Column("band", sa.String(length=10), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "account_id", name=op.f("pk_side_score")),
    )
    op.add_column("plan", sa.Column("beside", sa.LargeBinary(), nullable=True))
